"""JSON text in UTF-8, with tags for what JSON has no word for; round-trips a value with its types, or refuses it.

Text stays as it is instead of being escaped: two lone surrogates written as escapes would be read as one character.
"""

from __future__ import annotations

import json
import math
from base64 import b64decode, b64encode
from functools import partial
from typing import ClassVar, NoReturn

from s3cache.serializers.base import Buffer
from s3cache.serializers.kinds import KINDS, Kind
from s3cache.serializers.tags import Tags

BYTES = Kind("bytes", bytes, str, lambda value: b64encode(value).decode("ascii"), partial(b64decode, validate=True))
TAGS = Tags("json", native=frozenset({type(None), bool, int, str}), number=math.isfinite, kinds=(*KINDS, BYTES))


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"json: {constant} is not a JSON number.")


# The tags' depth is limited, so nothing here can contain itself.
ENCODER = json.JSONEncoder(ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":"))
DECODER = json.JSONDecoder(object_pairs_hook=TAGS.untag, parse_constant=_refuse_constant)


class JSONSerializer:
    """Raises TypeError for a type that is not carried, and ValueError for NaN, infinities, and integers beyond Python's own limit
    for text (``sys.get_int_max_str_digits``, 4,300 digits).
    """

    name: ClassVar[str] = "json"
    requires: ClassVar[tuple[str, ...]] = ()

    def dumps(self, value: object) -> bytes:
        return ENCODER.encode(TAGS.tag(value)).encode("utf-8", "surrogatepass")

    def loads(self, data: Buffer) -> object:
        """Raises ValueError for everything that is not JSON with known tags."""
        text = str(data, "utf-8", "surrogatepass")
        try:
            value: object = DECODER.decode(text)
        except RecursionError:
            raise ValueError("json: the text is nested too deeply.") from None
        return value
