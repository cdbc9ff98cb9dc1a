"""Options that hold secrets: what they accept, and the bytes that they are."""

from __future__ import annotations

from typing import TypeGuard

from s3cache.errors import OptionError
from s3cache.validation import Rule

Secret = str | bytes

LEAST = 32
"""Bytes of a secret that a stranger may try to guess at home, on a copy of what is stored."""
HOW_TO_MAKE = "python -c 'import secrets; print(secrets.token_urlsafe(32))' makes one"


def is_secret(value: object, least: int = 1) -> TypeGuard[Secret]:
    try:
        return isinstance(value, Secret) and len(as_bytes(value)) >= least
    except UnicodeEncodeError:
        return False


def as_bytes(key: Secret) -> bytes:
    return key.encode() if isinstance(key, str) else key


def listed(given: Secret | tuple[Secret, ...]) -> tuple[bytes, ...]:
    """One secret or several, as bytes."""
    return tuple(map(as_bytes, (given,) if isinstance(given, Secret) else given))


secret = Rule("a non-empty string that UTF-8 can encode, or bytes", is_secret)
secrets = Rule(
    "a list or tuple of non-empty strings or bytes",
    lambda value: isinstance(value, list | tuple) and all(map(is_secret, value)),
)
one_or_more = Rule(
    f"{secret.accepts}; or a list or tuple of such, the newest first",
    lambda value: all(map(is_secret, value)) if isinstance(value, list | tuple) and value else is_secret(value),
)
long_secret = Rule(f"text or bytes, {LEAST} bytes or more, chosen at random ({HOW_TO_MAKE})", lambda value: is_secret(value, LEAST))
long_secrets = Rule(
    f"{long_secret.accepts}; or a list or tuple of such, the newest first",
    lambda value: all(map(long_secret.test, value)) if isinstance(value, list | tuple) and value else long_secret.test(value),
)


def encryption_keys_of(
    given: Secret | tuple[Secret, ...] | None, name_key: Secret | None, signing: bool, readable: bool = False
) -> tuple[bytes, ...]:
    """The secrets to encrypt with, the current one first; empty where nothing is encrypted.

    Raises OptionError where another option would give away what they, or the name key, hide: ``readable`` names are the keys.
    """
    if readable and (given is not None or name_key is not None):
        raise OptionError(
            f"OPTIONS['{'NAME_KEY' if given is None else 'ENCRYPTION_KEYS'}'] is given, and OPTIONS['KEY_LAYOUT'] is 'readable', "
            "which names objects by their keys for everybody who may list them. Leave KEY_LAYOUT at 'hashed', or the secret out."
        )
    if given is None:
        return ()
    if not signing:
        raise OptionError(
            "OPTIONS['ENCRYPTION_KEYS'] is given, and OPTIONS['SIGNING'] is False. Leave signing on: it is what keeps an entry's "
            "expiry, which is not encrypted, from being changed."
        )
    if name_key is None:
        raise OptionError(
            "OPTIONS['ENCRYPTION_KEYS'] is given without OPTIONS['NAME_KEY']. Objects would be named by plain hashes, which "
            f"whoever guesses a key can compute. Give a secret of its own ({HOW_TO_MAKE}), which is never rotated."
        )
    if as_bytes(name_key) in listed(given):
        raise OptionError(
            "OPTIONS['NAME_KEY'] is one of OPTIONS['ENCRYPTION_KEYS']. Give a secret of its own, because it is never rotated."
        )
    return listed(given)
