"""AmazonS3Cache: the settings of django-s3-cache 1.x, over today's cache.

``legacyoptions`` translates what stands in CACHES. Left for this module is what 1.x took from elsewhere: the package that talks to
S3, and the AWS_* settings that it shared with django-storages.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings

from s3cache.backend import ObjectStoreCache
from s3cache.engines import S3_ENGINES
from s3cache.engines.s3storagesettings import is_said, of_settings
from s3cache.errors import OptionError
from s3cache.legacyoptions import is_s3, translate
from s3cache.legacyvalues import Options
from s3cache.options import check_top_level, improperly_configured, text_of
from s3cache.plugins import is_installed

S3_STORAGES = ("storages.backends.s3", "storages.s3")
"""Where django-storages and django-storages-s3 have what the engine ``storages`` needs."""

OLD_SETTINGS = {
    "HOST": "AWS_S3_HOST",
    "PORT": "AWS_S3_PORT",
    "USE_SSL": "AWS_S3_USE_SSL",
    "CALLING_FORMAT": "AWS_S3_CALLING_FORMAT",
    "ENCRYPTION": "AWS_S3_ENCRYPTION",
    "REDUCED_REDUNDANCY": "AWS_REDUCED_REDUNDANCY",
    "PROXY": "AWS_S3_PROXY_HOST",
    "PROXY_PORT": "AWS_S3_PROXY_PORT",
}
"""What 1.x read beside the settings that django-storages has to this day."""


class LegacyOptionWarning(FutureWarning):
    """An option of django-s3-cache 1.x is given that does nothing any more. A FutureWarning, because Python shows those."""


class AmazonS3Cache(ObjectStoreCache):
    """ObjectStoreCache with the settings of django-s3-cache 1.x, and with today's options beside them.

    Without ENGINE it runs on ``storages`` where django-storages is installed, else on ``boto3``. Warns, once per process, of an
    option that does nothing any more.
    """

    def __init__(self, location: object, params: Mapping[str, Any]) -> None:
        with improperly_configured(location):
            check_top_level(params)
            place, options, notices = translate(text_of(location), params.get("OPTIONS") or {})
            if "ENGINE" not in options:
                options["ENGINE"] = default_engine()
            if reads_settings(place, options):
                options = completed(place, options)
        for notice in notices:
            warn_once(notice)
        super().__init__(place, {**params, "OPTIONS": options})


@functools.cache
def warn_once(notice: str) -> None:
    warnings.warn(notice, LegacyOptionWarning, stacklevel=3)


@functools.cache
def default_engine(installed: Callable[[str], bool] = is_installed) -> str:
    """What is nearest to 1.x. Raises OptionError where nothing is installed that could do."""
    if not installed("boto3"):
        raise OptionError(
            'AmazonS3Cache needs boto3. Install it with: pip install "django-s3-cache[boto3]", or together with django-storages: '
            "pip install \"django-s3-cache[storages]\". Or name another engine in OPTIONS['ENGINE']."
        )
    return "storages" if any(map(installed, S3_STORAGES)) else "boto3"


def reads_settings(location: str, options: Options) -> bool:
    """Whether the AWS_* settings are about this cache: not where it is elsewhere, nor beside a ``storage``, which has its own."""
    elsewhere = "://" in location and not is_s3(location)
    return options["ENGINE"] in S3_ENGINES and "storage" not in options and not elsewhere


def completed(location: str, options: Options) -> Options:
    """The options, and from Django's settings what they leave open.

    But not how those protect a site's files: 1.x did not read that, and it could show entries to the world.
    """
    old = of_old_settings()
    protection = {"default_acl": None, "object_parameters": old.get("object_parameters", {})}
    found = {**old, **of_settings(), **protection}
    if isinstance(given := options.get("object_parameters"), Mapping):
        options = {**options, "object_parameters": {**protection["object_parameters"], **given}}
    for name in overruled(location, options):
        found.pop(name, None)
    return {**found, **options}


def of_old_settings() -> Options:
    said = {name: getattr(settings, setting, None) for name, setting in OLD_SETTINGS.items()}
    said = {name: value for name, value in said.items() if is_said(value)}
    try:
        return translate("", said).options
    except OptionError as error:
        names = ", ".join(OLD_SETTINGS[name] for name in said)
        raise OptionError(f"{error} Where OPTIONS says nothing, Django's settings do: {names}.") from error


def overruled(location: str, options: Options) -> set[str]:
    """The settings that would contradict what CACHES says in other words."""
    names = {"client_config"}
    if location:
        names.add("location")
    if "://" in location:
        names.add("bucket_name")
    if "session_profile" in options:
        names |= {"access_key", "secret_key"}
    if options.keys() & {"access_key", "secret_key", "session_profile"}:
        names |= {"security_token", "session_profile"}
    return names
