"""GC: the runtime's list is the truth about sandboxes; every network is told what lives (F5, S18)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from plurimus.cni.errors import AttachmentError, ClusterError, Code
from plurimus.node.context import Outcome

from . import multus
from .world import CONTAINER, STATE, Node


def keep(*containers: str) -> dict[str, Any]:
    """What a runtime sends that knows these sandboxes."""
    return {"cni.dev/valid-attachments": [{"containerID": each, "ifname": "eth0"} for each in containers]}


async def gc(node: Node, *containers: str) -> Outcome:
    return await node.call("GC", keep(*containers), container="", netns="", ifname="", CNI_ARGS="")


async def with_sandboxes(*containers: str) -> Node:
    """Sandboxes with eth0, and net1 in a network of version 1.1.0 on each."""
    node = Node()
    node.network("a", cniVersion="1.1.0")
    node.pod("a")
    for container in containers:
        await node.add(container=container, netns=f"/run/netns/{container}")
    node.plugins.calls.clear()
    return node


async def test_sandboxes_the_runtime_does_not_know_are_deleted() -> None:
    """F5, S18: all their attachments, from the record."""
    node = await with_sandboxes("c1", "c2", "c3")
    await gc(node, "c2")
    assert [f"{call} {call.container}" for call in node.plugins.calls if call.verb == "DEL"] == [
        "DEL a net1 c1", "DEL bridge eth0 c1", "DEL a net1 c3", "DEL bridge eth0 c3",
    ]  # fmt: skip
    assert list(node.records.files) == ["c2"]
    assert {call.env["CNI_NETNS"] for call in node.plugins.calls if call.verb == "DEL"} == {
        "/run/netns/c1",
        "/run/netns/c3",
    }


async def test_one_that_somebody_looks_at_is_waited_for_and_deleted() -> None:
    """As recovery does just when a daemon has started: that is no request, which would be left alone."""
    node = await with_sandboxes("c1", "c2")
    async with node.requests.locks.hold("c1", looks=True):
        collecting = asyncio.create_task(gc(node, "c2"))
        for _ in range(20):
            await asyncio.sleep(0)
        assert sorted(node.records.files) == ["c1", "c2"]
    await collecting
    assert list(node.records.files) == ["c2"]


async def test_every_network_is_told_of_all_that_live() -> None:
    """F5, S18: secondary networks too; what was just deleted is not among them."""
    node = await with_sandboxes("c1", "c2", "c3")
    await gc(node, "c1", "c3")
    told = {call.kind: call.conf["cni.dev/valid-attachments"] for call in node.plugins.calls if call.verb == "GC"}
    assert told == {
        "bridge": [{"containerID": each, "ifname": "eth0"} for each in ("c1", "c3")],
        "a": [{"containerID": each, "ifname": "net1"} for each in ("c1", "c3")],
    }


async def test_results_without_a_record_are_collected() -> None:
    """F5: as a lost record leaves them."""
    node = await with_sandboxes("c1")
    node.records.files.clear()
    await gc(node)
    assert node.left() == []


async def test_a_sandbox_of_multus_is_collected() -> None:
    """F5, F13: in the namespace that libcni's cache names."""
    node = Node()
    await multus.leave(node)
    await gc(node)
    assert node.plugins.made("DEL") == multus.SCRATCH_DELS
    assert {call.env["CNI_NETNS"] for call in node.plugins.calls if call.verb == "DEL"} == {"/run/netns/pod"}
    assert node.left() == []


async def test_a_sandbox_of_multus_that_lives_stays_whole() -> None:
    """F5, F13."""
    node = Node()
    await multus.leave(node)
    before = node.left()
    await gc(node, CONTAINER)
    assert node.left() == before


@pytest.mark.parametrize("verb", ["ADD", "DEL"])
async def test_a_sandbox_in_the_middle_of_a_request_is_left_alone(verb: str) -> None:
    """F5: an ADD that began after the runtime made its list is alive."""
    node = await with_sandboxes("c1")
    if verb == "ADD":
        await node.delete(container="c1")
    held = node.plugins.hold(verb, "eth0")
    async with held.while_waiting(node.call(verb, container="c1", netns="/run/netns/c1")):
        calls = len(node.plugins.made("DEL"))
        await gc(node)
        assert len(node.plugins.made("DEL")) == calls


