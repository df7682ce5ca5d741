"""What drivers say their stores hold, for the sweep: whose it is, and whether its namespace is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from plurimus.cni.errors import PlurimusError
from plurimus.core.leaks import Held, Namespace
from plurimus.drivers.call import Call
from plurimus.drivers.hostlocal.driver import HostLocal

from . import pools, sriovfakes, test_rdma
from .test_whereaboutsslices import SLICED

GC = Call("GC", conf={"name": "rail0"})


def hostlocal(folder: Path) -> Call:
    return Call("GC", conf={"name": "rail", "ipam": {"type": "host-local", "dataDir": str(folder)}})


async def test_host_local_has_leases_and_no_other_files(tmp_path: Path) -> None:
    folder = tmp_path / "rail"
    folder.mkdir()
    contents = {"10.0.0.2": "c1\r\nnet1", "10.0.0.3": "e" * 64, "10.0.0.4": "", "10.0.0.5": "kept by hand", "lock": "",
                "last_reserved_ip.0": "10.0.0.2"}  # fmt: skip
    for name, content in contents.items():
        (folder / name).write_text(content)
    found = await HostLocal(Path("/")).held(hostlocal(tmp_path), [])
    assert sorted((each.what, each.container_id, each.ifname) for each in found) == [
        ("10.0.0.2", "c1", "net1"),
        ("10.0.0.3", "e" * 64, ""),
    ]
    assert all(each.where == str(folder) and each.age is not None and each.age >= 0 for each in found)


async def test_host_local_has_nothing_where_there_is_no_folder(tmp_path: Path) -> None:
    assert await HostLocal(Path("/")).held(hostlocal(tmp_path), []) == []
    assert list(tmp_path.iterdir()) == []


async def test_whereabouts_has_what_is_in_this_nodes_slice(tmp_path: Path) -> None:
    shelf = pools.Shelf()
    mine, other = (pools.Node(shelf, tmp_path, name) for name in ("node-1", "node-2"))
    await mine.add("a", **SLICED)
    await other.add("b", **SLICED)
    (found,) = await mine.driver.held(pools.request("GC", "", **SLICED), [])
    pool = "IPPool kube-system/rail0-node-1-10.0.0.0-26"
    assert found == Held("allocation", "10.0.0.1", pool, "sandbox-of-a", "net1", pod="ns/a")


async def test_whereabouts_says_nothing_of_a_pool_that_nodes_share_and_claims_no_slice(tmp_path: Path) -> None:
    shelf = pools.Shelf()
    node = pools.Node(shelf, tmp_path)
    await node.add("a")
    assert await node.driver.held(pools.request("GC", ""), []) == []
    assert await node.driver.held(pools.request("GC", "", **SLICED), []) == []
    assert shelf.sliced == {}


@pytest.mark.parametrize(
    ("what", "expected"),
    [("it lives", Namespace.THERE), ("it ended", Namespace.GONE), ("another has its path", Namespace.GONE),
     ("it is out of sight", Namespace.UNKNOWN)],
)  # fmt: skip
async def test_a_vf_is_its_pods_as_long_as_that_very_namespace_is_there(
    tmp_path: Path, what: str, expected: Namespace
) -> None:
    node = sriovfakes.Node(tmp_path)
    await node.call("ADD")
    if what in ("it ended", "another has its path"):
        node.kernel.end(sriovfakes.POD)
    if what == "another has its path":
        node.kernel.spaces[sriovfakes.POD] = [sriovfakes.device(1, "lo")]
    if what == "it is out of sight":
        node.kernel.hidden = {sriovfakes.POD}
    (found,) = await node.driver.held(GC, [])
    assert (found.kind, found.what, found.where, found.container_id, found.ifname) == (
        "VF", sriovfakes.address(1), "rail", "pod", "net1")  # fmt: skip
    assert (found.namespace, found.userspace) == (expected, False)
    assert found.age is not None


async def test_a_vf_of_a_dead_sandbox_comes_home_by_a_del_of_its_network_alone(tmp_path: Path) -> None:
    """As the sweep gives it back: without a device, a namespace or addresses."""
    node = sriovfakes.Node(tmp_path)
    before = node.kernel.state()
    await node.call("ADD", vlan=100)
    node.kernel.end(sriovfakes.POD)
    await node.call("DEL", netns="", deviceID="")
    assert node.kernel.state()["functions"] == before["functions"]
    assert node.left() == []


async def test_an_rdma_device_is_its_pods_until_its_namespace_is_gone(tmp_path: Path) -> None:
    there = test_rdma.node()
    rdma = test_rdma.driver(there, tmp_path)
    await rdma.add(test_rdma.request("ADD"))
    assert [each.namespace for each in await rdma.held(GC, [])] == [Namespace.UNKNOWN]
    there.end(test_rdma.POD)
    (found,) = await rdma.held(GC, [])
    assert (found.what, found.where, found.container_id, found.ifname) == ("mlx5_9", "rail0", "pod", "net1")
    assert found.namespace is Namespace.GONE
    assert await rdma.held(Call("GC", conf={"name": "other"}), []) == []


async def test_an_rdma_device_is_told_of_though_another_file_says_nothing(tmp_path: Path) -> None:
    rdma = test_rdma.driver(test_rdma.node(), tmp_path)
    await rdma.add(test_rdma.request("ADD"))
    (path,) = (path for path in tmp_path.rglob("rail0-*") if path.is_file())
    torn = path.with_name("rail0-another-net1")
    torn.write_text("{")
    odd: list[PlurimusError] = []
    assert [each.container_id for each in await rdma.held(GC, odd)] == ["pod"]
    assert [str(torn) in error.msg for error in odd] == [True]
