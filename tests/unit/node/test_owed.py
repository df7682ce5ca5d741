"""A DEL that can only fail does not keep its pod: the daemon tries on instead of the runtime."""

from __future__ import annotations

from plurimus.node.recovery import Debts

from .world import CONTAINER, Node


def node_with_a_broken_network() -> Node:
    """net2's plugin can read its configuration neither at ADD nor at DEL."""
    node = Node()
    node.networks("a", "b")
    node.plugins.fail("ADD", "net2")
    node.plugins.fail("DEL", "net2")
    return node


async def test_what_was_never_made_and_cannot_be_deleted_is_owed() -> None:
    """S5, S49: the runtime's DEL succeeds, the record and the pod's author keep hearing of it."""
    node = node_with_a_broken_network()
    await node.refused("ADD")
    await node.delete()
    assert node.recorded() == ["net2"]
    assert node.spool.has(CONTAINER, "eth0")
    assert node.cluster.events[-1][1].reason == "FailedRemovingInterface"


async def test_the_debt_is_paid_once_the_plugin_can() -> None:
    """S5: nothing is leaked by answering early."""
    node = node_with_a_broken_network()
    await node.refused("ADD")
    await node.delete()
    now = 1000.0
    debts = Debts(node.world.spool, node.requests, lambda: now)
    assert await debts.pay() == 1
    node.plugins.forgive()
    now += 60
    assert await debts.pay() == 0
    assert node.plugins.made("DEL")[-1] == "DEL b net2"
    assert node.left() == []


async def test_what_was_made_is_the_runtimes_to_try_again() -> None:
    """S5, F24: an address or a link may be left, so the pod is not gone yet."""
    node = Node()
    node.networks("a")
    await node.add()
    node.plugins.fail("DEL", "net1")
    error = await node.refused("DEL")
    assert (error.code, node.spool.files) == (111, {})
    assert node.recorded() == ["net1"]


async def test_a_later_del_that_succeeds_voids_the_debt() -> None:
    node = node_with_a_broken_network()
    await node.refused("ADD")
    await node.delete()
    node.plugins.forgive()
    await node.delete()
    assert node.left() == []
