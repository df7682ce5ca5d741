"""Devices by the file kubelet keeps them in, where there is no socket."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from plurimus.adapters import checkpoint
from plurimus.adapters.podresources import FOLDER, KubeletDevices
from plurimus.cni.errors import ClusterError
from plurimus.model.pod import CONFIG_HASH, CONFIG_SOURCE, Pod
from tests.allocations import by_resource

from .kubelet import Kubelet, entries
from .kubelet import pod as told

VF, GPU = "intel.com/sriov_rdma", "nvidia.com/gpu"
POD = Pod("ns", "trainer", "uid-1")


def write(root: Path, content: Any) -> Path:
    path = root / FOLDER.lstrip("/") / checkpoint.NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def source(root: Path) -> KubeletDevices:
    return KubeletDevices([root], timeout=60, pauses=[0])


async def test_the_devices_of_the_pod_are_found_by_its_uid(machine: Path) -> None:
    """F52, S7; containers by their names, as the file has no other order."""
    found = entries(
        ("", "second", VF, {"0": ["a"], "1": ["c", "a"]}),
        ("uid-2", "first", VF, {"0": ["d"]}),
        ("", "first", VF, {"-1": ["e", "b"]}),
        ("", "first", GPU, {"0": ["gpu-1"], "1": None}),
    )
    write(machine, found)
    assert by_resource(await source(machine).allocated(POD)) == {VF: ["b", "e", "a", "c"], GPU: ["gpu-1"]}
    assert by_resource(await source(machine).allocated(Pod("ns", "trainer", "uid-3"))) == {}


async def test_the_form_before_numa_nodes_is_read(machine: Path) -> None:
    """F52."""
    write(machine, entries(("", "c", VF, ["b", "a"]), ("", "c", GPU, None)))
    assert by_resource(await source(machine).allocated(POD)) == {VF: ["a", "b"], GPU: []}


async def test_a_static_pod_is_found_by_the_uid_kubelet_gave_it(machine: Path) -> None:
    """F52: the API object of a static pod has another one."""
    write(machine, entries(("hash", "c", VF, {"0": ["a"]})))
    static = Pod("ns", "trainer", "uid-1", {CONFIG_SOURCE: "file", CONFIG_HASH: "hash"})
    assert by_resource(await source(machine).allocated(static)) == {VF: ["a"]}
    assert by_resource(await source(machine).allocated(Pod("ns", "trainer", "uid-1", {CONFIG_HASH: "hash"}))) == {}


async def test_a_node_where_nothing_was_allocated_yet_has_no_devices(machine: Path) -> None:
    write(machine, {"Data": {"PodDeviceEntries": None, "RegisteredDevices": {}}, "Checksum": 1})
    assert by_resource(await source(machine).allocated(POD)) == {}


async def test_the_socket_is_asked_where_there_is_one(machine: Path) -> None:
    """F51, F52."""
    write(machine, entries(("", "c", VF, {"0": ["of-the-file"]})))
    with Kubelet(machine, [told("trainer", [(VF, ["of-the-socket"])])]):
        assert by_resource(await source(machine).allocated(POD)) == {VF: ["of-the-socket"]}
    assert by_resource(await source(machine).allocated(POD)) == {VF: ["of-the-file"]}


@pytest.mark.parametrize("content", ['{"Data": {"PodDev', "[]", '{"Data": {"PodDeviceEntries": [{"PodUID": 1}]}}'])
async def test_a_file_that_cannot_be_read_is_named(machine: Path, content: str) -> None:
    """S9: never an answer without devices for a pod that may have some."""
    path = write(machine, content)
    with pytest.raises(ClusterError) as caught:
        await source(machine).allocated(POD)
    assert str(path) in caught.value.msg
    assert "pod ns/trainer" in caught.value.msg


async def test_a_place_that_cannot_be_looked_at_is_told_as_that(machine: Path) -> None:
    """S9."""
    with pytest.raises(ClusterError, match="File name too long"):
        await source(machine / ("x" * 300)).allocated(POD)


async def test_a_node_without_a_kubelet_is_told_as_that(machine: Path) -> None:
    """S9: pod, places, and what to check."""
    roots = [machine / "own", machine / "host"]
    with pytest.raises(ClusterError) as caught:
        await KubeletDevices(roots, timeout=60, pauses=[0]).allocated(POD)
    assert caught.value.code == 11
    for part in ("pod ns/trainer", *(f"{root}/var/lib/kubelet" for root in roots), "pod-resources/kubelet.sock",
                 "device-plugins/kubelet_internal_checkpoint", "check that kubelet runs"):  # fmt: skip
        assert part in caught.value.msg
