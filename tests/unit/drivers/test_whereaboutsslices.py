"""Node slices, and what GC does with this node's own (case 52)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from plurimus.cni.errors import AttachmentError, ClusterError
from plurimus.model.ippool import Slice, SlicePool

from .pools import Node, Shelf, request

SLICED: dict[str, Any] = {"node_slice_size": "/26", "network_name": "rail0"}
SLICES = ("kube-system", "rail0")
PARTS = ["10.0.0.0/26", "10.0.0.64/26", "10.0.0.128/26", "10.0.0.192/26"]


def sliced(*nodes: str, range_: str = "10.0.0.0/24") -> SlicePool:
    return SlicePool(range_, "/26", tuple(Slice(part, node) for part, node in zip(PARTS, nodes, strict=False)))


def nodes_of(shelf: Shelf) -> list[str]:
    return [each.node for each in shelf.sliced[SLICES].slices]


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


async def test_a_node_allocates_from_its_slice_with_the_prefix_of_the_range(shelf: Shelf, tmp_path: Path) -> None:
    shelf.sliced[SLICES] = sliced("node-0", "node-1", "", "")
    node = Node(shelf, tmp_path)
    assert [await node.give(pod, **SLICED) for pod in "ab"] == ["10.0.0.65/24", "10.0.0.66/24"]
    assert list(shelf.held("rail0-node-1-10.0.0.64-26")) == ["10.0.0.65", "10.0.0.66"]
    assert shelf.pools["kube-system", "rail0-node-1-10.0.0.64-26"].range == "10.0.0.64/26"
    assert shelf.reserved() == {"rail0-10.0.0.65": "ns/a net1", "rail0-10.0.0.66": "ns/b net1"}
    await node.driver.check(request("CHECK", "a", **SLICED))
    await node.delete("a", **SLICED)
    assert list(shelf.held("rail0-node-1-10.0.0.64-26")) == ["10.0.0.66"]


async def test_without_a_controller_nodes_take_slices_themselves(shelf: Shelf, tmp_path: Path) -> None:
    nodes = [Node(shelf, tmp_path, f"node-{n}") for n in range(4)]
    given = await asyncio.gather(*(node.give(f"{at}-{n}", **SLICED) for at, node in enumerate(nodes) for n in range(3)))
    assert len(set(given)) == 12
    assert sorted(nodes_of(shelf)) == [f"node-{n}" for n in range(4)]
    assert (shelf.sliced[SLICES].range, shelf.sliced[SLICES].size) == ("10.0.0.0/24", "/26")
    with pytest.raises(
        ClusterError, match=r"NodeSlicePool kube-system/rail0 has no slice left for node 'late'"
    ) as full:
        await Node(shelf, tmp_path, "late").add("a", **SLICED)
    assert full.value.code == 11


async def test_limits_and_exclusions_count_in_slices_too(shelf: Shelf, tmp_path: Path) -> None:
    """The original loses them."""
    limits = {"range_start": "10.0.0.70", "range_end": "10.0.0.73", "exclude": ["10.0.0.71"]}
    node = Node(shelf, tmp_path)
    assert [await node.give(pod, **SLICED, **limits) for pod in "abc"] == [
        "10.0.0.70/24",
        "10.0.0.72/24",
        "10.0.0.73/24",
    ]
    assert nodes_of(shelf) == ["", "node-1", "", ""]
    with pytest.raises(AttachmentError, match=r"range 10.0.0.0/24 \(10.0.0.70 to 10.0.0.73\)"):
        await node.add("d", **SLICED, **limits)


async def test_only_the_first_range_is_divided(shelf: Shelf, tmp_path: Path) -> None:
    dual = {**SLICED, "range": "10.0.0.0/24", "ipRanges": [{"range": "fd00::/64"}]}
    assert await Node(shelf, tmp_path).give("a", **dual) == "10.0.0.1/24 fd00::1/64"
    assert {name for _, name in shelf.pools} == {"rail0-node-1-10.0.0.0-26", "rail0-fd00---64"}


async def test_without_a_network_name_slices_have_the_networks_own(shelf: Shelf, tmp_path: Path) -> None:
    await Node(shelf, tmp_path).add("a", node_slice_size="26")
    assert list(shelf.sliced) == [("kube-system", "rail")]
    assert {name for _, name in shelf.pools} == {"node-1-10.0.0.0-26"}


async def test_slices_of_another_range_are_an_error(shelf: Shelf, tmp_path: Path) -> None:
    shelf.sliced[SLICES] = sliced("node-1", range_="10.0.0.0/16")
    with pytest.raises(ClusterError, match=r"divides 10.0.0.0/16, and the configuration's range is 10.0.0.0/24"):
        await Node(shelf, tmp_path).add("a", **SLICED)
    shelf.sliced[SLICES] = SlicePool("10.0.0.0/24", "/26", (Slice("10.1.0.0/26", "node-1"),))
    with pytest.raises(ClusterError, match=r"the slice of node 'node-1': 10.1.0.0/26 is no part of 10.0.0.0/24"):
        await Node(shelf, tmp_path).add("a", **SLICED)


async def test_an_address_of_a_slice_the_node_had_before_is_given_back(shelf: Shelf, tmp_path: Path) -> None:
    """Where the controller divided the range anew; the result says which slice it was."""
    node = Node(shelf, tmp_path)
    shelf.sliced[SLICES] = sliced("node-1", "", "", "")
    given = await node.give("a", **SLICED)
    for pool in (sliced("", "node-1", "", ""), None):
        if pool is None:
            del shelf.sliced[SLICES]
            given = "10.0.0.66/24"
        else:
            shelf.sliced[SLICES] = pool
        previous = {"cniVersion": "1.0.0", "ips": [{"address": given}, {"address": "192.168.0.1/24"}]}
        await node.driver.delete(request("DEL", "a", conf={"prevResult": previous}, **SLICED))
    assert shelf.held("rail0-node-1-10.0.0.0-26") == shelf.reserved() == {}


async def test_a_nodes_name_is_that_of_its_files_where_none_is_given(shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/hostname").write_text("host-1\n")
    node = Node(shelf, tmp_path, "")
    await node.add("a", **SLICED)
    assert nodes_of(shelf)[0] == "host-1"
    (tmp_path / "etc/cni/whereabouts.d").mkdir(parents=True)
    (tmp_path / "etc/cni/whereabouts.d/nodename").write_text("node-7\n")
    await node.add("b", **SLICED, configuration_path="/etc/cni/whereabouts.d")
    assert nodes_of(shelf)[:2] == ["host-1", "node-7"]


async def test_gc_gives_back_what_pods_that_are_gone_left_in_the_nodes_slice(shelf: Shelf, tmp_path: Path) -> None:
    node = Node(shelf, tmp_path, living=["ns/other-network"])
    for pod in ("known", "gone", "other-network"):
        await node.add(pod, **SLICED)
    valid = [{"containerID": "sandbox-of-known", "ifname": "net1"}]
    await node.driver.collect(request("GC", "", conf={"cni.dev/valid-attachments": valid}, **SLICED))
    assert [each.split()[0] for each in shelf.held("rail0-node-1-10.0.0.0-26").values()] == [
        "ns/known",
        "ns/other-network",
    ]
    assert list(shelf.reserved()) == ["rail0-10.0.0.1", "rail0-10.0.0.3"]


async def test_gc_leaves_pools_that_nodes_share(shelf: Shelf, tmp_path: Path) -> None:
    """They do not say which node an address is of, and what one node does not know may live on another."""
    node = Node(shelf, tmp_path)
    await node.add("elsewhere")
    await node.driver.collect(request("GC", "", conf={"cni.dev/valid-attachments": []}))
    assert len(shelf.held("10.0.0.0-24")) == 1
    await node.driver.collect(request("GC", "", conf={"cni.dev/valid-attachments": []}, **SLICED))
    assert shelf.sliced == {}


async def test_requests_at_the_same_time_ask_for_the_slice_once(shelf: Shelf, tmp_path: Path) -> None:
    node = Node(shelf, tmp_path)
    given = await asyncio.gather(*(node.give(f"pod-{n}", **SLICED) for n in range(20)))
    assert len(set(given)) == 20
    assert (shelf.asked["slices"], shelf.asked["create_slices"], shelf.asked["claim_slice"]) == (3, 1, 1)
    shelf.fail = {"slices"}
    failures = await asyncio.gather(*(node.add(f"late-{n}", **SLICED) for n in range(2)), return_exceptions=True)
    first, second = failures
    assert isinstance(first, ClusterError)
    assert isinstance(second, ClusterError)
    assert first.about("pod late-0: ").msg == "pod late-0: slices: no answer"
    assert second.msg == "slices: no answer"


async def test_a_check_misses_a_slice_that_is_gone(shelf: Shelf, tmp_path: Path) -> None:
    node = Node(shelf, tmp_path)
    await node.add("a", **SLICED)
    del shelf.sliced[SLICES]
    with pytest.raises(AttachmentError, match=r"this node has no slice of 10.0.0.0/24 any more"):
        await node.driver.check(request("CHECK", "a", **SLICED))
