"""Secrets out of texts that come from elsewhere: an SDK's error, a server's answer.

What is secret, the fields of a dataclass of options say: ``validation.option(..., secret=True)``.
"""

from __future__ import annotations

import base64
import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

SHORT = 6
"""Shorter secrets than this are redacted only where they stand alone."""


def redacted(options: Any, message: str) -> str:
    """The message without the values of the options that are secret."""
    return hidden((getattr(options, field.name) for field in dataclasses.fields(options) if field.metadata["secret"]), message)


def hidden(values: Iterable[object], message: str) -> str:
    """The message without these values, longest first, in case one holds another."""
    for secret in sorted({secret for value in values for secret in texts(value)}, key=len, reverse=True):
        # A short one may be part of any word, and what is left of the message must still be of use.
        pattern = re.escape(secret) if len(secret) >= SHORT else rf"(?<!\w){re.escape(secret)}(?!\w)"
        message = re.sub(pattern, "***", message)
    return message


def texts(value: object) -> Iterator[str]:
    """All that an option holds, however deep, as it may stand in a message."""
    if isinstance(value, Mapping):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts(item)
    elif isinstance(value, bytes):
        yield from (repr(value)[2:-1], base64_of(value)) if value else ()
    elif value not in (None, "", True, False):
        yield from (str(value), base64_of(str(value).encode(errors="surrogatepass")))


def base64_of(secret: bytes) -> str:
    """As a header carries a customer's key, which a server may repeat."""
    return base64.b64encode(secret).decode()
