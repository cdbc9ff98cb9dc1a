"""A process that works on a directory together with others: ``python local_worker.py <job> <directory> <name of this worker>``.

It says "ready", waits for a line on its standard input, and then prints one line for each thing it has done.
"""

import os
import shutil
import signal
import sys

from django.core.files import locks

from s3cache.engines import localswap
from s3cache.engines.local import LocalEngine
from s3cache.engines.localfiles import locked
from s3cache.errors import PreconditionFailed


def count(engine, who):
    """Add 1 to a counter 100 times."""
    for _ in range(100):
        while True:
            stored = engine.get_object("counter")
            try:
                engine.put_object("counter", b"%d" % (int(stored.body) + 1), if_match=stored.etag)
                break
            except PreconditionFailed:
                pass


def create(engine, who):
    """Try to create 200 objects, and print those that were this worker's."""
    for number in range(200):
        try:
            engine.put_object(f"{number % 8}/{number}", who.encode(), if_none_match=True)
            print(number)
        except PreconditionFailed:
            pass


def write(engine, who):
    """Write large bodies, each of one byte repeated, until killed."""
    for number in range(1_000_000):
        print("write", flush=True)
        engine.put_object(f"{number % 3}/{number % 5}", bytes([number % 256]) * (500_000 + number % 7))


def die(engine, who):
    """Begin to replace and to create an object, and get killed before the second half of a body or before a system call.

    ``os.link`` names the call; ``renaming os.link`` the same on a file system that cannot exchange two names.
    """
    if who.startswith("renaming "):
        localswap.exchanged = lambda *_: False
    module, who = who.removeprefix("renaming ").split(".")
    module = {"os": os, "localswap": localswap}[module]
    original = getattr(module, who)

    def killed(*arguments, **keywords):
        if who == "write":
            original(arguments[0], bytes(arguments[1])[:500_000])
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(module, who, killed)
    engine.put_object("old", b"new" * 500_000, if_match=engine.get_object("old").etag)
    engine.put_object("new", b"new" * 500_000, if_none_match=True)


def clear(engine, who):
    """Delete whatever there is, until killed."""
    while True:
        engine.delete_objects([info.name for info in engine.list_objects()][:1000])
        print("cleared", flush=True)


def remove(engine, who):
    """Remove the whole directory, until killed."""
    while True:
        shutil.rmtree(engine.location.removeprefix("file://"), ignore_errors=True)
        print("removed", flush=True)


def fork(engine, who):
    """Fork while a lock is held, then print whether it is free again although the child still has its file open."""
    path = engine.location.removeprefix("file://") + "/lock"
    waiting, done = os.pipe()
    with locked(path):
        if os.fork() == 0:
            os.close(done)
            os.read(waiting, 1)
            os._exit(0)
    with open(path) as file:
        print("free" if locks.lock(file, locks.LOCK_EX | locks.LOCK_NB) else "held")
    os.close(done)
    os.wait()


if __name__ == "__main__":
    job, directory, who = sys.argv[1:]
    print("ready", flush=True)
    sys.stdin.readline()
    globals()[job](LocalEngine(directory), who)
