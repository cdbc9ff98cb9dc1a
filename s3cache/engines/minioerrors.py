"""What the MinIO SDK's errors mean, and what to say of them.

The status of the answer comes from the pool, because most of the SDK's errors do not tell it.
"""

from __future__ import annotations

import functools

from s3cache import deadlines
from s3cache.engines.abandoned import Overdue
from s3cache.engines.miniopool import Exchange
from s3cache.engines.s3answers import ForeignAnswer
from s3cache.engines.s3errors import CERTIFICATE, NOT_S3, OVERDUE, UNREACHABLE, Meanings, advice, meaning_of, sentences
from s3cache.errors import EngineError, EngineMisconfigured, EngineUnavailable


def meaning(error: Exception, exchange: Exchange, meanings: Meanings) -> type[EngineError]:
    """Without an answer it is a mistake in the options, or a connection that failed."""
    if isinstance(error, ForeignAnswer):
        return EngineMisconfigured
    if exchange.response is None:
        return EngineMisconfigured if is_lasting(error) else EngineUnavailable
    return meaning_of(getattr(error, "code", None) or "", exchange.status, meanings)


def is_lasting(error: Exception) -> bool:
    """Whether it will not mend itself. Of TLS only a connection that ends in the handshake may: a busy server does that."""
    from urllib3.exceptions import HTTPError, SSLError

    cause = cause_of(error)
    if isinstance(cause, SSLError):
        return "EOF" not in str(cause)
    return isinstance(cause, ValueError) or not isinstance(cause, (HTTPError, Overdue))


def cause_of(error: Exception) -> Exception:
    """What urllib3 calls one attempt too many for; else the error itself."""
    cause = getattr(error, "reason", None)
    return cause if isinstance(cause, Exception) else error


def describe(error: Exception, exchange: Exchange) -> str:
    """What came back and what to do; not all that the SDK says, which may be a page of HTML."""
    from minio.error import S3Error

    status = exchange.status
    if isinstance(error, S3Error):
        said = ": ".join(part for part in (error.code, error.message) if part) or f"HTTP status {status}"
        return sentences(said, advice(error.code or "", status))
    if status >= 300:
        return sentences(f"HTTP status {status} without an error code of S3's", advice("", status))
    cause = cause_of(error)
    return sentences(f"{type(cause).__name__}: {cause}".replace("\n", " "), what_to_do(cause, exchange))


def what_to_do(cause: Exception, exchange: Exchange) -> str:
    """Where no answer came, or none that makes sense. Without one, a ValueError speaks of an option, and for itself."""
    from urllib3.exceptions import HTTPError, SSLError

    if isinstance(cause, ForeignAnswer):
        return cause.advice
    if isinstance(cause, (HTTPError, Overdue)) and not deadlines.left():
        return OVERDUE
    if exchange.response is not None:
        return "" if isinstance(cause, HTTPError) else NOT_S3
    if isinstance(cause, SSLError):
        return CERTIFICATE
    return UNREACHABLE if isinstance(cause, HTTPError) else ""


@functools.cache
def sdk_errors() -> tuple[type[Exception], ...]:
    """All that the SDK raises over configuration, transport and answers. A TypeError is a mistake of ours and stays one."""
    from xml.etree.ElementTree import ParseError

    from minio.error import MinioException
    from urllib3.exceptions import HTTPError

    return MinioException, HTTPError, ParseError, OSError, OverflowError, ValueError
