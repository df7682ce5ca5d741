"""What recovery does by the word of a container runtime: one that really listens, and may be silent, or another's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from plurimus.adapters.cri import RuntimeSandboxes
from plurimus.core import measured
from plurimus.node.halfdone import HalfDone
from plurimus.node.runtimesword import PATIENCE
from tests.criserver import Runtime, sandbox

from .test_halfdone import Clock
from .world import Node

LOST, LIVING, OTHERS = "d" * 64, "a" * 64, "e" * 64


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    """One that knows LIVING alone."""
    with Runtime(tmp_path / "cri.sock", [sandbox(LIVING)]) as made:
        yield made


async def pods(*containers: str) -> Node:
    """A node with pods that were answered, each in a namespace that lives."""
    node = Node()
    node.networks("a")
    for container in containers:
        await node.add(container=container, netns=f"/run/netns/{container}")
    return node


def recovery(node: Node, runtime: Runtime, clock: Clock) -> HalfDone:
    """The next daemon's."""
    node.restart()
    asked = RuntimeSandboxes([Path("/")], socket=str(runtime.socket), timeout=60)
    return HalfDone(node.requests, node.world, clock, asked.ids)


async def for_long(half_done: HalfDone, clock: Clock, seconds: float = 2 * PATIENCE) -> int:
    """How many sandboxes are open once `seconds` have gone by."""
    left = await half_done.look()
    for _ in range(int(seconds / 5)):
        clock.now += 5
        left = await half_done.look()
    return left


async def test_a_sandbox_the_runtime_has_lost_is_undone_though_its_namespace_lives(runtime: Runtime) -> None:
    node, clock = await pods(LOST, LIVING), Clock()
    half_done = recovery(node, runtime, clock)
    assert await for_long(half_done, clock) == 0
    assert list(node.records.files) == [LIVING]
    assert await half_done.document() == {"failed": [], "setAside": []}
    assert {call.env["CNI_NETNS"] for call in node.plugins.calls if call.verb == "DEL"} == {f"/run/netns/{LOST}"}
    assert {container for container, *_ in node.plugins.attached} == {LIVING}


async def test_one_that_is_being_made_is_not_taken_for_lost(runtime: Runtime) -> None:
    """Runtimes list a sandbox when it has started, seconds or minutes after its ADD was answered."""
    node, clock = await pods(LOST, LIVING), Clock()
    half_done = recovery(node, runtime, clock)
    assert await for_long(half_done, clock, PATIENCE - 5) == 1
    (waits,) = (await half_done.document())["notListed"]
    assert waits["what"] == LOST
    assert measured.HALF_DONE.value() == 0  # it is whole
    runtime.sandboxes.append(sandbox(LOST))
    assert await for_long(half_done, clock) == 0
    assert sorted(node.records.files) == [LIVING, LOST]
    assert node.plugins.made("DEL") == []


async def test_one_that_cri_o_is_still_making_is_not_taken_for_lost(runtime: Runtime) -> None:
    """It lists a sandbox that kubelet has been told of.  With a `runtimeRequestTimeout` of ten minutes kubelet waits
    for twenty; CRI-O goes on for four more, and keeps what it made for two until kubelet asks again.
    """
    node, clock = await pods(LOST, LIVING), Clock()
    half_done = recovery(node, runtime, clock)
    assert await for_long(half_done, clock, 60 * (20 + 4 + 2)) == 1
    runtime.sandboxes.append(sandbox(LOST))
    assert await for_long(half_done, clock) == 0
    assert sorted(node.records.files) == [LIVING, LOST]
    assert node.plugins.made("DEL") == []


async def test_a_runtime_whose_socket_is_gone_for_a_while_is_silent() -> None:
    """It is being started anew, and whom it lost it still has lost."""
    listed: list[str] | None = [LIVING]

    async def ask() -> list[str] | None:
        return listed

    node, clock = await pods(LOST, LIVING), Clock()
    node.restart()
    half_done = HalfDone(node.requests, node.world, clock, ask)
    assert await for_long(half_done, clock, PATIENCE / 2) == 1
    listed = None
    assert await for_long(half_done, clock, PATIENCE) == 1
    assert (await half_done.document())["runtime"] == "its socket is gone, where there was one"
    listed = [LIVING]
    assert await for_long(half_done, clock) == 0
    assert list(node.records.files) == [LIVING]


async def test_an_add_that_was_cut_short_is_undone_no_sooner(runtime: Runtime) -> None:
    """The runtime does not list it yet, and its DEL may be on its way."""
    node, clock = await pods(LOST, LIVING), Clock()
    await node.results.remove("a", LOST, "net1")
    half_done = recovery(node, runtime, clock)
    assert await for_long(half_done, clock, PATIENCE - 5) == 1
    assert node.plugins.made("DEL") == []
    assert await for_long(half_done, clock) == 0
    assert list(node.records.files) == [LIVING]


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNIMPLEMENTED])
async def test_a_runtime_that_refuses_changes_nothing_until_it_answers(runtime: Runtime, code: grpc.StatusCode) -> None:
    node, clock = await pods(LOST, LIVING), Clock()
    before = (dict(node.records.files), dict(node.results.files), set(node.plugins.attached))
    runtime.refusal = code
    half_done = recovery(node, runtime, clock)
    assert await for_long(half_done, clock) == 2
    assert (node.records.files, node.results.files, node.plugins.attached) == before
    assert str(runtime.socket) in (await half_done.document())["runtime"]
    runtime.refusal = None
    assert await for_long(half_done, clock, PATIENCE - 65) == 1
    assert (node.records.files, node.results.files, node.plugins.attached) == before
    assert await for_long(half_done, clock) == 0
    assert list(node.records.files) == [LIVING]