async def test_a_request_waits_while_its_sandbox_is_collected() -> None:
    """F5: so that the two do not undo the same attachment, or one that is being made."""
    node = await with_sandboxes("c1")
    held = node.plugins.hold("DEL", "net1")
    async with held.while_waiting(gc(node)):
        deleting = asyncio.create_task(node.delete(container="c1"))
        for _ in range(10):
            await asyncio.sleep(0)
        assert node.plugins.made("DEL") == ["DEL a net1"]
    await deleting
    assert node.plugins.made("DEL") == ["DEL a net1", "DEL bridge eth0"]


@pytest.mark.parametrize("keys", [{}, {"cni.dev/valid-attachments": 5}, {"cni.dev/valid-attachments": [{}]}])
async def test_a_list_that_is_missing_or_malformed_removes_nothing(keys: dict[str, Any]) -> None:
    """F5: it must not be read as "keep none"."""
    node = await with_sandboxes("c1")
    before = node.left()
    assert (await node.refused("GC", keys)).code == Code.INVALID_CONFIG
    assert node.plugins.made() == []
    assert node.left() == before


async def test_the_older_name_of_the_list_is_read() -> None:
    """F5."""
    node = await with_sandboxes("c1", "c2")
    await node.call("GC", {"cni.dev/attachments": [{"containerID": "c1", "ifname": "eth0"}]})
    assert list(node.records.files) == ["c1"]


async def test_everything_is_tried_and_what_failed_stays() -> None:
    """F5, F24: one error names all."""
    node = await with_sandboxes("c1", "c2")
    node.plugins.fail("DEL", "net1", times=1)
    node.plugins.fail("GC", kind="bridge")
    error = await node.refused("GC", keep())
    assert "no DEL of net1 today" in error.msg
    assert "network 'cbr0', plugin 'bridge' failed (gc): " in error.msg
    assert node.recorded("c1") == ["net1"]
    assert node.recorded("c2") == []
    node.plugins.forgive()
    await gc(node)
    assert node.left() == []


async def test_a_record_the_disk_does_not_give_holds_up_no_other() -> None:
    """F5: everything is tried."""
    node = await with_sandboxes("c1", "c2")
    node.records.unreadable.add("c1")
    error = await node.refused("GC", keep())
    assert "cannot read c1" in error.msg
    assert list(node.records.files) == ["c1"]
    assert node.plugins.made("GC") == ["GC bridge"]


async def test_no_network_is_told_half_of_what_lives() -> None:
    """F5: it would take away the rest."""
    node = await with_sandboxes("c1", "c2")
    node.records.unreadable.add("c1")
    assert "cannot read c1" in (await node.refused("GC", keep("c1", "c2"))).msg
    assert node.plugins.made() == []


async def test_a_default_network_that_cannot_be_found_keeps_no_sandbox() -> None:
    """F5: what is stale is deleted all the same, and the failures of that are told as well."""
    node = await with_sandboxes("c1", "c2")
    node.plugins.fail("DEL", "net1", times=1)
    node.cluster.error = ClusterError("no route to the API server")
    error = await node.refused("GC", keep())
    assert "no DEL of net1 today" in error.msg
    assert "no route to the API server" in error.msg
    assert list(node.records.files) == ["c1"]


async def test_what_has_no_gc_is_not_called() -> None:
    """F5: versions below 1.1.0, and lists that switch it off."""
    node = await with_sandboxes("c1")
    node.network("old", cniVersion="1.0.0")
    node.network("off", cniVersion="1.1.0", chain=("off",), disableGC="true")
    node.pod("old,off")
    await node.add(container="c2", netns="/run/netns/c2")
    await gc(node, "c1", "c2")
    assert node.plugins.made("GC") == ["GC bridge", "GC a"]


async def test_a_lost_cache_entry_keeps_no_other_from_being_collected() -> None:
    """F5, S32."""
    node = await with_sandboxes("c1", "c2")
    node.records.files["c1"] = b"[]"
    del node.results.files["a-c1-net1"]
    await gc(node)
    assert node.plugins.made("DEL") == ["DEL bridge eth0", "DEL a net1", "DEL bridge eth0"]
    assert not node.stores[STATE][0].files


async def test_gc_reports_the_plugins_code() -> None:
    """S20."""
    node = await with_sandboxes()
    node.plugins.fail("GC", error=AttachmentError("busy", code=11))
    assert (await node.refused("GC", keep())).code == 11
