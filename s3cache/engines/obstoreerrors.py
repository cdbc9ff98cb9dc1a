"""What obstore's errors say: code and status of the server's answer, and the meaning of both.

An error of obstore has a type, and a text with the answer in it; there is no other way to the status or to S3's code. The types
hide more than they tell (a missing bucket and a missing object are one FileNotFoundError, a failed listing of any kind is a
GenericError), so the text is read first, and the type only where there was no answer. The tests hold its form fast.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import NamedTuple

from s3cache.engines.s3errors import MISSING, Meanings, meaning_of, sentences
from s3cache.errors import EngineError, EngineMisconfigured, EngineUnavailable, NotSupported

STATUS = re.compile(r" - Server returned (?:non-2xx status code: (\d{3})|error response)")
"""The second form is that of a success with an error in its body."""
CODE = re.compile(r"<Code>\s*([^<]*?)\s*</Code>")
MESSAGE = re.compile(r"<Message>\s*([^<]*?)\s*</Message>")
DELETION = re.compile(r"request failed for key (?P<name>.*?): (?P<message>[^\n]*) \(code: (?P<code>\w+)\)")
"""Of one name among many."""
TLS = re.compile(r"kind: InvalidData")
"""A certificate that is not trusted, or a server that speaks something else."""
FOREIGN = re.compile(r"Got invalid \w+ response|Unable to extract metadata|invalid utf-8")
UNNAMEABLE = "Encountered object with invalid path"
"""Something that another tool has put there ends every listing that comes by."""
REDIRECT = re.compile(r"redirect without LOCATION|kind: Redirect")
"""One that leads nowhere, or round and round."""
NO_ETAG = "ETag Header missing"
LASTING = re.compile(
    rf"{TLS.pattern}|{UNNAMEABLE}|{REDIRECT.pattern}|kind: (PermissionDenied|NotADirectory|Builder)|{NO_ETAG}|Invalid(Uri|Header)"
)
CREDENTIALS = re.compile(r"External \w+ credential provider: (\w+): ([^\n]*)")
"""What our own source of credentials raised, as obstore repeats it."""
BLOB_MISSING = "BlobNotFound"
TIMED_OUT = re.compile(r"kind: Timeout\b")
NO_RANGE = re.compile(r"status code: 416|non-partial response|StartTooLarge")
"""An empty object has no first byte, and some servers send the whole object whatever was asked for."""


class Advice(NamedTuple):
    """What a kind of service wants done about failures."""

    answered: Callable[[str, int], str] = lambda code, status: ""
    """By code and status."""
    unreachable: str = ""
    certificate: str = ""
    foreign: str = ""
    """About an answer that makes no sense."""


class Answer(NamedTuple):
    """What the server said."""

    code: str
    status: int = 0
    message: str = ""


def answer_in(error: BaseException) -> Answer | None:
    text = first_part(error)
    if status := STATUS.search(text):
        body = text[status.end() :]
        return Answer(found(CODE, body), int(status[1] or 0), found(MESSAGE, body))
    failure = DELETION.search(text)
    if failure is None:
        return None
    message = f"{failure['name']}: {failure['message']}"
    if not failure["code"].isdigit():
        return Answer(failure["code"], message=message)
    # Azure tells a status and a message here, and no code.
    code = "ContainerNotFound" if "container does not exist" in message else BLOB_MISSING if failure["code"] == "404" else ""
    return Answer(code, int(failure["code"]), message)


def is_missing_name(error: BaseException) -> bool:
    """Whether a batch was deleted but for a name that was not there. Only the first failure is told; others may hide behind it."""
    answer = answer_in(error) if DELETION.search(first_part(error)) else None
    return answer is not None and answer.code in (*MISSING, BLOB_MISSING)


def found(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return match[1] if match else ""


def meaning(error: BaseException, meanings: Meanings) -> type[EngineError]:
    if isinstance(error, ValueError):  # a name that object_store cannot hold: nothing was sent
        return NotSupported
    if source := CREDENTIALS.search(str(error)):
        return EngineUnavailable if source[1] == EngineUnavailable.__name__ else EngineMisconfigured
    answer = answer_in(error) or by_type().get(type(error))
    if answer is None:
        return EngineMisconfigured if LASTING.search(str(error)) else EngineUnavailable
    return meaning_of(answer.code, answer.status, meanings)


def describe(error: BaseException, advice: Advice) -> str:
    """The answer's code and message, or why there was none, and what to do."""
    if source := CREDENTIALS.search(str(error)):
        return source[2]
    if answer := answer_in(error):
        said = ": ".join(part for part in (answer.code, answer.message) if part) or f"HTTP status {answer.status}"
        return sentences(said, advice.answered(answer.code, answer.status))
    text = first_part(error)
    debug = str(error)[len(text) :]
    said = " ".join([text.rpartition(" - ")[2].replace("\n", " "), *reasons(debug)])
    if UNNAMEABLE in text:
        return sentences(said, "Remove this object, or set OPTIONS['ENGINE'] to 'boto3': object_store cannot list it.")
    if REDIRECT.search(str(error)):
        return sentences(said, advice.answered("PermanentRedirect", 301))
    what_to_do = advice.certificate if TLS.search(debug) else advice.unreachable if "reqwest::Error" in debug else ""
    return sentences(said, advice.foreign if FOREIGN.search(text) else what_to_do)


def reasons(debug: str) -> list[str]:
    """The words of Rust's debug output that say why a request failed: its innermost names and texts."""
    words = re.findall(r'"[^"\n]+"|\b[A-Z]\w+(?=,\s)', debug.partition("reqwest::Error")[2])
    return [word for word in dict.fromkeys(words) if word not in ("Request", "Connect", "Other", "None")]


def first_part(error: BaseException) -> str:
    """The text for people. What follows repeats it in Rust's debug form, with the causes."""
    return str(error).partition("\n\nDebug source:")[0]


@functools.cache
def by_type() -> dict[type[BaseException], Answer]:
    """What an error says that comes from no server, but from a directory or memory, in the words of S3."""
    from obstore import exceptions

    return {
        FileNotFoundError: Answer("NotFound", 404),
        exceptions.AlreadyExistsError: Answer("", 412),
        exceptions.PreconditionError: Answer("", 412),
        exceptions.NotModifiedError: Answer("", 304),
        exceptions.PermissionDeniedError: Answer("", 403),
        exceptions.UnauthenticatedError: Answer("", 401),
        exceptions.NotSupportedError: Answer("", 501),
        NotImplementedError: Answer("", 501),
    }


@functools.cache
def sdk_errors() -> tuple[type[Exception], ...]:
    """All that obstore raises over names, transport and answers. A TypeError is a mistake of ours and stays one."""
    from obstore import exceptions  # not ``obstore.exceptions``: two threads, one at each, would see a half-made package

    return exceptions.BaseError, OSError, ValueError, NotImplementedError


def is_sdk_error(error: BaseException) -> bool:
    """The same, and a panic of Rust's: object_store 0.14 has one where a batch's answer tells of a name that was not in it, and
    where a key, a token or a region, mostly of the environment, holds a line break.
    """
    return isinstance(error, sdk_errors()) or type(error).__name__ in ("PanicException", "RustPanic")
