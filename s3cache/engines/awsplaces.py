"""Where AWS credentials may be, as far as that can be told without botocore: variables of the environment and shared files.

https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
"""

from __future__ import annotations

import os.path
from collections.abc import Mapping

TOKENS = ("AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN")
PROFILES = ("AWS_DEFAULT_PROFILE", "AWS_PROFILE")
FILES = {"AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials", "AWS_CONFIG_FILE": "~/.aws/config"}
"""The shared files: the variable that says where one is, and where it is otherwise."""


def environment_keys(environ: Mapping[str, str]) -> tuple[str, str, str | None] | None:
    """The keys and the token that botocore would read there. Those that are incomplete, or say when they expire, are left to it."""
    access_key, secret_key = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if not access_key or not secret_key or environ.get("AWS_CREDENTIAL_EXPIRATION"):
        return None
    return access_key, secret_key, next(filter(None, map(environ.get, TOKENS)), None)


def shared_files(environ: Mapping[str, str]) -> list[str]:
    return [os.path.expanduser(os.path.expandvars(environ.get(name, usual))) for name, usual in FILES.items()]


def has_shared_files(environ: Mapping[str, str]) -> bool:
    return any(map(os.path.isfile, shared_files(environ)))


def looked_at(session_profile: str | None, environ: Mapping[str, str]) -> str:
    """For a message: where boto3 and its like look for keys, and how to give some."""
    environment = "" if session_profile else "the environment (AWS_ACCESS_KEY_ID, AWS_WEB_IDENTITY_TOKEN_FILE), "
    profile = session_profile or next(filter(None, map(environ.get, PROFILES)), "default")
    return (
        f"Looked at: {environment}the profile {profile!r} in {' and '.join(shared_files(environ))}, the role of the container, "
        "the role of the machine. Set one of these up, or give OPTIONS['access_key'] and OPTIONS['secret_key'], or 'unsigned' as "
        "OPTIONS['signature_version'] where the store asks for none."
    )
