"""GC beside requests that begin meanwhile: what they make lives, whatever a plugin's own GC takes away."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from plurimus.node import hotplug
from plurimus.node.context import Request
from plurimus.node.message import InterfaceAttributes

from .test_gc import gc, with_sandboxes
from .world import Node


async def begin(node: Node, verb: str) -> None:
    """A pod's ADD, of c3, or one attachment more of c2 in the network `a`."""
    if verb == "ADD":
        await node.add(container="c3", netns="/run/netns/c3")
        return
    config = json.dumps({"cniVersion": "1.1.0", "name": "a", "type": "a"}).encode()
    env = node.env("ADD", container="c2", netns="/run/netns/c2", ifname="net9")
    await hotplug.handle(node.requests, Request(env, config), InterfaceAttributes())


MADE = {"ADD": {("c3", "net1")}, "hot-plug": {("c2", "net9")}}


def told(node: Node, kind: str = "a") -> set[tuple[str, str]]:
    """What the last GC of the network was told to keep."""
    (conf,) = [call.conf for call in node.plugins.calls if str(call).startswith(f"GC {kind}")]
    return {(each["containerID"], each["ifname"]) for each in conf["cni.dev/valid-attachments"]}


async def settle() -> None:
    """As far as everything gets that need not wait."""
    for _ in range(50):
        await asyncio.sleep(0)


@pytest.mark.parametrize("verb", MADE)
async def test_what_is_made_while_a_stale_sandbox_is_undone_is_among_what_lives(verb: str) -> None:
    """F5, F61: the networks' own GC would take its devices away."""
    node = await with_sandboxes("c1", "c2")
    held = node.plugins.hold("DEL", "net1")
    async with held.while_waiting(gc(node, "c2")):
        await begin(node, verb)
    assert told(node) == {("c2", "net1")} | MADE[verb]
    assert ("c1", "/run/netns/c1", "net1") not in node.plugins.attached


@pytest.mark.parametrize("verb", MADE)
async def test_nothing_begins_while_a_network_takes_away_what_it_is_not_told_of(verb: str) -> None:
    """F5, F61."""
    node = await with_sandboxes("c1", "c2")
    held = node.plugins.hold("GC", kind="a")
    async with held.while_waiting(gc(node, "c1", "c2")):
        beginning = asyncio.create_task(begin(node, verb))
        await settle()
        assert node.plugins.made("ADD") == []
        assert node.recorded("c3") == []
        assert node.recorded("c2") == ["eth0", "net1"]
    await beginning
    assert told(node) == {("c1", "net1"), ("c2", "net1")}
    assert {(container, ifname) for container, _, ifname in node.plugins.attached} >= MADE[verb]


async def test_an_add_that_has_begun_keeps_no_gc_waiting_and_is_among_what_lives() -> None:
    """F5: also what no plugin was called for yet."""
    node = await with_sandboxes("c1")
    held = node.plugins.hold("ADD", "eth0")
    async with held.while_waiting(node.add(container="c2", netns="/run/netns/c2")):
        await gc(node, "c1")
        assert told(node) == {("c1", "net1"), ("c2", "net1")}
    assert node.recorded("c2") == ["eth0", "net1"]


async def test_a_del_waits_for_no_network_that_is_collected() -> None:
    """F5: what it takes away, nobody else does harm to."""
    node = await with_sandboxes("c1", "c2")
    held = node.plugins.hold("GC", kind="a")
    async with held.while_waiting(gc(node, "c1", "c2")):
        await node.delete(container="c1")
    assert node.plugins.made("DEL") == ["DEL a net1", "DEL bridge eth0"]
    assert list(node.records.files) == ["c2"]


async def test_an_add_that_ends_while_gc_looks_at_what_there_is_lives() -> None:
    """F5: it is on record, but neither in the runtime's list nor under way any more."""
    node = await with_sandboxes("c1")
    held = node.plugins.hold("ADD", "eth0")
    adding = asyncio.create_task(node.add(container="c2", netns="/run/netns/c2"))
    await held.reached.wait()
    listed = node.results.entries

    async def slow(container_id: str = "") -> Any:
        node.plugins.forgive()
        await adding
        return await listed(container_id)

    node.results.entries = slow  # type: ignore[method-assign]
    await gc(node, "c1")
    assert node.plugins.made("DEL") == []
    assert told(node) == {("c1", "net1"), ("c2", "net1")}


async def test_an_add_that_is_cancelled_while_it_waits_leaves_nothing() -> None:
    """F5, F24."""
    node = await with_sandboxes("c1")
    before = node.left()
    held = node.plugins.hold("GC", kind="a")
    async with held.while_waiting(gc(node, "c1")):
        adding = asyncio.create_task(begin(node, "ADD"))
        await settle()
        adding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await adding
    assert node.left() == before
    await begin(node, "ADD")
