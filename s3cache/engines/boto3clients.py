"""How the boto3 engine's client is made: tuned, by public means only. It is safe to use from many threads, but not to create.

It repeats nothing but what the wrong region refused. boto3 is slow to start and busy in Python, so the client has a fixed user
agent, a faster timestamp parser, does not wait for ``100 Continue`` before it sends a body, and sends over the connections of
``boto3http``, which end each request at the call's deadline. botocore's own do not, so what goes over these is done ``in_time``.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, TypeVar

from s3cache.engines.abandoned import in_time
from s3cache.engines.awsconfig import can_end, renew_in_time, service_config
from s3cache.engines.boto3http import lacking, send_over
from s3cache.engines.boto3sockets import Sockets, certificates
from s3cache.engines.profiles import Profile
from s3cache.engines.s3answers import ForeignAnswer
from s3cache.engines.s3errors import REGION
from s3cache.engines.s3options import S3Options, Target
from s3cache.errors import EngineMisconfigured
from s3cache.version import __version__

Result = TypeVar("Result")

USER_AGENT = f"s3cache/{__version__} boto3"
"""A fixed one: boto3's own is put together anew for every request, a tenth of its time."""
OPERATIONS = ("GetObject", "PutObject", "DeleteObject", "DeleteObjects", "ListObjectsV2")
LARGE = 1024 * 1024
REFUSED = "refuses the options, or the credentials and the AWS files that it found"


@dataclasses.dataclass(frozen=True, slots=True)
class Connection:
    """A client, and what goes along with every request."""

    client: Any
    parameters: Mapping[str, dict[str, Any]]
    """By operation."""
    sockets: Sockets | None = None
    """What the client sends over; None where it sends over botocore's own."""

    def do(self, work: Callable[[], Result], *, waits: bool = False) -> Result:
        """The work, which is a request and its answer; ``waits``: maybe for ``100 Continue``."""
        return in_time(work) if self.sockets is None or waits else work()

    def close(self) -> None:
        self.client.close()
        if self.sockets is not None:
            self.sockets.close()


def connect(target: Target) -> Connection:
    """Opens no connection yet; reads the environment and the shared AWS files, as boto3 does."""
    options = target.options
    try:
        core = make_core(options)
        session = make_session(options, core)
        config = make_config(options, target.profile)
        client = session.client(
            "s3", endpoint_url=options.endpoint_url, use_ssl=options.use_ssl, verify=options.verify, config=config
        )
        credentials = None if options.signature_version == "unsigned" else core.get_credentials()
        if can_end(credentials):
            client.meta.events.register_first("before-sign.s3", partial(renew_in_time, credentials))
        return Connection(tuned(client), request_parameters(client, target.bucket, options), over_sockets(client, core, options))
    except (OSError, ValueError) as error:  # an unreadable file; a host that botocore does not like; keys that are none
        raise EngineMisconfigured(f"boto3 {REFUSED}: {options.redact(str(error))}") from error


def over_sockets(client: Any, core: Any, options: S3Options) -> Sockets | None:
    """The connections that the client now sends over; None where its config asks for what they lack."""
    if lacking(client):
        return None
    sockets = Sockets(client.meta.config, certificates(core, options.verify))
    send_over(sockets, client)
    return sockets


def make_core(options: S3Options) -> Any:
    """botocore's session, which a boto3 session wraps."""
    from botocore.session import Session

    core = Session()
    core.set_default_client_config(service_config(options))
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=parse_timestamp)
    return core


def make_session(options: S3Options, core: Any) -> Any:
    import boto3

    return boto3.Session(
        aws_access_key_id=options.access_key,
        aws_secret_access_key=options.secret_key,
        aws_session_token=options.security_token,
        region_name=options.region_name,
        profile_name=options.session_profile,
        botocore_session=core,
    )


def tuned(client: Any) -> Any:
    """The client, with our handlers."""
    client.meta.events.register("before-send.s3.PutObject", drop_expect)
    client.meta.events.register("before-send.s3.HeadBucket", refuse_redirect)
    client.meta.events.register("before-parse.s3", refuse_foreign)
    return client


