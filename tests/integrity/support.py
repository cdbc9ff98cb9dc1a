"""What the tests of integrity build on: a cache in whose store somebody else writes, and objects as he may make them."""

import struct

from s3cache.engines.memory import MemoryEngine
from s3cache.envelope import FIXED, FIXED_LENGTH, MAGIC, Place
from s3cache.fields import FIELD
from s3cache.signing import Checksum, Keyring
from tests.cache.support import Clock, cache_over, name_of

SECRET = "a-signing-key-that-nobody-may-see"
EXECUTED = []


def spring(mark):
    """Pickled by its name, where ``EXECUTED.append`` would take a copy of the list along."""
    EXECUTED.append(mark)


class Trap:
    """Its unpickling leaves a mark."""

    def __reduce__(self):
        return spring, ("trapped",)


class Vault:
    """A cache over a memory engine, with ``call`` to use it, and with the object in which it keeps "key" open to everybody."""

    def __init__(self, called=None, mode="sync", *, engine=None, clock=None, params=None, **options):
        self.engine = engine or MemoryEngine()
        self.clock = clock or Clock()
        self.options = {"SIGNING_KEY": SECRET, "MAX_ENTRIES": None, **options}
        self.cache = cache_over(self.engine, self.clock, params=params, **self.options)
        self.call = called(self.cache, mode) if called else self.cache
        self.name = name_of(self.cache, "key")

    def sibling(self, **options):
        """Another cache over the same objects, configured otherwise."""
        return Vault(engine=self.engine, clock=self.clock, **{**self.options, **options})

    def put(self, body):
        self.engine.put_object(self.name, body)

    def stored(self, key="key", version=None):
        return bytes(self.engine.get_object(name_of(self.cache, key, version)).body)

    def written(self, value, timeout=None):
        """The object that the value becomes."""
        self.cache.set("key", value, timeout)
        return self.stored()

    def forged(self, payload, serializer="pickle", compressor="none", *, secret=None, **header):
        """An object with a good checksum, or a good signature by ``secret``, over whatever header."""
        signer = Checksum() if secret is None else Keyring([secret.encode()])
        place = Place(self.name, self.cache.make_key("key"), self.options.get("NAMESPACE", ""))
        fields = place.key_field() + field(0x81, serializer) + field(0x82, compressor)
        facts = {
            "flags": int(signer.signed),
            "length": FIXED_LENGTH + len(fields) + signer.mac_length,
            "expires_at": 0,
            "payload_length": len(payload),
        } | header
        flags, length, expires_at, payload_length = facts.values()
        digest = signer.digest(payload)
        fixed = FIXED.pack(MAGIC, 1, flags, length, expires_at, 0, bytes(16), signer.key_id, payload_length, digest)
        return fixed + fields + signer.mac(fixed + fields, place.context()) + payload


def field(tag, value):
    return FIELD.pack(tag, len(value)) + value.encode()


def header_length(body):
    """What the header says of itself."""
    return struct.unpack_from(">H", body, 6)[0]


def incr(call):
    try:
        return call.incr("key")
    except ValueError:
        return "no such key"


BLIND = {
    "get": (lambda call: call.get("key", "absent"), "absent"),
    "get_many": (lambda call: call.get_many(["key"]), {}),
    "incr": (incr, "no such key"),
    "touch": (lambda call: call.touch("key", 60), False),
}
"""What these answer where header or payload is bad. None of them changes what is there."""
HEADER = {"has_key": (lambda call: call.has_key("key"), False, True), "add": (lambda call: call.add("key", "new"), True, False)}
"""What these answer where the header is bad, and where only the payload is."""


def answers(vault, body):
    """What the cache's operations say of such an object; in the end get_or_set has healed it."""
    vault.put(body)
    found = {name: operation(vault.call) for name, (operation, _) in BLIND.items()}
    found |= {name: operation(vault.call) for name, (operation, *_) in HEADER.items()}
    vault.put(body)
    return found | {"get_or_set": vault.call.get_or_set("key", "healed"), "get then": vault.call.get("key")}


def absent(*, good_header=False):
    """The answers of a cache in which nothing is there, or only a header that is good."""
    found = {name: answer for name, (_, answer) in BLIND.items()}
    found |= {name: expected[good_header] for name, (_, *expected) in HEADER.items()}
    return found | {"get_or_set": "healed", "get then": "healed"}
