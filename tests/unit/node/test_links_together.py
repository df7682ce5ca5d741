"""Interfaces that are all their plugins' DEL would delete leave the kernel together, before any DEL."""

from __future__ import annotations

import pytest

from plurimus.cni.errors import AttachmentError

from .world import NETNS, Node


@pytest.fixture
def node() -> Node:
    """A pod with two networks whose interfaces may leave together, one of a device, and its default network."""
    made = Node()
    made.networks("macvlan", "sriov", "ptp")
    made.plugins.links = {"macvlan": "macvlan", "ptp": "veth", "tuning": ""}
    return made


def namespaces(node: Node) -> dict[str, str]:
    """Which namespace each DEL was called with, by interface."""
    return {call.ifname: call.env["CNI_NETNS"] for call in node.plugins.calls if call.verb == "DEL"}


async def test_they_are_gone_before_their_plugins_are_called_and_others_are_not_touched(node: Node) -> None:
    await node.add()
    await node.delete()
    assert node.kernel.deleted == [{"net1": "macvlan", "net3": "veth"}]
    assert namespaces(node) == {"net1": "", "net3": "", "net2": NETNS, "eth0": NETNS}
    assert node.left() == []


async def test_a_failed_add_takes_them_away_together_too(node: Node) -> None:
    node.plugins.fail("ADD", "net3")
    await node.refused("ADD")
    assert node.kernel.deleted == [{"net1": "macvlan", "net3": "veth"}]
    assert node.left() == []


async def test_where_the_kernel_refuses_each_goes_by_its_plugin(node: Node) -> None:
    await node.add()
    node.kernel.delete_error = AttachmentError("Operation not supported")
    await node.delete()
    assert set(namespaces(node).values()) == {NETNS}
    assert node.left() == []


async def test_a_del_that_fails_behind_that_is_on_record_and_repeated(node: Node) -> None:
    """S6: the plugin's own work is its own, also without the interface."""
    await node.add()
    node.plugins.fail("DEL", "net1", times=1)
    error = await node.refused("DEL")
    assert "no DEL of net1 today" in error.msg
    assert node.recorded() == ["net1"]
    await node.delete()
    assert node.kernel.deleted == [{"net1": "macvlan", "net3": "veth"}]
    assert node.left() == []


async def test_one_alone_goes_by_its_plugin(node: Node) -> None:
    node.networks("macvlan", "sriov")
    await node.add()
    await node.delete()
    assert node.kernel.deleted == []
    assert set(namespaces(node).values()) == {NETNS}


async def test_without_a_namespace_nobody_asks_the_kernel(node: Node) -> None:
    await node.add()
    await node.delete(netns="")
    assert node.kernel.deleted == []


async def test_a_chain_whose_other_plugins_take_more_from_the_kernel_is_left_to_them(node: Node) -> None:
    """Or may: nobody knows what an executable does."""
    node.network("plain", chain=("macvlan", "tuning"))
    node.network("routed", chain=("macvlan", "sbr"))
    node.network("double", chain=("macvlan", "ptp"))
    node.network("none", chain=("tuning",))
    node.pod("plain,routed,double,none,ptp")
    await node.add()
    await node.delete()
    assert node.kernel.deleted == [{"net1": "macvlan", "net5": "veth"}]


async def test_with_networks_one_after_another_they_go_one_after_another() -> None:
    node = Node(sideBySide=False)
    node.networks("macvlan", "ptp")
    node.plugins.links = {"macvlan": "macvlan", "ptp": "veth"}
    await node.add()
    await node.delete()
    assert node.kernel.deleted == []
    assert node.left() == []
