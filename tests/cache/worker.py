"""One of several processes that write the same entries at once: ``worker.py OPTIONS LOCATION``, both JSON.

It says "ready", waits for a line, then adds, increments and touches, and prints what it was told as JSON.
"""

import json
import sys

from django.conf import settings

ADDS, INCRS = 12, 8


def main():
    settings.configure(SECRET_KEY="the workers' secret key")
    from s3cache import ObjectStoreCache

    options, location = map(json.loads, sys.argv[1:])
    cache = ObjectStoreCache(location, {"OPTIONS": options})
    cache.get("warm-up")
    print("ready", flush=True)
    sys.stdin.readline()
    won = [number for number in range(ADDS) if cache.add(f"add-{number}", 1)]
    touched = 0
    for number in range(INCRS):
        cache.incr("count")
        cache.decr("count", 2)
        touched += cache.touch("count", 1000 + number)
    print(json.dumps({"won": won, "touched": touched}))


if __name__ == "__main__":
    main()
