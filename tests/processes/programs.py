"""What the programs of ``support`` do: each takes the cache, and words from its command line."""

import asyncio
import contextlib
import ctypes
import gc
import json
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor

from s3cache.engines.localfiles import locked
from s3cache.errors import EngineUnavailable

KEYS = [f"key-{number}" for number in range(8)]
LARGE = b"large" * 2_000_000
CHILD = 20
"""Seconds that a child has. One that hangs is ended by its own alarm."""


def main():
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started the tests may have had it ignored
    program, entry, *arguments = sys.argv[1:]
    globals()[program](opened(entry), *arguments)


def opened(entry):
    """The cache of that entry, as JSON."""
    from django.conf import settings

    settings.configure(SECRET_KEY="the secret key of the tests", CACHES={"default": json.loads(entry)})
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # a busy machine is no news
    from django.core.cache import cache

    return cache


def use(cache):
    """All that there is of the cache: connections, and the threads of both kinds."""
    cache.set("parent", 1)
    cache.add("counter", 0)
    cache.set_many(dict.fromkeys(KEYS, "value"))
    assert len(cache.get_many(KEYS)) == len(KEYS)
    assert asyncio.run(cache.aget("parent")) == 1


def work(cache):
    """The same in a child, and what its parent stored."""
    assert cache.get("parent") == 1
    assert cache.get_many(["parent", *KEYS]) == {"parent": 1, **dict.fromkeys(KEYS, "value")}
    assert asyncio.run(cache.aget("parent")) == 1
    assert asyncio.run(cache.aget_many(KEYS)) == dict.fromkeys(KEYS, "value")
    cache.incr("counter")
    key = f"child-{os.getpid()}"
    cache.set(key, key)
    assert cache.get(key) == key


def forked(action, *arguments):
    """How a child ended in which the action was done: "done", or its error."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(CHILD)
        os.close(reading)
        os.write(writing, outcome(action, *arguments).encode())
        os._exit(0)
    os.close(writing)
    with open(reading, closefd=True) as answer:
        said = answer.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return said or f"nothing, and status {status}"


def outcome(action, *arguments):
    try:
        action(*arguments)
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    return "done"


def task(entry, number):
    """That of a pool's child, which configures Django if it has to."""
    signal.alarm(CHILD)
    from django.conf import settings

    if not settings.configured:
        opened(entry)
    from django.core.cache import cache

    time.sleep(0.01)  # so that each child gets one
    return os.getpid(), outcome(work, cache)


def prefork(cache, method, children, tasks):
    """As Celery does: many children at once, of a parent that has used the cache, for one task after the other."""
    use(cache)
    entry = sys.argv[2]
    with ProcessPoolExecutor(int(children), multiprocessing.get_context(method)) as pool:
        found = list(pool.map(task, [entry] * int(tasks), range(int(tasks))))
    print(*sorted({how for _, how in found}), sep="\n")
    print("children:", len({pid for pid, _ in found} - {os.getpid()}))
    print("counter:", cache.get("counter"))


def generations(cache, depth):
    """The child of a child: each uses the cache, and then has the next."""

    def live(left):
        work(cache)
        if left:
            said = forked(live, left - 1)
            assert said == "done", said
            work(cache)

    use(cache)
    print(forked(live, int(depth)))
    print("counter:", cache.get("counter"))


def fresh_memory(cache):
    """The memory engine keeps its store to the process."""

    def look():
        assert cache.get("parent") is None
        cache.set("parent", "the child's")
        assert cache.get_many(["parent"]) == {"parent": "the child's"}
        assert asyncio.run(cache.aget("parent")) == "the child's"

    use(cache)
    print(forked(look))
    print(cache.get("parent"))


def fork_in_a_thread(cache, forks):
    """While other threads are in the middle of requests."""
    use(cache)
    stop = threading.Event()

    def busy():
        while not stop.is_set():
            for action in (lambda: cache.get("parent"), lambda: cache.get_many(KEYS), lambda: cache.set("busy", 1)):
                outcome(action)

    def fork():
        found.update(forked(child, cache) for _ in range(int(forks)))

    def child(cache):
        assert cache.get("parent") == 1
        assert len(cache.get_many(KEYS)) == len(KEYS)

    found = set()
    threads = [threading.Thread(target=busy) for _ in range(3)]
    forking = threading.Thread(target=fork)
    for thread in (*threads, forking):
        thread.start()
    forking.join()
    stop.set()
    for thread in threads:
        thread.join()
    print(*sorted(found), sep="\n")


LOCKS = (type(threading.Lock()), type(threading.RLock()))
OWNERS = ("s3cache", "queue", "urllib3", "botocore", "boto3", "minio", "storages")


def locks():
    """Every lock of s3cache, of the SDKs and of the queues of their pools, and who has it."""
    for one in gc.get_objects():
        module = type(one).__module__.partition(".")[0]
        if module in OWNERS and type(one).__qualname__ != "SimpleQueue":
            named = {**getattr(one, "__dict__", {}), **{name: getattr(one, name, None) for name in slots(type(one))}}
            yield from ((f"{type(one).__qualname__}.{name}", value) for name, value in named.items() if isinstance(value, LOCKS))
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in OWNERS:
            yield from ((f"{name}.{what}", value) for what, value in vars(module).items() if isinstance(value, LOCKS))


