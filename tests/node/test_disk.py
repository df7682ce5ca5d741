"""Disks that are full, read-only or broken: a clear error, nothing left, and service once they work again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from plurimus.adapters.deviceinfo import OFFERED_DIR
from plurimus.core.plan import DEVICE_INFO_DIR

from .daemon import Node
from .surroundings import Disk, pod_of, small_disk

VF, DEVICE = "example.com/vf", "0000:18:02.4"
INFO = {"type": "pci", "version": "1.1.0", "pci": {"pci-address": DEVICE}}


@pytest.fixture
def state(node: Node) -> Iterator[Disk]:
    """A small disk of `cniDir`."""
    with small_disk(node.state) as disk:
        yield disk


@pytest.fixture
def addresses(node: Node) -> Iterator[Disk]:
    """A small disk of host-local's `dataDir`."""
    with small_disk(node.ipam) as disk:
        yield disk


def test_a_full_disk_of_records_refuses_before_anything_is_done(node: Node, state: Disk) -> None:
    pod = pod_of(node)
    before = node.snapshot()
    state.fill()
    full = node.snapshot()
    answer = pod.call("ADD")
    assert f"cannot write {pod.record}: No space left on device" in answer.refused(5)
    assert "free space or inodes" in answer.document["details"]
    assert node.snapshot() == full
    assert pod.call("DEL").succeeded() == {}
    state.clear()
    pod.add()
    pod.delete()
    node.is_as(before)


def test_a_pod_is_deleted_while_the_disk_of_its_record_is_full(node: Node, state: Disk) -> None:
    pod = pod_of(node)
    pod.add()
    state.fill()
    pod.delete()
    assert pod.links() == {}
    assert not pod.record.exists()
    assert not list(node.ipam.rglob("10.*"))


@pytest.mark.parametrize("free", range(8))
def test_a_disk_that_fills_up_in_the_middle_of_an_add_leaves_nothing(node: Node, state: Disk, free: int) -> None:
    """Its record, results, and what a plugin keeps beside them need a page each."""
    pod = pod_of(node)
    before = node.snapshot()
    state.fill(free)
    answer = pod.call("ADD")
    if answer.status != 0:
        assert "No space left on device" in answer.refused(5)
        assert pod.links() == {}
        assert not list(node.ipam.rglob("10.*"))
    state.clear()
    pod.delete()
    node.is_as(before)


def test_a_full_disk_of_addresses_is_told_and_undone(node: Node, addresses: Disk) -> None:
    pod = pod_of(node)
    before = node.snapshot()
    addresses.fill()
    said = pod.call("ADD").document
    assert "No space left on device" in f"{said['msg']} {said.get('details', '')}".replace("no space", "No space")
    assert str(node.ipam) in said["msg"]
    assert pod.links() == {}
    assert pod.recorded() == []
    addresses.clear()
    pod.add()
    pod.delete()
    node.is_as(before)


def test_a_disk_that_becomes_read_only_keeps_pods_until_it_can_be_written(node: Node, state: Disk) -> None:
    pod, other = pod_of(node), node.sandbox()
    before = node.snapshot()
    pod.add()
    state.writable(False)
    said = other.call("ADD")
    assert f"cannot write {other.record}: Read-only file system" in said.refused(5)
    assert "mount it for writing" in said.document["details"]
    assert other.links() == {}
    assert "Read-only file system" in pod.call("DEL").refused(5)
    state.writable(True)
    pod.delete()
    other.add()
    other.delete()
    node.is_as(before)


@pytest.fixture
def told() -> Iterator[Disk]:
    """A small disk of the files that tell of attachments' devices; a device plugin has told of its own."""
    own, offered = Path(DEVICE_INFO_DIR), Path(OFFERED_DIR)
    for folder in (own, offered):
        folder.mkdir(parents=True, exist_ok=True)
    (offered / f"example.com-vf-{DEVICE}-device.json").write_text(json.dumps(INFO))
    try:
        with small_disk(own) as disk:
            yield disk
    finally:
        shutil.rmtree(own.parent)


def test_a_full_disk_of_device_information_refuses_what_is_to_read_it(node: Node, told: Disk) -> None:
    """Only a network whose plugin declares that it reads the file depends on it."""
    annotation = {"k8s.v1.cni.cncf.io/resourceName": VF}
    node.network("reads", node.macvlan(capabilities={"CNIDeviceInfoFile": True}), **annotation)
    node.network("ignores", node.macvlan(), **annotation)
    devices = {"trainer": {VF: [DEVICE]}}
    pod, other = node.sandbox("reads", devices=devices), node.sandbox("ignores", devices=devices)
    before = node.snapshot()
    told.fill()
    answer = pod.call("ADD")
    said = answer.refused(5)
    assert "the device information the plugin is to read: cannot write " in said
    assert f"default-reads-{pod.id}_net1: No space left on device" in said
    assert "free space or inodes" in answer.document["details"]
    node.is_as(before)
    assert [path.name for path in Path(DEVICE_INFO_DIR).iterdir()] == [".ballast"]
    other.add()
    other.delete()
    told.clear()
    pod.add()
    assert pod.network_status()[1]["device-info"] == INFO
    pod.delete()
    assert list(Path(DEVICE_INFO_DIR).iterdir()) == []
    node.is_as(before)
