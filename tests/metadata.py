"""Where a program finds AWS keys: environment variables, shared files, and on loopback the services that hand out temporary ones.

    place         a fixture: an environment and a home directory in which there are none yet
    Issuer        answers as EC2's metadata service (IMDSv2), as that of ECS and EKS, and as the portal of AWS single sign-on
    Recorder      a Proxy in front of moto's STS that keeps what it answered, and can shorten the life of the keys in it

Each set of keys that an Issuer hands out is a new one: ``issued-1``, ``issued-2``, … With ``lifetime`` a test says how long they
live; keys that live less than fifteen minutes are about to expire, and botocore asks for others before every request.
"""

from __future__ import annotations

import configparser
import contextlib
import datetime
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import Answer, Forward, Proxy, Request

HOUR = datetime.timedelta(hours=1)
MOMENT = datetime.timedelta(minutes=5)
"""A life so short that botocore renews the keys at once."""
ROLE = "/latest/meta-data/iam/security-credentials/"


def moment(lifetime: datetime.timedelta) -> str:
    """With a fraction of a second: botocore gives a longer life to keys of EC2 that are about to expire, but not to these."""
    return (datetime.datetime.now(datetime.UTC) + lifetime).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Issuer(Proxy):
    """Hands out keys at ``/ecs``, at ``/federation/credentials`` and as EC2 does."""

    def __init__(self) -> None:
        super().__init__()
        self.answer = self._answer
        self.lifetime = HOUR
        self.issued = 0
        self.authorization: str | None = None
        """What ``/ecs`` wants in the header Authorization."""
        self.tokens = True
        """Whether there are session tokens, as IMDSv2 wants them."""

    def _answer(self, request: Request, forward: Forward) -> Answer | None:
        path = request.target.partition("?")[0]
        if path == "/latest/api/token":
            return Answer(200, b"session") if self.tokens and request.method == "PUT" else Answer(403)
        if path.startswith(ROLE):
            return self._machine(request, path)
        if path == "/ecs" and request.headers["Authorization"] == self.authorization:
            return Answer(200, json.dumps(self._keys()).encode())
        if path == "/federation/credentials" and request.headers["x-amz-sso_bearer_token"] == "the portal's token":
            return Answer(200, json.dumps(self._portal_keys()).encode())
        return Answer(403, b"not for you")

    def _machine(self, request: Request, path: str) -> Answer:
        if self.tokens and request.headers["x-aws-ec2-metadata-token"] != "session":
            return Answer(401)
        return Answer(200, b"role") if path == ROLE else Answer(200, json.dumps(self._keys()).encode())

    def _keys(self) -> dict[str, str]:
        self.issued += 1
        keys = {"AccessKeyId": f"issued-{self.issued}", "SecretAccessKey": "issued-secret", "Token": f"token-{self.issued}"}
        return {**keys, "Expiration": moment(self.lifetime)}

    def _portal_keys(self) -> dict[str, dict[str, str | int]]:
        keys = self._keys()
        ends = datetime.datetime.fromisoformat(keys["Expiration"]).timestamp()
        names = {"accessKeyId": keys["AccessKeyId"], "secretAccessKey": keys["SecretAccessKey"], "sessionToken": keys["Token"]}
        return {"roleCredentials": {**names, "expiration": int(ends * 1000)}}


class Recorder(Proxy):
    """What it answered is in ``answers``."""

    def __init__(self, upstream: str) -> None:
        super().__init__(upstream)
        self.answer = self._answer
        self.answers: list[Answer] = []
        self.lifetime: datetime.timedelta | None = None
        """How long the keys live, whatever the server says."""

    def _answer(self, request: Request, forward: Forward) -> Answer:
        answer = forward(request)
        if self.lifetime is not None:
            body = re.sub(rb"(?<=<Expiration>)[^<]+", moment(self.lifetime).encode(), answer.body)
            answer = Answer(answer.status, body, answer.headers)
        self.answers.append(answer)
        return answer

    def issued(self) -> list[tuple[str, str]]:
        """The key ids and tokens in the answers, in order."""
        return [(told(answer, "AccessKeyId"), told(answer, "SessionToken")) for answer in self.answers]


def told(answer: Answer, element: str) -> str:
    found = re.search(rb"<%b>([^<]+)<" % element.encode(), answer.body)
    assert found, answer.body
    return found[1].decode()


class Place:
    """The environment and the home directory of one test, and the services that it can ask."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, home: Path, issuer: Issuer, sts: Recorder) -> None:
        self.home = home
        self.issuer = issuer
        self.sts = sts
        self.set = monkeypatch.setenv
        for name in os.environ:
            if name.startswith("AWS_") or name == "BOTO_CONFIG" or name.lower().endswith("_proxy"):
                monkeypatch.delenv(name)
        self.set("HOME", str(home))
        self.set("AWS_EC2_METADATA_DISABLED", "true")
        self.set("AWS_ENDPOINT_URL_STS", sts.url)
        self.set("AWS_ENDPOINT_URL_SSO", issuer.url)

    def write(self, name: str, text: str) -> str:
        """A file of the home directory; its path."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return str(path)

    def configure(self, name: str, section: str, **settings: str) -> None:
        """Add settings to the shared file "credentials" or "config"."""
        path = self.home / ".aws" / name
        path.parent.mkdir(exist_ok=True)
        parser = configparser.RawConfigParser()
        parser.read(path)
        parser.read_dict({section: settings})
        with path.open("w") as file:
            parser.write(file)


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, moto: str) -> Iterator[Place]:
    with contextlib.ExitStack() as services:
        issuer = services.enter_context(Issuer())
        sts = services.enter_context(Recorder(moto))
        adapt_botocore(monkeypatch, tmp_path, issuer)
        yield Place(monkeypatch, tmp_path, issuer, sts)


def adapt_botocore(monkeypatch: pytest.MonkeyPatch, home: Path, issuer: Issuer) -> None:
    """Of its constants some point to the link-local network, and to the home directory that was there when it was imported."""
    from botocore.credentials import SSOProvider
    from botocore.utils import ContainerMetadataFetcher

    monkeypatch.setattr(SSOProvider, "_SSO_TOKEN_CACHE_DIR", str(home / ".aws/sso/cache"))
    monkeypatch.setattr(ContainerMetadataFetcher, "IP_ADDRESS", issuer.url.removeprefix("http://"))
    monkeypatch.setattr(ContainerMetadataFetcher, "SLEEP_TIME", 0)
