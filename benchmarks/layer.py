"""What s3cache itself costs: get and set of 1 KB over the memory engine, whose own part is one look into a dictionary.

The parts are timed beside the whole, each on its own. What is left is the walk through the layers.
"""

from __future__ import annotations

import os

from benchmarks.harness import Call, Options, measure
from benchmarks.results import TIMES, Aim, Report, View, times
from s3cache import ObjectStoreCache, naming
from s3cache.assembly import codec_of, envelopes_of
from s3cache.envelope import Place
from s3cache.expiry import now_ms
from s3cache.foundation import TEXT_KINDS

MOST = {"cache.get": 12e-6, "cache.set": 25e-6}
"""Seconds of CPU."""
KEYS = 100
VALUE = "<p>Sixty-four characters of a page that somebody rendered.</p>\n\n" * 16
NOTES = [
    f"The value is text of {len(VALUE)} bytes, signed, as it is by default; {KEYS} keys take turns.",
    "The parts are in tight loops of their own, which flatters them: together they are less than the whole.",
    "MAX_ENTRIES is a million: one set in 200 lists what is there.",
]
UNITS = {"part": "", **TIMES, "of the whole": "ratio"}


def run(options: Options) -> Report:
    cache = ObjectStoreCache("layer", {"OPTIONS": {"ENGINE": "memory", "MAX_ENTRIES": 1_000_000}})
    cache.set_many({f"page-{number}": VALUE for number in range(KEYS)})
    found = measure(parts(cache), rounds=options.of(300, 30, 2))
    report = Report("get and set of 1 KB over the memory engine", NOTES, UNITS, View([]))
    for name, part in found.items():
        whole = found["cache.set" if name.startswith(("cache.set", "set:")) else "cache.get"]
        report.add({"part": name}, times(part), {"of the whole": part.typical / whole.typical})
    for name, most in MOST.items():
        cost = found[name].typical_cpu
        report.aims.append(Aim(f"{name}: at most {most * 1e6:.0f} µs of CPU", f"{cost * 1e6:.1f} µs", cost <= most))
    return report


def parts(cache: ObjectStoreCache) -> dict[str, Call]:
    """The whole and its parts. The parts take one key: they do not depend on it."""
    key = cache.make_and_validate_key("page-0")
    place = Place(naming.object_name("", key), key)
    envelopes, codec = envelopes_of(cache.configuration), codec_of(cache.configuration.options, TEXT_KINDS)
    engine = cache.engine
    body = bytes(engine.get_object(place.name).body)
    header = envelopes.header(body, place)
    payload = envelopes.payload(body, header)
    moment = {"expires_at": now_ms(), "written_at": now_ms()}
    return {
        "cache.get": lambda number: cache.get(f"page-{number % KEYS}"),
        "get: Django's full key": lambda _: cache.make_and_validate_key("page-0"),
        "get: the object's name": lambda _: Place(naming.object_name("", key), key),
        "get: the engine": lambda _: engine.get_object(place.name, limit=1 << 30),
        "get: verify the header": lambda _: envelopes.header(body, place),
        "get: verify the payload": lambda _: envelopes.payload(body, header),
        "get: decode the value": lambda _: codec.decode(payload),
        "cache.set": lambda number: cache.set(f"page-{number % KEYS}", VALUE),
        "set: encode the value": lambda _: codec.encode(VALUE),
        "set: a write id": lambda _: os.urandom(16),
        "set: seal": lambda _: envelopes.seal(place, payload, write_id=header.write_id, **moment),
        "set: the engine": lambda _: engine.put_object(place.name, body),
    }
