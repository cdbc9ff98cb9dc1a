"""OpenStack Swift with its S3 face: one replica on one device, from the packages swift (pip) and memcached (apt).

Reference: https://docs.openstack.org/swift/latest/deployment_guide.html and https://docs.openstack.org/swift/latest/s3_compat.html
"""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from integration.servers.base import Programs, Server, free_ports, program, programs
from integration.servers.s3 import SECRET_KEY, s3_server

KINDS = ("account", "container", "object")
FILTERS = ("catch_errors", "gatekeeper", "healthcheck", "listing_formats", "bulk", "copy", "slo", "dlo", "symlink")

SWIFT = """\
[swift-hash]
swift_hash_path_prefix = tests
swift_hash_path_suffix = tests
[storage-policy:0]
name = Policy-0
default = yes
"""
DEFAULT = """\
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
recon_cache_path = {folder}
fallocate_reserve = 0
"""
STORAGE = """\
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""
PROXY = """\
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck cache listing_formats bulk s3api tempauth copy slo dlo symlink proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:tempauth]
use = egg:swift#tempauth
user_s3cache_s3cache = {secret_key} .admin
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:{memcached_port}
"""


@contextmanager
def running() -> Iterator[Server]:
    with programs() as started:
        port, memcached_port, *ports = free_ports(5)
        memcached = [program("memcached", "apt-get install memcached"), "-l", "127.0.0.1", "-U", "0", "-u", getpass.getuser()]
        started.start("memcached", *memcached, "-p", str(memcached_port))
        (started.folder / "devices" / "device").mkdir(parents=True)
        (started.folder / "swift.conf").write_text(SWIFT)
        for kind, its_port in zip(KINDS, ports, strict=True):
            make_ring(started, kind, its_port)
            start(started, kind, its_port, STORAGE.format(kind=kind))
        proxy = PROXY.format(secret_key=SECRET_KEY, memcached_port=memcached_port)
        start(started, "proxy", port, proxy + "".join(f"[filter:{name}]\nuse = egg:swift#{name}\n" for name in FILTERS))
        for each in (*ports, port):
            started.wait_for(f"http://127.0.0.1:{each}/healthcheck")
        yield s3_server("swift", port, access_key="s3cache:s3cache")


def make_ring(started: Programs, kind: str, port: int) -> None:
    """Where the objects of a kind lie: all on one device."""
    builder = [tool("swift-ring-builder"), f"{kind}.builder"]
    for step in (["create", "2", "1", "0"], ["add", f"r1z1-127.0.0.1:{port}/device", "1"], ["rebalance"]):
        started.run("rings", *builder, *step)


def start(started: Programs, kind: str, port: int, body: str) -> None:
    conf: Path = started.folder / f"{kind}-server.conf"
    conf.write_text(DEFAULT.format(port=port, user=getpass.getuser(), folder=started.folder) + body)
    started.start(kind, tool(f"swift-{kind}-server"), conf)


def tool(name: str) -> str:
    return program(name, "pip install swift")
