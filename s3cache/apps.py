"""The Django app: put "s3cache" into INSTALLED_APPS for the system checks."""

from __future__ import annotations

from django.apps import AppConfig


class S3CacheConfig(AppConfig):
    name = "s3cache"
    verbose_name = "s3cache"

    def ready(self) -> None:
        from s3cache import checks  # noqa: F401  # registers the checks
