"""What a process leaves that was killed while it wrote a file: no entry of any store, and gone with the entry."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from plurimus.adapters import files
from plurimus.adapters.cnifolder import CniFolder
from plurimus.adapters.deviceinfo import DeviceInfoFiles
from plurimus.adapters.podfiles import PodFiles
from plurimus.adapters.podfolders import FOLDER, RunPodFolders
from plurimus.adapters.poolfiles import PoolFiles
from plurimus.adapters.records import RecordFiles
from plurimus.adapters.results import ResultFiles
from plurimus.adapters.spool import SpoolFiles
from plurimus.cni.errors import AttachmentError
from plurimus.core.plan import DEVICE_INFO_DIR
from plurimus.model.ippool import Reservation

LONG = "n" * 240


async def _now(done: None) -> None:
    return done


REMOVALS: dict[str, tuple[str, Callable[[Path], Awaitable[None]]]] = {
    "record": ("cid1", lambda root: RecordFiles(root).remove("cid1")),
    "result": ("net-cid1-eth0", lambda root: ResultFiles(root).remove("net", "cid1", "eth0")),
    "result with a long name": (f"{LONG}-c-eth0", lambda root: ResultFiles(root).remove(LONG, "c", "eth0")),
    "debt": ("cid1-eth0.json", lambda root: _now(SpoolFiles(root).forget("cid1", "eth0"))),
    "device information": (
        f"{DEVICE_INFO_DIR[1:]}/ns-rail-cid1_net1",
        lambda root: DeviceInfoFiles(root).remove(f"{DEVICE_INFO_DIR}/ns-rail-cid1_net1"),
    ),
    "configuration": ("00-x.conflist", lambda root: _now(CniFolder(root).remove("00-x.conflist"))),
    "status": ("ns.pod.yaml", lambda root: _now(PodFiles(root).forget("ns", "pod"))),
    "events": ("ns.pod.events", lambda root: _now(PodFiles(root).forget("ns", "pod"))),
    "owner of a pod's folder": (f"{FOLDER[1:]}/.of-uid", lambda root: RunPodFolders(root).remove("uid", "cid1")),
    "reservation": (
        "overlappingrangeipreservations/ns.10.0.0.1.json",
        lambda root: PoolFiles(root).unreserve("ns", "10.0.0.1", Reservation("ns/pod", "net1", "1")),
    ),
}


@pytest.mark.parametrize("store", REMOVALS)
async def test_half_of_an_entry_is_gone_once_the_entry_is_removed(store: str, tmp_path: Path) -> None:
    name, remove = REMOVALS[store]
    path = tmp_path / name
    half = path.with_name(files.temporary_name(path.name))
    half.parent.mkdir(parents=True, exist_ok=True)
    half.write_text("half of")
    await remove(tmp_path)
    assert not half.exists()


async def test_half_of_an_entry_is_in_no_list(tmp_path: Path) -> None:
    for name in ("cid1", "cid1-eth0.json", "net-cid1-eth0"):
        (tmp_path / files.temporary_name(name)).write_text("{}")
    found: list[Any] = [await RecordFiles(tmp_path).container_ids(), await ResultFiles(tmp_path).entries()]
    assert [*found, SpoolFiles(tmp_path).pending(), files.names(tmp_path)] == [[], [], [], []]


def test_what_is_in_the_way_of_a_file_that_goes_keeps_it_from_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / ".file.tmp").mkdir()
    files.remove(tmp_path / "file", durable=True)
    assert [path.name for path in tmp_path.iterdir()] == [".file.tmp"]
    files.remove(tmp_path / "gone/file", durable=True)
    files.remove(tmp_path / ("x" * 300))


def test_a_file_that_cannot_be_removed_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(AttachmentError, match=f"cannot remove {tmp_path}/file: "):
        files.remove(tmp_path / "file")
