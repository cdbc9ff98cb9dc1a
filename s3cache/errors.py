"""Every error that s3cache raises on its own account, as one tree.

::

    S3CacheError
    ├── EngineError                   an engine's verb did not do what was asked
    │   ├── ObjectNotFound            there is no object of that name
    │   ├── NotModified               the object still has the etag that was given
    │   ├── ObjectTooLarge            the object is longer than the limit that was given
    │   ├── PreconditionFailed        a conditional write found another state, and wrote nothing
    │   │   └── Conflict              the same, in a race: what is stored now must be read again
    │   ├── NotSupported              the store cannot do this at all; nothing was sent
    │   ├── EngineUnavailable         time-out, throttling, a 5xx: the outcome is unknown, later it may work
    │   │   ├── CircuitOpen           the store was away a moment ago, so nothing was sent
    │   │   └── Contended             too many write one entry at once; the store itself answers
    │   └── EngineMisconfigured       credentials, permissions, no such bucket: will not mend itself
    │       └── AccessDenied          these credentials may not do this
    ├── LockError                     a lock was not to be had, or is not held any more
    ├── EntryError                    an object that must not, or cannot, be used as an entry
    └── OptionError                   a mistake in CACHES; the backend raises it as ImproperlyConfigured

Engines raise nothing but ``EngineError``'s children, with the SDK's own error as ``__cause__``. ``EntryError`` never leaves the
package: what cannot be used as an entry is a miss.
"""


class S3CacheError(Exception):
    """The root: catches everything that s3cache raises on its own account."""


class EngineError(S3CacheError):
    """An engine's verb did not do what was asked. The SDK's error is ``__cause__``.

    ``keys`` are those, as the caller wrote them, whose request a bulk method failed with; a note of the error names them, too.
    """

    keys: tuple[object, ...] = ()


class ObjectNotFound(EngineError):
    """There is no object of that name."""


class NotModified(EngineError):
    """The object still has the etag given as ``if_none_match``."""


class ObjectTooLarge(EngineError):
    """The object is longer than ``limit``; its body was not read. ``etag`` says which object was met, None only where there
    are none.
    """

    def __init__(self, message: str, *, etag: str | None) -> None:
        super().__init__(message)
        self.etag = etag


class PreconditionFailed(EngineError):
    """A conditional write found another state than the one demanded, and wrote nothing."""


class Conflict(PreconditionFailed):
    """A conditional write lost a race (HTTP 409 and kin). It says nothing about what is stored now: read again."""


class NotSupported(EngineError):
    """The store cannot do what was asked, as its ``features`` say. Nothing was sent."""


class EngineUnavailable(EngineError):
    """The store did not answer, or not now. A write may or may not have been applied."""


class CircuitOpen(EngineUnavailable):
    """The store did not answer the last times, so it is not asked for some seconds. An earlier attempt of the same call may have
    been applied.
    """


class Contended(EngineUnavailable):
    """Races for one entry took all the time of a call. Every answer came, so FALLBACK does not stand in."""


class EngineMisconfigured(EngineError):
    """Credentials, permissions or the bucket are wrong. Never hidden, because it will not mend itself."""


class AccessDenied(EngineMisconfigured):
    """The store denies this to the credentials (S3's code AccessDenied). FORBIDDEN_IS_MISS makes it a miss on reads."""


class LockError(S3CacheError):
    """A lock was not to be had in the time given, or is not held any more, or its object cannot be read."""


class EntryError(S3CacheError):
    """An object that must not, or cannot, be used as an entry; the message is the reason."""


class OptionError(S3CacheError):
    """A mistake in CACHES. Below the backend, which turns it into Django's ImproperlyConfigured."""