@pytest.mark.parametrize("silent", [True, False], ids=["silent", "stranger"])
async def test_beside_a_runtime_that_says_nothing_a_pod_is_forgotten_once_it_got_its_del(
    runtime: Runtime, silent: bool
) -> None:
    node, clock = await pods(LOST, LIVING), Clock()
    runtime.refusal = grpc.StatusCode.UNAVAILABLE if silent else None
    runtime.sandboxes = [sandbox(OTHERS)]
    half_done = recovery(node, runtime, clock)
    assert await for_long(half_done, clock) == 2
    await node.delete(container=LOST, netns=f"/run/netns/{LOST}")
    assert await for_long(half_done, clock, 60) == 1
    assert list(node.records.files) == [LIVING]


async def test_a_runtime_that_is_away_changes_nothing(tmp_path: Path) -> None:
    node, clock = await pods(LOST, LIVING), Clock()
    half_done = recovery(node, Runtime(tmp_path / "nobody.sock"), clock)
    assert await for_long(half_done, clock) == 2
    assert sorted(node.records.files) == [LIVING, LOST]
    assert node.plugins.made("DEL") == []


async def test_a_runtime_that_lists_none_of_the_sandboxes_on_record_is_not_whose_they_are(runtime: Runtime) -> None:
    """So it is with containerd beside a kubelet whose runtime is another."""
    node, clock = await pods(LOST, LIVING), Clock()
    runtime.sandboxes = [sandbox(OTHERS)]
    assert await for_long(recovery(node, runtime, clock), clock) == 2
    runtime.sandboxes = []
    assert await for_long(recovery(node, runtime, clock), clock) == 2
    assert node.plugins.made("DEL") == []


async def test_beside_such_a_runtime_the_cluster_says_whether_a_pod_that_was_not_made_is_gone(runtime: Runtime) -> None:
    node, clock = await pods(LOST), Clock()
    await node.results.remove("a", LOST, "net1")
    half_done = recovery(node, runtime, clock)
    assert await for_long(half_done, clock) == 1
    node.pod("a", uid="uid-2")
    assert await for_long(half_done, clock) == 0
    assert node.left() == []


async def test_a_sandbox_that_no_runtime_would_call_so_is_not_the_runtimes_to_speak_of(runtime: Runtime) -> None:
    node, clock = await pods("by-hand", LIVING), Clock()
    assert await for_long(recovery(node, runtime, clock), clock) == 0
    assert sorted(node.records.files) == [LIVING, "by-hand"]


async def test_what_multus_recorded_is_not_undone_by_the_runtimes_word(runtime: Runtime) -> None:
    """Nobody knows that the namespace at its path is the one it was made in."""
    node, clock = await pods(LOST, LIVING), Clock()
    await node.records.remove(LOST)
    assert await for_long(recovery(node, runtime, clock), clock) == 0
    assert node.plugins.made("DEL") == []


async def test_before_it_serves_the_runtime_is_not_asked_and_then_once_a_minute(runtime: Runtime) -> None:
    node, clock = await pods(LOST, LIVING), Clock()
    half_done = recovery(node, runtime, clock)
    assert await half_done.look(ask=False) == 2
    assert runtime.asked == 0
    await for_long(half_done, clock, 55)
    assert runtime.asked == 1
    await for_long(half_done, clock)
    asked = runtime.asked
    assert asked == 1 + PATIENCE / 60
    await for_long(half_done, clock)
    assert runtime.asked == asked  # nobody is left to ask about


async def test_one_that_cannot_be_undone_is_tried_again_until_it_can(runtime: Runtime) -> None:
    node, clock = await pods(LOST, LIVING), Clock()
    node.plugins.fail("DEL", "net1")
    half_done = recovery(node, runtime, clock)
    assert await for_long(half_done, clock) == 1
    assert node.recorded(LOST) == ["net1"]
    assert measured.HALF_DONE.value() == 1
    node.plugins.forgive()
    assert await for_long(half_done, clock) == 0
    assert list(node.records.files) == [LIVING]


async def test_a_del_of_the_runtime_that_comes_in_between_ends_the_wait(runtime: Runtime) -> None:
    node, clock = await pods(LOST, LIVING), Clock()
    half_done = recovery(node, runtime, clock)
    assert await for_long(half_done, clock, 60) == 1
    await node.delete(container=LOST, netns=f"/run/netns/{LOST}")
    calls = len(node.plugins.made("DEL"))
    assert await for_long(half_done, clock) == 0
    assert len(node.plugins.made("DEL")) == calls
