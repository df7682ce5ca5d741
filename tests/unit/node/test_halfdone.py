"""What a daemon that was killed, or a node that went down, left: undone where nobody wants it, kept where it lives."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

import pytest

from plurimus.cni.errors import AttachmentError, ClusterError
from plurimus.core.record import FORMAT
from plurimus.node.halfdone import HalfDone

from .world import CONTAINER, NETNS, Node


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def after_a_crash(node: Node, clock: Clock | None = None, runtime: Collection[str] | None = None) -> HalfDone:
    """The next daemon's; `runtime` are the sandboxes the runtime knows, None where it cannot be asked."""
    node.restart()

    async def known() -> Collection[str] | None:
        return runtime

    return HalfDone(node.requests, node.world, clock or Clock(), known)


async def made(networks: str = "a") -> Node:
    """A node with a pod that was answered."""
    node = Node()
    node.networks(*networks.split(","))
    await node.add()
    return node


async def cut_short(node: Node) -> None:
    """As if the daemon had been killed before the last result was in the cache."""
    await node.results.remove("a", CONTAINER, "net1")


async def test_a_pod_that_was_answered_and_lives_keeps_all_it_has() -> None:
    node = await made()
    before = (dict(node.records.files), dict(node.results.files), set(node.plugins.attached))
    assert await after_a_crash(node).look() == 0
    assert (node.records.files, node.results.files, node.plugins.attached) == before
    assert node.plugins.made("DEL") == []


async def test_a_sandbox_of_an_earlier_boot_is_undone_whatever_is_at_its_path_now() -> None:
    node = await made()
    node.kernel.cookies[NETNS] = "another boot's"
    assert await after_a_crash(node).look() == 0
    assert node.left() == []
    assert {call.env["CNI_NETNS"] for call in node.plugins.calls if call.verb == "DEL"} == {""}


async def test_a_sandbox_whose_path_is_another_namespace_by_now_is_undone_without_touching_that() -> None:
    node = await made()
    node.kernel.cookies[NETNS] = "another"
    assert await after_a_crash(node).look() == 0
    assert node.left() == []
    assert {call.env["CNI_NETNS"] for call in node.plugins.calls if call.verb == "DEL"} == {""}
    assert node.kernel.deleted == []


async def test_a_del_of_the_runtime_does_not_touch_the_namespace_that_has_the_path_by_now() -> None:
    node = await made()
    node.kernel.cookies[NETNS] = "another"
    await node.delete()
    assert {call.env["CNI_NETNS"] for call in node.plugins.calls if call.verb == "DEL"} == {""}
    assert node.left() == []


async def test_what_is_gone_is_undone_without_asking_anybody() -> None:
    """The API server may be away, and pods that start wait for this."""
    node = await made()
    node.kernel.leftovers.add(NETNS)
    node.cluster.error = ClusterError("no route")
    assert await after_a_crash(node).look(ask=False) == 0
    assert node.left() == []


async def test_cached_results_without_a_record_are_undone_once_their_namespace_is_gone() -> None:
    node = await made()
    await node.records.remove(CONTAINER)
    assert await after_a_crash(node).look() == 0
    assert len(node.results.files) == 2
    node.kernel.leftovers.add(NETNS)
    assert await after_a_crash(node).look() == 0
    assert node.left() == []


async def test_what_was_not_made_to_its_end_is_left_to_the_runtime_while_it_knows_the_sandbox() -> None:
    node = await made()
    await cut_short(node)
    recovery = after_a_crash(node, runtime=[CONTAINER])
    assert await recovery.look() == 1
    assert node.plugins.made("DEL") == []
    (failed,) = (await recovery.document())["failed"]
    assert "net1" in failed["why"]
    assert CONTAINER in failed["what"]


async def test_without_a_runtime_to_ask_the_cluster_says_whether_the_pod_is_gone() -> None:
    node, clock = await made(), Clock()
    await cut_short(node)
    recovery = after_a_crash(node, clock)
    assert await recovery.look() == 1
    node.cluster.error = ClusterError("no route to the API server")
    clock.now += 600
    assert await recovery.look() == 1
    node.cluster.error = None
    node.pod("a", uid="uid-2")
    clock.now += 600
    assert await recovery.look() == 0
    assert node.left() == []