def slots(kind):
    return [name for one in kind.__mro__ for name in getattr(one, "__slots__", ()) if isinstance(name, str)]


def fork_while_all_is_locked(cache):
    """Another thread holds every lock there is, as a thread may that is in the middle of something."""
    use(cache)
    held, done = threading.Event(), threading.Event()
    taken = []

    def hold():
        taken.extend((name, lock) for name, lock in locks() if lock.acquire(blocking=False))
        held.set()
        done.wait()
        for _, lock in taken:
            lock.release()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()

    def child():
        work(cache)
        gc.collect()

    said = forked(child)
    done.set()
    holder.join()
    print(said)
    print(*sorted({name for name, _ in taken}), sep="\n")


def unused_parent(cache):
    """A parent that leaves the cache alone, its child that uses it, and the child's child."""

    def use_and_fork():
        use(cache)
        print(forked(work, cache), flush=True)

    assert forked(use_and_fork) == "done"


def fork_in_a_computation(cache):
    """Children of the function that computes a value, while their parent waits for them."""

    def compute():
        print("another key:", forked(cache.get_or_set, "another", lambda: "the child's"))
        print("the key itself:", forked(cache.get_or_set, "key", lambda: "the child's"))
        return "the parent's"

    print(cache.get_or_set("key", compute))
    print(cache.get("another"))


def fork_that_returns(cache):
    """A child that computes what its parent computes, and is ready first."""
    parent = os.getpid()

    def compute():
        child = os.fork()
        if child == 0:
            signal.alarm(CHILD)
            return "the child's"
        os.waitpid(child, 0)
        return "the parent's"

    print(cache.get_or_set("key", compute), flush=True)
    if os.getpid() != parent:
        os._exit(0)


def fork_unknown_to_python(cache):
    """A child by the C library's fork, as uWSGI makes it: Python's hooks do not run there. There are no other threads."""
    cache.set("parent", 1)
    before = cache.engine
    child = ctypes.PyDLL(None).fork()
    if child == 0:
        signal.alarm(CHILD)
        print(cache.engine is not before)
        print(outcome(use, cache), flush=True)
        os._exit(0)
    os.waitpid(child, 0)


def killed_with_a_lock(cache, path):
    """Has a child while another thread holds a lock, and waits to be killed. The child lives until its standard input ends."""
    inside = threading.Event()

    def hold():
        with locked(path):
            inside.set()
            time.sleep(CHILD)

    threading.Thread(target=hold, daemon=True).start()
    inside.wait()
    if os.fork() == 0:
        signal.alarm(CHILD)
        print("locked", flush=True)  # here: by now the child has done what it does after a fork
        sys.stdin.read()
        os._exit(0)
    time.sleep(CHILD)


def use_all(cache):
    """Every kind of call, hits and misses, values small and large, on the blocking and the asynchronous side."""

    async def use_async():
        await asyncio.gather(*(cache.aget(key) for key in KEYS))
        await cache.aset_many({**dict.fromkeys(KEYS, "value"), "large": LARGE})
        assert await cache.aget("large") == LARGE
        assert await cache.aget("missing") is None
        assert len(await cache.aget_many(KEYS)) == len(KEYS)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(cache.aget("large"), 0.001)
        await cache.adelete_many(KEYS)

    use(cache)
    cache.set("large", LARGE)
    assert cache.get("large") == LARGE
    assert cache.get("missing") is None
    assert cache.has_key("large")
    cache.delete("large")
    asyncio.run(use_async())
    cache.clear()


def unanswered(cache, how):
    """Ends in the way that is asked for while requests are under way to a server that says nothing."""
    logging.getLogger("s3cache").setLevel(logging.CRITICAL)  # that the store is away is said once, and no news here
    {"returns": returns, "leaves its loop": leave_loop, "closes its loop": close_loop}.get(how, wait_for_keys)(cache, how)


def returns(cache, how):
    """The end of the main thread, beside threads that nobody needs to wait for. One of them says sys.exit to itself."""
    actions = [lambda: cache.get_many(KEYS), lambda: cache.get("key"), sys.exit]
    if cache.engine.asynchronous() is None:  # else a thread of the SDK may say that the loop of a daemon thread has gone with it
        actions.append(lambda: asyncio.run(cache.aget_many(KEYS)))
    for action in actions:
        threading.Thread(target=quietly, args=[action], daemon=True).start()
    time.sleep(0.5)


def quietly(action):
    with contextlib.suppress(EngineUnavailable):
        action()


def leave_loop(cache, how):
    """asyncio.run cancels what is pending."""

    async def leave():
        waiting = [asyncio.create_task(cache.aget("key")), asyncio.create_task(cache.aget_many(KEYS))]
        await asyncio.sleep(0.5)
        return waiting

    asyncio.run(leave())


def close_loop(cache, how):
    """A loop that is closed while an answer is still to come to it. The task is cancelled, but never hears of it."""

    async def ask():
        waiting.append(asyncio.create_task(cache.aget("key")))
        await asyncio.sleep(0.5)

    waiting = []
    loop = asyncio.new_event_loop()
    loop.run_until_complete(ask())
    waiting[0].cancel()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


def wait_for_keys(cache, how):
    """Until a signal comes."""
    if how == "exits at SIGTERM":
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
    quietly(lambda: cache.get_many(KEYS))
    signal.pause()
