"""Value -> payload and back: serialize, then compress.

Values whose type is exactly ``bytes`` or ``str``, or one of the text kinds handed in (SafeString), skip the serializer, so a
rendered page costs no pickling. What comes back has the same type. A payload names its serializer and compressor, so either can
be changed without emptying the cache; but it is read only by a serializer that the configuration accepts: nobody can plant a
pickle in a JSON cache.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from s3cache.compressors.base import Compressor
from s3cache.envelope import Payload
from s3cache.errors import OptionError
from s3cache.fields import Described
from s3cache.pieces import LARGE, Buffer, EncodedText, Streamed, joined, text_of, whole
from s3cache.serializers.base import Serializer

RAW = "bytes"
TEXT = "str"
UNCOMPRESSED = "none"
NAME = re.compile(r"[A-Za-z0-9]{1,8}")


@dataclass(frozen=True, slots=True)
class TextKind:
    """A subclass of str that keeps its type: ``name`` is stored in place of a serializer's."""

    name: str
    type: type[str]


class Codec:
    """Encodes and decodes values as one cache is configured to.

    ``compressor_named`` finds the compressor that an entry names, and raises an Exception where there is none; ``accepted`` are
    further serializers that entries may name. Raises OptionError for a name that no entry can carry.
    """

    def __init__(
        self,
        serializer: Serializer,
        compressor: Compressor,
        compressor_named: Callable[[str], Compressor],
        *,
        accepted: Iterable[Serializer] = (),
        text_kinds: Iterable[TextKind] = (),
        compress_min_bytes: int = 1024,
        max_value_bytes: int = 256 * 1024 * 1024,
    ) -> None:
        self.max_value_bytes = max_value_bytes
        self._serializer = serializer
        self._compressor = compressor
        self._compresses = compressor.name != UNCOMPRESSED
        self._compressor_named = compressor_named
        self._compress_min_bytes = compress_min_bytes
        self._serializers = {one.name: one for one in (*accepted, serializer)}
        self._texts: dict[str, type[str]] = {TEXT: str, **{kind.name: kind.type for kind in text_kinds}}
        self._text_names = {kind: name for name, kind in self._texts.items()}
        self._accepted = {RAW, *self._texts, *self._serializers}
        for name in (*self._serializers, compressor.name):
            if not NAME.fullmatch(name) or name in {RAW, *self._texts}:
                raise OptionError(
                    f"A serializer or compressor has the name {name!r}. Its class needs one of 1 to 8 ASCII letters or digits, "
                    f"and none of {', '.join([RAW, *self._texts])}, which mark values that take no serializer."
                )

    def accepts(self, serializer: str) -> bool:
        """Whether an entry that names this serializer is read here."""
        return serializer in self._accepted

    def encode(self, value: object) -> Payload:
        """The payload for ``value``.

        Raises what the serializer raises for a value it cannot carry (TypeError, PicklingError), and ValueError for one that takes
        more than ``max_value_bytes`` before compression.
        """
        serializer, body = self._serialized(value)
        if len(body) > self.max_value_bytes:
            raise ValueError(f"The value takes {len(body)} bytes; OPTIONS['MAX_VALUE_BYTES'] allows {self.max_value_bytes}.")
        if self._compresses and len(body) >= self._compress_min_bytes:
            compressed = self._compressor.compress(whole(body))
            if len(compressed) < len(body):
                return Payload(compressed, Described(serializer, self._compressor.name, len(body)))
        return Payload(body, Described(serializer, UNCOMPRESSED))

    def decode(self, payload: Payload) -> object:
        """The value of a verified payload whose serializer is accepted.

        Raises ValueError for one of more than ``max_value_bytes``, and whatever Exception decompressing and loading end with.
        """
        body = self._decompressed(payload)
        if payload.value.serializer == RAW:
            return joined(body)
        if payload.value.serializer in self._texts:
            text = body.text() if isinstance(body, Streamed) else text_of(body)
            kind = self._texts[payload.value.serializer]
            return text if kind is str else kind(text)
        return self._serializers[payload.value.serializer].loads(whole(body))

    def is_text(self, payload: Payload) -> bool:
        """Whether its value is text or bytes, which nobody can change, and which take no serializer."""
        return payload.value.serializer == RAW or payload.value.serializer in self._texts

    def plain(self, payload: Payload) -> Payload:
        """The same payload without compression, in bytes of its own. Raises as ``decode``."""
        return Payload(joined(self._decompressed(payload)), payload.value._replace(compressor=UNCOMPRESSED, size=0))

    def _serialized(self, value: object) -> tuple[str, bytes | EncodedText]:
        if type(value) is bytes:
            return RAW, value
        if isinstance(value, str) and type(value) in self._text_names:
            return self._text_names[type(value)], encoded(value)
        return self._serializer.name, self._serializer.dumps(value)

    def _decompressed(self, payload: Payload) -> Buffer | Streamed:
        if payload.value.compressor != UNCOMPRESSED:
            named = self._compressor.name == payload.value.compressor
            compressor = self._compressor if named else self._compressor_named(payload.value.compressor)
            return compressor.decompress(whole(payload.body), self.max_value_bytes)
        if len(payload.body) > self.max_value_bytes:
            raise ValueError(f"it takes {len(payload.body)} bytes; OPTIONS['MAX_VALUE_BYTES'] allows {self.max_value_bytes}")
        return payload.body


def encoded(text: str) -> bytes | EncodedText:
    """Text in UTF-8, lone surrogates too."""
    return text.encode("utf-8", "surrogatepass") if len(text) <= LARGE else EncodedText(text)
