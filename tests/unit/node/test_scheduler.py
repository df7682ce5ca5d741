"""Requests and executables begin when there is room, wait in order, are refused in time, and leave nothing behind."""

from __future__ import annotations

import asyncio

import pytest

from plurimus.cni.errors import Code, OverloadError
from plurimus.core import measured
from plurimus.core.needs import Needs
from plurimus.core.schedule import Rank
from plurimus.node.scheduler import OWN, Scheduler

from .world import Node

MIB = 2**20


class Work:
    """Requests under way, each until it is told to end."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self.begun: list[str] = []
        self._ends: dict[str, asyncio.Event] = {}

    def ask(self, name: str, rank: Rank = Rank.OTHER, *kinds: str, namespace: str = "a") -> asyncio.Task[None]:
        self._ends[name] = asyncio.Event()
        return asyncio.create_task(self._work(name, rank, kinds, namespace))

    def end(self, name: str) -> None:
        self._ends[name].set()

    async def _work(self, name: str, rank: Rank, kinds: tuple[str, ...], namespace: str) -> None:
        async with self._scheduler.admit(rank, namespace, kinds):
            self.begun.append(name)
            await self._ends[name].wait()


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def learned(**mebibytes: int) -> Needs:
    return Needs({kind: number * MIB for kind, number in mebibytes.items()})


async def test_requests_begin_as_their_largest_plugins_have_room() -> None:
    scheduler = Scheduler(needs=learned(heavy=40, light=1), room=lambda: 100 * MIB)
    work = Work(scheduler)
    tasks = [work.ask(name, Rank.OTHER, "light", "heavy") for name in "abc"]
    await settled()
    assert work.begun == ["a", "b"]
    assert scheduler.requests.line.admitted == 2 * (45 * MIB + OWN)
    work.end("a")
    await tasks[0]
    await settled()
    assert work.begun == ["a", "b", "c"]
    for name in "bc":
        work.end(name)
    await asyncio.gather(*tasks)
    assert scheduler.document()["requests"]["underWay"] == 0


async def test_those_that_matter_most_begin_first() -> None:
    work = Work(Scheduler(most=1))
    ranks = [Rank.OTHER, Rank.OTHER, Rank.SYSTEM, Rank.NODE_CRITICAL, Rank.DELETE]
    tasks = [work.ask(f"{number}", rank) for number, rank in enumerate(ranks)]
    for name in "04321":
        await settled()
        assert work.begun[-1] == name
        work.end(name)
    await asyncio.gather(*tasks)


async def test_one_that_is_not_begun_in_time_is_told_its_place_and_may_try_again() -> None:
    scheduler = Scheduler(most=1, needs=learned(heavy=32), room=lambda: 64 * MIB, patience=0.01)
    work = Work(scheduler)
    refused = measured.LINE_REFUSED.value("requests", "other")
    running = work.ask("running")
    await settled()
    with pytest.raises(OverloadError) as caught:
        await work.ask("late", Rank.OTHER, "heavy")
    assert caught.value.code == Code.TRY_AGAIN_LATER
    for words in ("overloaded", "number 1 of 1", "(other)", "within 0.01 s", "36.5 MiB", "1 of at most 1", "of 64 MiB"):
        assert words in caught.value.msg
    assert scheduler.document()["requests"] == {
        "underWay": 1, "admittedBytes": OWN, "refused": 1,
        "waiting": {"delete": 0, "node-critical": 0, "system": 0, "other": 0},
    }  # fmt: skip
    assert measured.LINE_REFUSED.value("requests", "other") == refused + 1
    work.end("running")
    await running
    last = work.ask("last")
    work.end("last")
    await last


async def test_one_that_cannot_be_begun_in_time_is_refused_at_once() -> None:
    scheduler = Scheduler(most=1, patience=60)
    gate = scheduler.requests
    work = Work(scheduler)
    running = work.ask("running")
    await settled()
    for _ in range(8):
        gate._pace.took(25.0)  # type: ignore[union-attr]
    waiting = [work.ask(name) for name in "ab"]
    await settled()
    with pytest.raises(OverloadError, match="would not be begun within 60 s, but in about 75"):
        await work.ask("c")
    deleting = work.ask("d", Rank.DELETE)  # which has nobody before it
    await settled()
    assert not deleting.done()
    for name in ("running", "a", "b", "d"):
        work.end(name)
    await asyncio.gather(running, deleting, *waiting)


async def test_who_gives_up_leaves_the_line() -> None:
    scheduler = Scheduler(most=1)
    work = Work(scheduler)
    running, gone, next_ = work.ask("running"), work.ask("gone"), work.ask("next")
    await settled()
    gone.cancel()
    await asyncio.wait([gone])
    assert scheduler.document()["requests"]["waiting"]["other"] == 1
    work.end("running")
    work.end("next")
    await asyncio.gather(running, next_)
    assert work.begun == ["running", "next"]


@pytest.mark.parametrize("gives_up_first", [True, False])
async def test_one_that_gives_up_in_the_moment_it_is_begun_holds_nothing(gives_up_first: bool) -> None:
    scheduler = Scheduler(most=1)
    work = Work(scheduler)
    async with scheduler.admit(Rank.OTHER, "a", []) as turn:
        gone = work.ask("gone")
        await settled()
        if gives_up_first:
            gone.cancel()
        turn.give_back()
        gone.cancel()
        await asyncio.wait([gone])
    assert (gone.cancelled(), work.begun) == (True, [])
    assert (scheduler.requests.line.begun, scheduler.requests.line.is_empty) == (set(), True)


async def test_memory_that_gets_free_by_itself_is_seen() -> None:
    free = [40 * MIB]
    work = Work(Scheduler(needs=learned(heavy=24), room=lambda: free[0]))
    tasks = [work.ask(name, Rank.OTHER, "heavy") for name in "ab"]
    await settled()
    assert work.begun == ["a"]
    free[0] = 100 * MIB
    async with asyncio.timeout(30):
        while work.begun != ["a", "b"]:
            await asyncio.sleep(0.01)
    for name in "ab":
        work.end(name)
    await asyncio.gather(*tasks)


async def test_executables_of_one_request_run_as_there_is_room_and_all_of_them_do() -> None:
    scheduler = Scheduler(at_once=3, needs=learned(heavy=16), room=lambda: 1000 * MIB)
    most = 0

    async def run() -> None:
        nonlocal most
        async with scheduler.run("heavy", "ADD"):
            most = max(most, len(scheduler.runs.line.begun))
            await asyncio.sleep(0)

    async with scheduler.admit(Rank.OTHER, "a", ["heavy"]):
        await asyncio.gather(*(run() for _ in range(20)))
    assert most == 3
    assert not scheduler.runs.line.begun


async def test_an_executable_has_the_rank_of_its_request_and_undoing_goes_first() -> None:
    scheduler = Scheduler(at_once=1)
    order: list[str] = []

    async def request(name: str, rank: Rank, verb: str) -> None:
        async with scheduler.admit(rank, "a", []), scheduler.run("plugin", verb):
            order.append(name)
            await settled()

    wanted: list[tuple[str, Rank, str]] = [
        ("first", Rank.OTHER, "ADD"), ("other", Rank.OTHER, "ADD"), ("critical", Rank.NODE_CRITICAL, "ADD"),
        ("undo", Rank.OTHER, "DEL"),
    ]  # fmt: skip
    await asyncio.gather(*(request(*each) for each in wanted))
    assert order == ["first", "undo", "critical", "other"]


async def test_what_is_given_back_early_is_given_back_once() -> None:
    scheduler = Scheduler(most=1)
    async with scheduler.admit(Rank.OTHER, "a", []) as turn:
        turn.give_back()
        async with scheduler.admit(Rank.OTHER, "a", []):
            assert len(scheduler.requests.line.begun) == 1
    assert not scheduler.requests.line.begun


async def waiting(node: Node, number: int) -> None:
    while sum(node.scheduler.requests.line.waiting().values()) != number:
        await asyncio.sleep(0)


async def test_a_request_waits_before_it_has_done_anything_and_deletes_pass_it() -> None:
    node = Node(connectionLimit=1)
    await node.add(container="old", netns="/run/netns/old")
    held = node.plugins.hold("ADD")
    running = asyncio.create_task(node.add(container="a", netns="/run/netns/a"))
    await held.reached.wait()
    late = asyncio.create_task(node.add(container="b", netns="/run/netns/b"))
    await waiting(node, 1)
    deleting = asyncio.create_task(node.delete(container="old", netns="/run/netns/old"))
    await waiting(node, 2)
    assert node.recorded("b") == []
    held.open()
    await asyncio.gather(running, late, deleting)
    verbs = [f"{call.verb} {call.container}" for call in node.plugins.calls]
    assert verbs == ["ADD old", "ADD a", "DEL old", "ADD b"]


async def test_a_request_that_is_refused_has_left_nothing() -> None:
    node = Node(connectionLimit=1)
    held = node.plugins.hold("ADD")
    running = asyncio.create_task(node.add(container="a", netns="/run/netns/a"))
    await held.reached.wait()
    before = node.left()
    for _ in range(8):
        node.scheduler.requests._pace.took(1000.0)  # type: ignore[union-attr]
    error = await node.refused("ADD", container="b", netns="/run/netns/b")
    assert error.code == Code.TRY_AGAIN_LATER
    assert "default/pod" in error.msg
    assert "overloaded" in error.msg
    assert node.left() == before
    held.open()
    await running