async def test_a_request_of_the_runtime_settles_what_was_waited_for() -> None:
    node, clock = await made(), Clock()
    await cut_short(node)
    recovery = after_a_crash(node, clock)
    assert await recovery.look() == 1
    await node.delete()
    clock.now += 600
    assert await recovery.look() == 0
    assert node.left() == []


async def test_what_cannot_be_undone_is_tried_again_until_it_can() -> None:
    node, clock = await made(), Clock()
    node.kernel.leftovers.add(NETNS)
    node.plugins.fail("DEL", "net1")
    recovery, tries = after_a_crash(node, clock), 0
    for _ in range(20_000):  # more than a day
        assert await recovery.look() == 1
        tries = len(node.plugins.made("DEL"))
        clock.now += 5
    assert 300 < tries < 400
    assert node.recorded() == ["net1"]
    node.plugins.forgive()
    clock.now += 300
    assert await recovery.look() == 0
    assert node.left() == []


async def test_daemons_that_crash_one_after_another_try_each_sandbox_once_and_no_more() -> None:
    node = await made()
    node.kernel.leftovers.add(NETNS)
    node.plugins.fail("DEL", "net1")
    for start in range(1, 6):
        recovery = after_a_crash(node, Clock())
        for _ in range(10):
            assert await recovery.look(ask=False) == 1
            assert await recovery.look() == 1
        assert node.plugins.made("DEL").count("DEL a net1") == start


async def test_one_failure_holds_nobody_up_whatever_it_is() -> None:
    node = Node()
    for container in ("c1", "c2", "c3"):
        await node.add(container=container, netns=f"/run/netns/{container}")
        node.kernel.leftovers.add(f"/run/netns/{container}")
    node.records.bug = "c1"
    node.records.unreadable = {"c2"}
    assert await after_a_crash(node).look() == 2
    assert sorted(node.records.files) == ["c1", "c2"]


FOREIGN: list[bytes] = [
    b"",
    b"[",
    b"[]",
    b"\x00" * 64,
    b"a file of another program",
    json.dumps([{"plurimus": {"format": FORMAT + 1, "anything": []}}]).encode(),
    json.dumps({"kind": "Pod"}).encode(),
]


@pytest.mark.parametrize("content", FOREIGN)
async def test_a_record_that_cannot_be_read_is_made_anew_of_the_results(content: bytes) -> None:
    """S6: torn, empty, foreign, of a later version."""
    node = await made()
    node.records.files[CONTAINER] = content
    recovery = after_a_crash(node)
    assert await recovery.look() == 0
    assert node.records.aside[CONTAINER] == content
    assert node.recorded() == ["eth0", "net1"]
    assert (await recovery.document())["setAside"] == [f"aside/{CONTAINER}"]
    await node.delete()
    assert node.left() == []


@pytest.mark.parametrize("content", FOREIGN)
async def test_a_record_that_cannot_be_read_is_no_reason_to_keep_what_is_gone(content: bytes) -> None:
    node = await made()
    node.records.files[CONTAINER] = content
    node.kernel.leftovers.add(NETNS)
    assert await after_a_crash(node).look() == 0
    assert node.left() == []


async def test_a_file_nobody_knows_anything_about_is_set_aside_and_stops_nothing() -> None:
    node = await made()
    node.records.files["README"] = b"what is this folder for?"
    assert await after_a_crash(node).look() == 0
    assert list(node.records.aside) == ["README"]
    assert node.recorded() == ["eth0", "net1"]


async def test_a_folder_that_a_request_names_later_is_looked_at_then() -> None:
    node = Node()
    where: dict[str, Any] = {"cniDir": "/other"}
    await node.call("ADD", where)
    recovery = after_a_crash(node)
    node.kernel.leftovers.add(NETNS)
    assert await recovery.look() == 0
    assert len(node.stores["/other"][0].files) == 1
    await node.call("ADD", where, container="c2", netns="/run/netns/c2")
    assert await recovery.look() == 0
    assert list(node.stores["/other"][0].files) == ["c2"]


async def test_a_folder_that_cannot_be_listed_is_listed_later() -> None:
    node = await made()
    node.kernel.leftovers.add(NETNS)
    node.records.list_error = AttachmentError("cannot list /var/lib/cni/multus: Input/output error", code=5)
    clock = Clock()
    recovery = after_a_crash(node, clock)
    assert await recovery.look() == 0
    assert "Input/output" in (await recovery.document())["failed"][0]["why"]
    node.records.list_error = None
    clock.now += 5
    assert await recovery.look() == 0
    assert node.left() == []
