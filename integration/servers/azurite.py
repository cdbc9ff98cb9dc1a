"""Azurite, Azure's own emulator of Blob Storage, from npm. Objects are in memory."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from integration.servers.base import NotStarted, Server, free_ports, programs
from integration.servers.s3 import PATIENT

PROGRAM = Path(__file__).parents[2] / ".servers" / "node_modules" / ".bin" / "azurite-blob"
ACCOUNT = "devstoreaccount1"
# The key that every emulator has: https://learn.microsoft.com/azure/storage/common/storage-use-azurite
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@contextmanager
def running() -> Iterator[Server]:
    if not PROGRAM.exists():
        raise NotStarted(f"There is no {PROGRAM}. Install it with: .ci/install-servers")
    with programs() as started:
        [port] = free_ports(1)
        quiet = ["--silent", "--disableTelemetry", "--skipApiVersionCheck", "--inMemoryPersistence"]
        started.start("azurite", PROGRAM, "--blobHost", "127.0.0.1", "--blobPort", str(port), *quiet)
        started.wait_for(f"http://127.0.0.1:{port}/")
        url = f"http://127.0.0.1:{port}/{ACCOUNT}"
        yield Server("azurite", url, {"endpoint": url, "account_name": ACCOUNT, "account_key": KEY, "TOTAL_TIMEOUT": 60, **PATIENT})


def connection_string(server: Server) -> str:
    return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={server.url};"


def storage_options(server: Server, container: str) -> dict[str, Any]:
    """OPTIONS for AzureStorage of django-storages."""
    return {
        "storage": "storages.backends.azure_storage.AzureStorage",
        "connection_string": connection_string(server),
        "azure_container": container,
    }


def make_container(server: Server) -> str:
    from azure.storage.blob import BlobServiceClient

    name = f"container-{uuid.uuid4().hex[:12]}"
    with BlobServiceClient.from_connection_string(connection_string(server)) as client:
        client.create_container(name).close()
    return name
