"""s3cache: a Django cache in any S3-compatible object store.

    CACHES = {"default": {"BACKEND": "s3cache.ObjectStoreCache", "LOCATION": "s3://bucket/prefix", "OPTIONS": {"ENGINE": "boto3"}}}

Importing it imports no engine and no SDK.
"""

from s3cache.backend import ObjectStoreCache
from s3cache.errors import (
    Conflict,
    EngineError,
    EngineMisconfigured,
    EngineUnavailable,
    EntryError,
    LockError,
    NotModified,
    NotSupported,
    ObjectNotFound,
    ObjectTooLarge,
    OptionError,
    PreconditionFailed,
    S3CacheError,
)
from s3cache.groups import Group
from s3cache.legacy import AmazonS3Cache
from s3cache.locks import Lock
from s3cache.memoize import cached
from s3cache.version import __version__

__all__ = [
    "AmazonS3Cache",
    "Conflict",
    "EngineError",
    "EngineMisconfigured",
    "EngineUnavailable",
    "EntryError",
    "Group",
    "Lock",
    "LockError",
    "NotModified",
    "NotSupported",
    "ObjectNotFound",
    "ObjectStoreCache",
    "ObjectTooLarge",
    "OptionError",
    "PreconditionFailed",
    "S3CacheError",
    "__version__",
    "cached",
]
