"""What s3cache itself costs: get and set of 1 KB over the memory engine, whose own part is one look into a dictionary.

The parts are timed beside the whole, each on its own. What is left is the walk through the layers.
"""

from __future__ import annotations

import os

from benchmarks.harness import Aim, Call, Options, Report, measure, microseconds, ratio
from s3cache import ObjectStoreCache, naming
from s3cache.assembly import codec_of, envelopes_of
from s3cache.backend import TEXT_KINDS
from s3cache.envelope import Place
from s3cache.expiry import now_ms

AIM = 25e-6
KEYS = 100
VALUE = "<p>Sixty-four characters of a page that somebody rendered.</p>\n\n" * 16
NOTES = [
    f"The value is text of {len(VALUE)} bytes, signed, as it is by default; {KEYS} keys take turns.",
    "In µs per call: the median of the elapsed time and of the CPU time over all rounds.",
    "MAX_ENTRIES is a million: one set in 200 lists what is there.",
]


def run(options: Options) -> Report:
    cache = ObjectStoreCache("layer", {"OPTIONS": {"ENGINE": "memory", "MAX_ENTRIES": 1_000_000}})
    cache.set_many({f"page-{number}": VALUE for number in range(KEYS)})
    figures = measure(parts(cache), rounds=30 if options.quick else 300)
    report = Report("layer: get and set of 1 KB over the memory engine", NOTES, ["part", "median", "CPU", "of the whole"])
    for name, part in figures.items():
        whole = figures["cache.set" if name.startswith(("cache.set", "set:")) else "cache.get"]
        share = ratio(part.typical, whole.typical)
        report.rows.append([name, microseconds(part.typical), microseconds(part.typical_cpu), share])
    for name in ("cache.get", "cache.set"):
        cost = figures[name].typical_cpu
        report.aims.append(Aim(f"{name} takes at most {AIM * 1e6:.0f} µs of CPU", f"{microseconds(cost)} µs", cost <= AIM))
    return report


def parts(cache: ObjectStoreCache) -> dict[str, Call]:
    """The whole and its parts. The parts take one key: they do not depend on it."""
    key = cache.make_and_validate_key("page-0")
    place = Place(naming.object_name("", key), key)
    envelopes, codec = envelopes_of(cache.configuration), codec_of(cache.configuration.options, TEXT_KINDS)
    engine = cache.engine
    body = engine.get_object(place.name).body
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
