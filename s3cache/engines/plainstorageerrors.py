"""What a Django Storage's errors mean. Each comes with the errors of its own SDK, so they are read by what they have in common.

Most carry an HTTP status (``status_code`` with Azure, ``code`` with Google), which means what it means with S3. Django and the
file system have their own classes. What is left is taken for an outage, which may mend itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from django.core.exceptions import ImproperlyConfigured, SuspiciousOperation

from s3cache.engines.redaction import hidden
from s3cache.engines.s3errors import Meanings, meaning_of
from s3cache.errors import EngineError, EngineMisconfigured, EngineUnavailable, ObjectNotFound

READ: Meanings = {404: ObjectNotFound}
WRITE: Meanings = {404: EngineMisconfigured, 412: EngineMisconfigured}
MISSING = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
"""There is no file of that name."""
LASTING = (
    *(ImproperlyConfigured, SuspiciousOperation, ImportError, PermissionError, FileExistsError),
    *(AttributeError, LookupError, NameError, NotImplementedError, TypeError, ValueError),
)
"""Errors that will not mend themselves: the configuration's, and the storage's own mistakes."""
NO_CONTAINER = ("ContainerNotFound", "ContainerDisabled")
"""Azure's codes for what S3 calls NoSuchBucket."""

ABSENT = re.compile("not.?found|not.?exist|no.?such", re.IGNORECASE)
SECRET = re.compile("key|secret|token|pass|credential|connection_string|params|proxies", re.IGNORECASE)
"""The names of options whose values may be secret."""


def meaning(error: Exception, meanings: Meanings) -> type[EngineError]:
    """The error that this one stands for; ``meanings`` is what the verb reads in its own way."""
    if isinstance(error, MISSING):
        return meanings.get(404, EngineMisconfigured)
    code, status = code_of(error), status_of(error)
    if code in NO_CONTAINER:
        return EngineMisconfigured
    if status:
        return meaning_of(code, status, meanings)
    refused = isinstance(error, LASTING) or re.search("Auth|Credential", type(error).__name__)
    return EngineMisconfigured if refused else EngineUnavailable


def may_mean_missing(error: Exception) -> bool:
    """Whether only its words say that a file is missing, so that the storage must be asked. An outage is not asked twice."""
    plain = not status_of(error) and not isinstance(error, LASTING + (OSError,))
    return plain and ABSENT.search(f"{type(error).__name__} {error}") is not None


def status_of(error: Exception) -> int:
    """The HTTP status that the error carries, or 0."""
    found = (getattr(error, name, None) for name in ("status_code", "code"))
    return next((int(one) for one in found if isinstance(one, int)), 0)


def code_of(error: Exception) -> str:
    code = getattr(error, "error_code", None)
    return str(getattr(code, "value", code))


def describe(error: Exception, options: Mapping[str, object]) -> str:
    """The error in one line, without the values of those of the options that may be secret."""
    message = " ".join(f"{type(error).__name__}: {error}".split())
    return hidden((value for name, value in options.items() if SECRET.search(name)), message)