def make_config(options: S3Options, profile: Profile) -> Any:
    from botocore import UNSIGNED
    from botocore.config import Config

    # Many stores that are not AWS refuse, or store, the checksum trailers that boto3 has sent unasked since 1.36.
    checksums = None if profile.trailing_checksums else "when_required"
    addressing_style = options.addressing_style or profile.addressing_style
    return Config(
        user_agent=USER_AGENT,
        connect_timeout=options.connect_timeout,
        read_timeout=options.read_timeout,
        max_pool_connections=options.max_pool_connections,
        tcp_keepalive=True,
        proxies=options.proxies,
        ignore_configured_endpoint_urls=True,  # of the shared files: options.endpoint_url has the environment's, on every engine
        signature_version=UNSIGNED if options.signature_version == "unsigned" else options.signature_version,
        s3={"addressing_style": addressing_style} if addressing_style else None,
        request_checksum_calculation=checksums,
        response_checksum_validation=checksums,
    ).merge(one_attempt())


def one_attempt() -> Any:
    """Whatever another config says: what is repeated at all, the cache repeats."""
    from botocore.config import Config

    return Config(retries={"mode": "standard", "total_max_attempts": 1})


def request_parameters(client: Any, bucket: str, options: S3Options) -> Mapping[str, dict[str, Any]]:
    """The parameters of each operation. botocore itself checks those of object_parameters with every request."""
    given = {"Bucket": bucket, **(options.request_parameters or {})}
    accepted = {name: client.meta.service_model.operation_model(name).input_shape.members for name in OPERATIONS}
    unknown = sorted(given.keys() - set().union(*accepted.values()))
    if unknown:
        raise EngineMisconfigured(f"OPTIONS['request_parameters'] has {', '.join(unknown)}, which no request of S3 knows.")
    parameters = {name: {key: given[key] for key in given if key in accepted[name]} for name in OPERATIONS}
    written = {"ContentType": "application/octet-stream"} | ({"ACL": options.default_acl} if options.default_acl else {})
    parameters["PutObject"] = {**written, **(options.object_parameters or {}), **parameters["PutObject"]}
    return parameters


def drop_expect(request: Any, **_: object) -> None:
    """Do not wait for ``100 Continue`` before the body: that doubles the round trips of every write.

    Only where a large body may be refused for an object that exists does the wait pay.
    """
    headers = request.headers
    size = int(headers.get("X-Amz-Decoded-Content-Length") or headers.get("Content-Length") or 0)
    if not pays_to_wait(size, "If-None-Match" in headers):
        headers.pop("Expect", None)


def pays_to_wait(size: int, if_none_match: bool) -> bool:
    return if_none_match and size > LARGE


def refuse_redirect(request: Any, **_: object) -> None:
    """The engine sends no HeadBucket. botocore does, to learn where a redirect that names no region leads, and again for each
    redirect that meets it there: a server that redirects everything, as from http to https, would be asked eighty times.
    """
    raise ForeignAnswer(f"{request.url} redirects without naming a region", REGION)


ROOTS = {"ListObjectsV2": b"ListBucketResult", "DeleteObjects": b"DeleteResult"}
"""What the answer to an operation must hold."""


def refuse_foreign(operation_model: Any, response_dict: Mapping[str, Any], **_: object) -> None:
    """botocore takes any XML for an answer that is empty, so that a page of HTML is a bucket without objects."""
    root = ROOTS.get(operation_model.name)
    if root is not None and response_dict["status_code"] < 300 and root not in response_dict["body"]:
        raise ForeignAnswer(f"the answer has no {root.decode()}")


def check_etag(answer: Mapping[str, Any]) -> None:
    """Every S3 store gives one."""
    if not answer.get("ETag"):
        raise ForeignAnswer("the answer has no ETag")


def parse_timestamp(value: Any) -> datetime:
    """The two forms that S3 uses, ISO 8601 in listings and RFC 1123 in headers; any other is left to botocore, ten times slower."""
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            if value[10:11] == "T" and value[-1] == "Z":
                return datetime.fromisoformat(value)
            if len(value) == 29 and value[3:5] == ", " and value[25:] == " GMT":
                return parsedate_to_datetime(value)
    from botocore.utils import parse_timestamp as parse_any

    return parse_any(value)  # type: ignore[no-any-return]
