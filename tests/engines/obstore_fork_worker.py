"""Forks a process that has used obstore, or has only configured a cache, and prints what a call in the child comes to.

    python obstore_fork_worker.py URL BUCKET used|configured blocking|async fork|multiprocessing

A child that hangs is ended by its own alarm, and then says nothing.
"""

import asyncio
import multiprocessing
import os
import signal
import sys

from s3cache.engines.obstore import ObstoreEngine
from s3cache.errors import EngineMisconfigured
from tests.servers import s3_options

SECONDS = 10


def call(engine, shape):
    """What a GET comes to, in a child."""
    signal.alarm(SECONDS)
    try:
        if shape == "async":
            asyncio.run(get(engine.asynchronous()))
        else:
            engine.get_object("name")
    except EngineMisconfigured as error:
        print(f"EngineMisconfigured: {error}", flush=True)
    else:
        print("answered", flush=True)


async def get(store):
    await store.get_object("name")


def main(url, bucket, before, shape, how):
    engine = ObstoreEngine.from_options(f"s3://{bucket}", s3_options(url))
    if before == "used":  # with another store, because that is enough
        ObstoreEngine.from_options("memory:///other", {}).put_object("name", b"body")
    if how == "multiprocessing":
        child = multiprocessing.get_context("fork").Process(target=call, args=(engine, shape))
        child.start()
        child.join()
        child.close()
    elif pid := os.fork():
        os.waitpid(pid, 0)
    else:
        call(engine, shape)
        os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
