"""What options of django-s3-cache 1.x say, as values of today's options. Each function gives today's options by their names.

Everything here is pure. No message repeats what may hold a secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from s3cache.engines.s3location import has_host
from s3cache.engines.s3options import is_proxy_url
from s3cache.errors import OptionError

Options = dict[str, Any]

CALLING_FORMATS = {
    "OrdinaryCallingFormat": "path",
    "ProtocolIndependentOrdinaryCallingFormat": "path",
    "SubdomainCallingFormat": "virtual",
}
HEADERS = {
    "cache-control": "CacheControl",
    "content-disposition": "ContentDisposition",
    "content-language": "ContentLanguage",
    "content-type": "ContentType",
    "expires": "Expires",
    "x-amz-server-side-encryption": "ServerSideEncryption",
    "x-amz-server-side-encryption-aws-kms-key-id": "SSEKMSKeyId",
    "x-amz-storage-class": "StorageClass",
    "x-amz-tagging": "Tagging",
}
METADATA = "x-amz-meta-"

AMAZON = re.compile(r"s3(?:[.-](?P<region>[a-z]{2}(?:-[a-z]+)+-\d))?\.amazonaws\.com(?:\.cn)?")
"""The hosts of AWS that say no more than a region: https://docs.aws.amazon.com/general/latest/gr/s3.html"""


def endpoint(host: Any, port: Any, use_ssl: bool | None) -> Options:
    """A host of AWS becomes the region that it names, because SDKs then find the best host themselves; another is an endpoint."""
    if host is None and port is None:
        return {"use_ssl": use_ssl}
    named = f"{host or 's3.amazonaws.com'}" if port is None else f"{host or 's3.amazonaws.com'}:{port}"
    url = f"{'http' if use_ssl is False else 'https'}://{named}"
    if not isinstance(host, str | None) or re.search(r"[/@?#]", named) or not has_host(url):
        raise OptionError(
            "OPTIONS['HOST'] and OPTIONS['PORT'] are no host and no port; accepted: a host's name without http:// or https:// "
            "before it, and a number."
        )
    if not (amazon := AMAZON.fullmatch(re.sub(":80$" if use_ssl is False else ":443$", "", named))):
        return {"endpoint_url": url}
    region = {"region_name": amazon["region"]} if amazon["region"] else {}
    return {"endpoint_url": None, **region} | ({} if use_ssl is None else {"use_ssl": use_ssl})


def proxies(proxy: Any, port: Any) -> Options:
    url = f"http://{proxy}" if port is None else f"http://{proxy}:{port}"
    if not isinstance(proxy, str) or "/" in proxy or not is_proxy_url(url):
        raise OptionError("OPTIONS['PROXY'] and OPTIONS['PROXY_PORT'] are no host and no port. Write OPTIONS['proxies'] instead.")
    return {"proxies": {"http": url, "https": url}}


def addressing(calling_format: Any) -> Options:
    """boto's class of that name, an instance of it, or its dotted path."""
    kind = calling_format if isinstance(calling_format, type) else type(calling_format)
    name = calling_format.rpartition(".")[2] if isinstance(calling_format, str) else kind.__name__
    if name not in CALLING_FORMATS:
        raise OptionError(
            f"OPTIONS['CALLING_FORMAT'] is {name}; accepted: {', '.join(CALLING_FORMATS)}. Today's option is 'addressing_style': "
            "'path' or 'virtual'."
        )
    return {"addressing_style": CALLING_FORMATS[name]}


def compressor(gzip: bool) -> Options:
    return {"COMPRESSOR": "gzip"} if gzip else {}


def access(default_acl: Any) -> Options:
    """Private is what S3 makes of an object anyway, and a bucket without ACLs, as new ones are, refuses to be told.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-ownership-error-responses.html
    """
    return {} if default_acl == "private" else {"default_acl": default_acl}


def encryption(encrypted: bool) -> Options:
    return {"object_parameters": {"ServerSideEncryption": "AES256"}} if encrypted else {}


def storage_class(reduced_redundancy: bool) -> Options:
    return {"object_parameters": {"StorageClass": "REDUCED_REDUNDANCY"}} if reduced_redundancy else {}


def parameters(headers: Any) -> Options:
    """The headers of every object, as S3's PutObject names them. Not x-amz-acl, which 1.x always replaced by DEFAULT_ACL."""
    if not isinstance(headers, Mapping) or not all(isinstance(name, str) for name in headers):
        raise OptionError(f"OPTIONS['HEADERS'] is of type {type(headers).__name__}; accepted: a dictionary with string keys.")
    said = {name.lower(): value for name, value in headers.items()}
    found = {HEADERS[name]: value for name, value in said.items() if name in HEADERS}
    metadata = {name.removeprefix(METADATA): value for name, value in said.items() if name.startswith(METADATA)}
    unknown = sorted(name for name in said if name not in HEADERS and not name.startswith(METADATA))
    if unknown:
        raise OptionError(
            f"OPTIONS['HEADERS'] has {', '.join(unknown)}; accepted: {', '.join([*HEADERS, METADATA + '…'])}. Remove it, or see "
            "whether OPTIONS['object_parameters'] or OPTIONS['request_parameters'] can say it."
        )
    return {"object_parameters": found | ({"Metadata": metadata} if metadata else {})}
