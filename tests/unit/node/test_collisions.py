"""Requests for one sandbox that run into each other: CNI spec, "Lifecycle & Ordering".

A runtime that gave up an ADD may send the DEL while it still runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plurimus.cni.errors import ClusterError, Code, PlurimusError, RequestError
from plurimus.node.context import Outcome

from .interleaved import Choices, Gates, SteppedNode, is_clean
from .world import CONTAINER, NETNS, Node


@pytest.mark.parametrize("held", ["eth0", "net1"])
async def test_a_del_ends_the_add_of_its_sandbox_and_has_it_undone(held: str) -> None:
    node = Node()
    node.networks("a")
    node.plugins.hold("ADD", held)
    adding = asyncio.create_task(node.call("ADD"))
    while not any(call.ifname == held for call in node.plugins.calls):
        await asyncio.sleep(0)
    await node.delete()
    with pytest.raises(ClusterError, match=r"^Multus: \[default/pod/uid-1\]: a DEL of this sandbox came") as caught:
        await adding
    assert caught.value.code == Code.TRY_AGAIN_LATER
    assert node.left() == []


async def test_what_the_ended_add_cannot_undo_its_del_tries_again_and_the_error_tells() -> None:
    node = Node()
    node.plugins.fail("DEL", "eth0", times=1)
    held = node.plugins.hold("ADD")
    adding = asyncio.create_task(node.call("ADD"))
    await held.reached.wait()
    await node.delete()
    with pytest.raises(ClusterError) as caught:
        await adding
    assert any("no DEL of eth0 today" in note for note in caught.value.__notes__)
    assert node.plugins.made("DEL") == ["DEL bridge eth0"] * 2
    assert node.left() == []


async def test_an_add_that_is_undoing_itself_goes_on_and_keeps_its_own_error() -> None:
    node = Node()
    node.plugins.fail("ADD")
    held = node.plugins.hold("DEL")
    adding = asyncio.create_task(node.call("ADD"))
    await held.reached.wait()
    deleting = asyncio.create_task(node.delete())
    await asyncio.sleep(0.01)
    assert node.plugins.made("DEL") == ["DEL bridge eth0"]
    held.open()
    await deleting
    with pytest.raises(PlurimusError, match="no ADD of  today"):
        await adding
    assert node.left() == []


async def test_an_add_that_waits_for_its_turn_is_ended_too_and_one_that_comes_behind_the_del_is_not() -> None:
    node = Node()
    held = node.plugins.hold("CHECK")
    await node.add()
    checking = asyncio.create_task(node.call("CHECK"))
    await held.reached.wait()
    before = asyncio.create_task(node.call("ADD"))
    await asyncio.sleep(0)
    deleting = asyncio.create_task(node.delete())
    await asyncio.sleep(0)
    behind = asyncio.create_task(node.call("ADD"))
    await asyncio.sleep(0)
    held.open()
    await asyncio.gather(checking, deleting)
    assert (await behind).result is not None
    with pytest.raises(ClusterError):
        await before
    assert (CONTAINER, NETNS, "eth0") in node.plugins.attached


async def test_a_del_of_another_sandbox_ends_nothing() -> None:
    node = Node()
    held = node.plugins.hold("ADD", "eth0")
    async with held.while_waiting(node.add()):
        await node.delete(container="other", netns="/run/netns/other")
    assert node.recorded() == ["eth0"]


async def test_the_add_of_a_sandbox_that_lives_is_refused_and_changes_nothing() -> None:
    """CNI spec: "a runtime must not call ADD twice"; what lives in the sandbox stays."""
    node = Node()
    await node.add()
    before = (node.recorded(), set(node.plugins.attached), node.plugins.made())
    for _ in range(2):
        with pytest.raises(RequestError, match="interface name eth0 already exists"):
            await node.call("ADD")
    assert (node.recorded(), node.plugins.attached, node.plugins.made()) == before


async def test_of_two_adds_at_once_one_makes_the_pod_and_the_other_is_refused() -> None:
    node = Node()
    node.networks("a")
    first, second = await asyncio.gather(node.call("ADD"), node.call("ADD"), return_exceptions=True)
    assert isinstance(first, Outcome)
    assert isinstance(second, RequestError)
    assert node.recorded() == ["eth0", "net1"]
    assert node.plugins.made("DEL") == []


async def test_dels_at_once_delete_once_and_all_succeed() -> None:
    node = Node()
    await node.add()
    await asyncio.gather(*(node.delete() for _ in range(5)))
    assert node.plugins.made("DEL") == ["DEL bridge eth0"]
    assert node.left() == []


async def test_a_check_beside_an_add_waits_for_it() -> None:
    node = Node()
    held = node.plugins.hold("ADD", "eth0")
    async with held.while_waiting(node.add()):
        checking = asyncio.create_task(node.call("CHECK"))
        await asyncio.sleep(0.01)
        assert node.plugins.made("CHECK") == []
    await checking
    assert node.plugins.made("CHECK") == ["CHECK bridge eth0"]


@settings(max_examples=150)
@given(
    verbs=st.lists(st.sampled_from(["ADD", "DEL", "CHECK"]), min_size=2, max_size=5),
    at=st.lists(st.integers(0, 40), min_size=5, max_size=5),
    seed=st.integers(0, 2**16),
    failing=st.lists(st.sampled_from(["ADD eth0", "ADD net1", "records.store", "results.store", "write_status"])),
    side_by_side=st.booleans(),
)
def test_whatever_collides_a_last_del_leaves_nothing_and_an_answered_add_holds(
    verbs: Sequence[str], at: Sequence[int], seed: int, failing: Sequence[str], side_by_side: bool
) -> None:
    """Requests of one sandbox, each begun at some step of the others."""
    gates = Gates(failing)
    node = SteppedNode(gates, side_by_side=side_by_side)
    node.networks("a")
    succeeded: list[str] = []

    async def request(verb: str, step: int) -> None:
        for _ in range(step):  # as many steps later as the dice make of it
            await gates.step()
        ended: Any = (await asyncio.gather(node.call(verb), return_exceptions=True))[0]
        assert isinstance(ended, Outcome | PlurimusError), ended
        if isinstance(ended, Outcome) and verb != "CHECK":
            succeeded.append(verb)

    async def together() -> Outcome:
        await asyncio.gather(*(request(verb, step) for verb, step in zip(verbs, at, strict=False)))
        return Outcome()

    async def run() -> None:
        node.restart()
        assert not isinstance(await gates.play(together(), Choices(seed)), BaseException)
        there = {ifname for _, _, ifname in node.plugins.attached}
        assert there == set(node.recorded()), "what is attached is on record, and the other way round"
        assert there == ({"eth0", "net1"} if succeeded[-1:] == ["ADD"] else set()), succeeded
        await node.delete()
        assert is_clean(node)

    asyncio.run(run())
