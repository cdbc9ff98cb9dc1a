"""Ceph on one node: a monitor, storage daemons, and the RADOS Gateway, which speaks S3.

For most tests there is one storage daemon, which keeps objects in memory; for faults there are three, which keep two replicas of
each object on the disk. What else a real cluster has (a manager, more monitors, keys between the daemons) is left out. The settings
that look odd each cost a failed start or a wrong number; the comments say which.

Reference: https://docs.ceph.com/en/latest/install/manual-deployment/
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from integration.servers.base import Programs, Server, free_ports, program, programs
from integration.servers.s3 import ACCESS_KEY, SECRET_KEY, s3_server

STRANGER = "stranger"
"""The access key of a user who owns nothing; the secret is the same."""
HINT = "apt-get install --no-install-recommends ceph-mon ceph-osd radosgw"

# ms_mon_client_mode: radosgw insists on the secure mode, which needs keys, unless told otherwise, and waits for ever.
# tcp_nodelay: without it every GET takes 40 ms longer.
# pg_num: a pool has 32 placement groups by default, and a dozen pools of that are slow to make.
CONF = """\
[global]
fsid = {fsid}
mon_host = [v2:127.0.0.1:{monitor_port}/0]
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_ipv4 = true
ms_bind_ipv6 = false
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
ms_mon_client_mode = crc
keyring = /dev/null
run_dir = {folder}/run
crash_dir = {folder}/run
pid_file =
log_file =
log_to_file = false
log_to_stderr = true
osd_pool_default_size = {replicas}
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_pool_default_pgp_num = 4
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 5000
[mon]
mon_data = {folder}/mon
mon_cluster_log_file = {folder}/run/cluster
mon_data_avail_warn = 1
mon_data_avail_crit = 1
{monitor}
[osd]
osd_data = {folder}/osd.$id
admin_socket = {folder}/run/$name.asok
osd_class_load_list = *
osd_class_default_list = *
{storage}
[client]
rgw_frontends = beast endpoint=127.0.0.1:{port} tcp_nodelay=1
rgw_data = {folder}/run
"""


class Storage(NamedTuple):
    """How objects are kept."""

    daemons: int
    replicas: int
    monitor: str
    """Settings of the monitor's."""
    storage: str
    """Settings of the storage daemons'."""


IN_MEMORY = Storage(1, 1, monitor="", storage="osd_objectstore = memstore\nmemstore_device_bytes = 4294967296")
# min_size, above, is 1: with one daemon of three away, two thirds of the placement groups have one replica, and take writes.
# mon_osd_min_down_reporters: all daemons are on one host, which otherwise counts as one witness, and two are wanted.
# mon_osd_full_ratio: so that it takes half a gigabyte to fill the store.
REPLICATED = Storage(
    daemons=3,
    replicas=2,
    monitor="""\
mon_allow_pool_delete = true
mon_osd_min_down_reporters = 1
mon_osd_reporter_subtree_level = osd
mon_osd_nearfull_ratio = 0.25
mon_osd_backfillfull_ratio = 0.28
mon_osd_full_ratio = 0.3""",
    storage="""\
osd_objectstore = bluestore
bluestore_block_size = 2147483648
osd_memory_target = 939524096""",
)


class Ceph(NamedTuple):
    """One that answers, and its parts: the programs "mon", "radosgw", and "osd.0" and so on."""

    server: Server
    programs: Programs
    conf: Path
    storage: Storage


@contextmanager
def running() -> Iterator[Server]:
    with parts(IN_MEMORY) as ceph:
        yield ceph.server


@contextmanager
def parts(storage: Storage) -> Iterator[Ceph]:
    with programs() as started:
        port, monitor_port = free_ports(2)
        fsid = str(uuid.uuid4())
        conf = configure(started.folder, fsid=fsid, port=port, monitor_port=monitor_port, **storage._asdict())
        start_monitor(started, conf, fsid, monitor_port)
        for number in range(storage.daemons):
            start_storage(started, conf, number)
        started.start("radosgw", tool("radosgw"), "-c", conf, "-f", "-n", "client.rgw")
        started.wait_for(f"http://127.0.0.1:{port}/")
        for name in (ACCESS_KEY, STRANGER):
            user = [f"--uid={name}", f"--display-name={name}", f"--access-key={name}", f"--secret-key={SECRET_KEY}"]
            started.run("user", tool("radosgw-admin"), "-c", conf, "user", "create", *user)
        yield Ceph(s3_server("ceph", port), started, conf, storage)


def configure(folder: Path, **values: object) -> Path:
    for name in ("run", "mon"):
        (folder / name).mkdir()
    conf = folder / "ceph.conf"
    conf.write_text(CONF.format(folder=folder, **values))
    return conf


def start_monitor(started: Programs, conf: Path, fsid: str, port: int) -> None:
    address = f"[v2:127.0.0.1:{port}/0]"
    started.run("monmap", tool("monmaptool"), "--create", "--fsid", fsid, "--addv", "a", address, "monmap")
    started.run("mon", tool("ceph-mon"), "-c", conf, "--mkfs", "-i", "a", "--monmap", "monmap")
    started.start("mon", tool("ceph-mon"), "-c", conf, "-f", "-i", "a")


def start_storage(started: Programs, conf: Path, number: int) -> None:
    name, identity = f"osd.{number}", str(uuid.uuid4())
    osd: list[str | Path] = [tool("ceph-osd"), "-c", conf, "-i", str(number)]
    (started.folder / name).mkdir()
    started.run("ceph", tool("ceph"), "-c", conf, "--connect-timeout", "120", "osd", "new", identity, str(number))
    started.run(name, *osd, "--mkfs", "--osd-uuid", identity)
    started.start(name, *osd, "-f")


def tool(name: str) -> str:
    return program(name, HINT)
