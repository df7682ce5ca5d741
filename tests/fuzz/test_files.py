"""Files that others wrote, or a crash tore: adapters give their content or say what is wrong, in their own errors."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from plurimus.adapters import kubeconfig, whereaboutsfiles
from plurimus.adapters.confdir import ConfDirectories
from plurimus.adapters.deviceinfo import DeviceInfoFiles
from plurimus.adapters.manifests import ManifestFolder
from plurimus.adapters.records import RecordFiles
from plurimus.adapters.results import ResultFiles
from plurimus.adapters.spool import SpoolFiles
from plurimus.cni.errors import PlurimusError
from plurimus.core.rangesets import RangeKeys, parse
from plurimus.drivers.hostlocal import openfolder
from plurimus.drivers.hostlocal.folder import LeaseFolder
from plurimus.drivers.rdma.state import SavedDevices
from plurimus.drivers.tuning import allowlist
from plurimus.drivers.tuning.backup import Backup

from . import corpus
from .mutations import SECONDS, blobs, hammer, texts

SECRET = "t0p-s3cret"
Use = Callable[[Path], Any]


def written(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


async def record(folder: Path) -> None:
    await RecordFiles(folder).load("cid1")
    await RecordFiles(folder).container_ids()


async def results(folder: Path) -> None:
    files = ResultFiles(folder)
    await files.load("net", "cid1", "eth0")
    await files.entries("cid1")


def spool(folder: Path) -> None:
    SpoolFiles(folder).pending()
    SpoolFiles(folder).has("cid1", "eth0")
    SpoolFiles(folder).claim(1, now=5)


def confdir(folder: Path) -> None:
    ConfDirectories().find(str(folder), "net", list_version="1.0.0")
    ConfDirectories().load(str(folder))


def chain(folder: Path) -> None:
    written(folder / "10.conflist", b'{"name": "net", "cniVersion": "1.0.0"}')
    confdir(folder)


def leases(folder: Path) -> None:
    (wanted,) = parse([[RangeKeys(subnet="10.0.0.0/29")]])
    with openfolder.made(LeaseFolder(str(folder), "/net", 5)) as opened:
        opened.owned(b"cid1\r\neth0")
        taken = opened.take(wanted.candidates(opened.last(0)), b"cid2\r\neth0")
        opened.remove([] if taken is None else [taken[0]])


async def manifests(folder: Path) -> None:
    cluster = ManifestFolder(folder)
    await cluster.get_definition("ns", "net")
    pod = await cluster.get_pod("ns", "pod")
    if pod is not None:
        await cluster.allocated(pod)


async def device_info(folder: Path) -> None:
    await DeviceInfoFiles(folder).offered("r", "d")


def backup(folder: Path) -> None:
    Backup(folder / "x.json").load()


def rdma(folder: Path) -> None:
    SavedDevices(folder).load("net", "cid1", "eth0")
    list(SavedDevices(folder).of_network("net"))


MANIFEST = {"kind": "Pod", "metadata": {"namespace": "ns", "name": "pod", "uid": "u", "annotations": {
    "plurimus.io/devices": '{"r": ["d"]}'}}}  # fmt: skip
ENTRY = {"env": corpus.ENVIRONMENT, "config": "e30="}
OFFERED = "var/run/k8s.cni.cncf.io/devinfo/dp/r-d-device.json"
MOVED = {"deviceID": "d", "sandboxRdmaDevName": "m"}
WHEREABOUTS = "etc/cni/net.d/whereabouts.d/whereabouts.conf"
JSON_PATTERN = rb"^net\..*$" + b"\n(unclosed\n"
TARGETS: dict[str, tuple[str, st.SearchStrategy[bytes], Use]] = {
    "record": ("cid1", texts(corpus.MULTUS_RECORD), record),
    "cached result": ("results/net-cid1-eth0", texts(corpus.CACHED), results),
    "spool entry": ("cid1-eth0.json", texts([ENTRY]), spool),
    "claim of the spool": (".claimed", blobs([b"5.0\n", b""]), spool),
    "configuration": ("10.conf", texts(corpus.CONFIGURATIONS), confdir),
    "list": ("10.conflist", texts(corpus.CONFIGURATIONS), confdir),
    "plugin of a list": ("net/10.conf", texts(corpus.SINGLE), chain),
    "lease": ("net/10.0.0.2", blobs([b"cid1\r\neth0", b"cid1"]), leases),
    "last lease": ("net/last_reserved_ip.0", blobs([b"10.0.0.3"]), leases),
    "kubeconfig": ("kubeconfig", texts(corpus.KUBECONFIG), lambda folder: kubeconfig.load(folder / "kubeconfig")),
    "manifest": ("Pod.yaml", texts([MANIFEST]), manifests),
    "device information": (OFFERED, texts(corpus.DEVICE_INFO), device_info),
    "tuned interface": ("x.json", texts([{"mac": "02:00:00:00:00:01", "promisc": True, "mtu": 1500}]), backup),
    "allowed parameters": ("etc/cni/tuning/allowlist.conf", blobs([JSON_PATTERN]),
                           lambda folder: allowlist.check(folder, ["net.ipv4.ip_forward"])),
    "moved RDMA device": ("var/lib/cni/rdma/net-cid1-eth0", texts([MOVED]), rdma),
    "whereabouts' file": (WHEREABOUTS, texts([corpus.WHEREABOUTS]), lambda folder: whereaboutsfiles.flat(folder)),
    "whereabouts' kubeconfig": ("etc/cni/k", texts(corpus.KUBECONFIG),
                                lambda folder: whereaboutsfiles.namespace(folder, "/etc/cni/k")),
    "name of the node": ("etc/cni/net.d/whereabouts.d/nodename", blobs([b"node-1\n"]),
                         lambda folder: whereaboutsfiles.node_name(folder, "/etc/cni/net.d/whereabouts.d")),
}  # fmt: skip


@pytest.mark.parametrize("name", TARGETS)
def test_any_file_is_read_or_its_error_is_one_of_ours_without_what_is_in_it(name: str, tmp_path: Path) -> None:
    place, contents, use = TARGETS[name]
    loop = asyncio.new_event_loop()
    read = 0

    def check(content: bytes) -> None:
        nonlocal read
        written(tmp_path / place, content)
        said = ""
        try:
            used = use(tmp_path)
            if isinstance(used, Awaitable):
                loop.run_until_complete(used)
            read += 1
        except PlurimusError as error:
            said = f"{error} {error.details} {getattr(error, '__notes__', '')}"
        assert SECRET not in said

    try:
        assert hammer(SECONDS / len(TARGETS), contents, check) >= 1
        assert read, "not even what it starts from could be read"
    finally:
        loop.close()


def test_a_secret_would_be_noticed(tmp_path: Path) -> None:
    """The kubeconfigs of the corpus have one, and it is read."""
    path = written(tmp_path / "kubeconfig", json.dumps(corpus.KUBECONFIG[0]).encode())
    assert SECRET in repr(kubeconfig.token(kubeconfig.load(path)))
