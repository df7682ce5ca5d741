"""Threads that enter namespaces themselves: where they are meanwhile, afterwards, and when they cannot go back."""

from __future__ import annotations

import asyncio
import contextvars
import os
import resource
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

import pytest

from plurimus.adapters import netns
from plurimus.adapters.netlink import Netlink
from plurimus.adapters.netns import NamespaceError
from plurimus.adapters.visitors import LONG, Turns, Visitors, may_visit
from plurimus.adapters.workers import in_thread, in_turn

from .pods import PEER, POD, two_interfaces
from .process import eventually

pytestmark = pytest.mark.usefixtures("root")
T = TypeVar("T")


@pytest.fixture(autouse=True)
def pod(root: None) -> Iterator[None]:
    with two_interfaces():
        yield


def here() -> tuple[int, int] | None:
    return netns.identity("/proc/thread-self/ns/net")


def namespaces() -> set[int]:
    """The open descriptors of network namespaces."""
    links = [(entry.name, entry) for entry in Path("/proc/self/fd").iterdir()]
    return {int(name) for name, entry in links if entry.is_symlink() and str(entry.readlink()).startswith("net:[")}


def start(visitors: Visitors | Turns, work: Callable[[], T]) -> Future[T]:
    future: Future[T] = Future()

    def job() -> None:
        try:
            future.set_result(work())
        except Exception as error:  # noqa: BLE001 - the future's
            future.set_exception(error)

    visitors.start(job)
    return future


async def test_a_visit_is_made_by_the_thread_itself_which_is_back_afterwards() -> None:
    def nested() -> list[object]:
        return [here(), netns.visit(PEER, here), netns.visit(None, here), here(), threading.get_ident()]

    def work() -> list[object]:
        return [here(), *netns.visit(POD, nested), here(), threading.get_ident()]

    pod, peer = netns.identity(POD), netns.identity(PEER)
    *places, inside, after, outside = await in_thread(work)
    assert places == [here(), pod, peer, pod, pod]
    assert (inside, after) == (outside, here())
    assert outside != threading.get_ident()


async def test_what_the_work_raises_is_the_callers_and_the_thread_is_back() -> None:
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: netns.visit(POD, lambda: 1 // 0))
    with pytest.raises(NamespaceError, match="cannot be entered: Invalid argument"):
        await in_thread(lambda: netns.visit("/proc/self/ns/uts", here))
    with pytest.raises(OSError, match="ours"):
        await in_thread(lambda: netns.visit(POD, lambda: (_ for _ in ()).throw(OSError("ours"))))
    with pytest.raises(RuntimeError, match="StopIteration"):
        await in_thread(lambda: next(iter(())))
    assert {await in_thread(here) for _ in range(20)} == {here()}


async def test_many_visits_at_once_see_their_namespace_and_no_thread_stays_in_one() -> None:
    def look(path: str | None) -> bool:
        with Netlink.open(path) as netlink:
            return netlink.link("net1") is not None

    paths = [POD, None] * 100
    found = await asyncio.gather(*(in_thread(lambda path=path: look(path)) for path in paths))  # type: ignore[misc]
    assert found == [path is not None for path in paths]
    tasks = Path("/proc/self/task").iterdir()
    assert netns.identity(POD) not in {netns.identity(f"{task}/ns/net") for task in tasks}


@pytest.mark.parametrize("run", [in_thread, in_turn])
async def test_a_cancelled_caller_hears_of_it_once_the_work_has_ended(
    run: Callable[[Callable[[], None]], Awaitable[None]],
) -> None:
    started, go, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        started.set()
        go.wait()
        ended.set()

    task = asyncio.ensure_future(run(work))
    await in_thread(started.wait)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    assert not task.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_the_work_knows_the_context_of_its_caller() -> None:
    about = contextvars.ContextVar("about", default="nothing")
    about.set("a pod")
    assert await in_thread(about.get) == "a pod"


def test_work_waits_for_a_thread_where_all_are_busy() -> None:
    visitors, go, both = Visitors(2), threading.Event(), threading.Barrier(2)
    busy = [start(visitors, lambda: (both.wait(), go.wait(), threading.get_ident())[2]) for _ in range(2)]
    waiting = [start(visitors, threading.get_ident) for _ in range(5)]
    assert not any(each.done() for each in waiting)
    go.set()
    assert {each.result() for each in waiting} <= {each.result() for each in busy}
    assert len({each.result() for each in busy}) == 2


def test_short_work_is_done_by_one_thread_in_its_order() -> None:
    turns, go, done = Turns(Visitors()), threading.Event(), []
    first = start(turns, go.wait)
    rest = [start(turns, lambda at=at: (done.append(at), threading.get_ident())[1]) for at in range(9)]  # type: ignore[misc]
    go.set()
    assert len({each.result() for each in rest}) == 1
    assert first.result()
    assert done == list(range(9))
    assert not turns.relieve()


class Counted(Visitors):
    """How many jobs were started."""

    started = 0

    def start(self, job: Callable[[], None]) -> None:
        self.started += 1
        super().start(job)


class Full(Visitors):
    """There is no thread, and none can be made; by the time that is known, `meanwhile` has happened."""

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        super().__init__()
        self._meanwhile = meanwhile

    def start(self, job: Callable[[], None]) -> None:
        self._meanwhile()
        raise RuntimeError("can't start new thread")


def take_long(turns: Turns, until: threading.Event) -> Future[bool]:
    """Have a job take its turn until it is told, and is long already."""
    begun = threading.Event()
    job = start(turns, lambda: (begun.set(), until.wait())[1])
    begun.wait()
    time.sleep(2 * LONG)
    return job


def test_short_work_left_to_others_who_are_busy_is_done_by_its_own_thread_as_soon_as_that_is_free() -> None:
    others, go, short = Counted(1), threading.Event(), threading.Event()
    busy = start(others, go.wait)
    turns = Turns(others)
    long = take_long(turns, short)
    after = [start(turns, here) for _ in range(3)]
    assert all(turns.relieve() for _ in range(9))
    assert others.started == 1 + len(after), "each is offered once"
    short.set()
    assert [each.result(60) for each in after] == [here()] * 3
    assert long.result(60)
    assert not busy.done()
    # what was offered in vain is offered to what comes next
    long = take_long(turns, again := threading.Event())
    rest = start(turns, here)
    assert others.started == 1 + len(after)
    go.set()
    assert rest.result(60) == here()
    assert not long.done()
    again.set()


def test_short_work_that_no_other_thread_can_be_made_for_is_done_in_its_turn() -> None:
    until = threading.Event()

    def free() -> None:
        until.set()
        long.result(60)
        time.sleep(0.1)  # for the thread to look for its next job

    turns = Turns(Full(free))
    long = take_long(turns, until)
    assert start(turns, here).result(60) == here()
    assert not turns.relieve()


async def test_short_work_that_takes_long_keeps_no_other_from_being_done() -> None:
    go, begun = threading.Event(), [threading.Event() for _ in range(8)]
    waiting = [asyncio.ensure_future(in_turn(lambda at=at: (at.set(), go.wait())[1])) for at in begun]  # type: ignore[misc]
    for _ in range(3):
        assert await in_turn(here) == here()
    assert not any(each.done() for each in waiting)
    go.set()
    assert all(await asyncio.gather(*waiting))
    assert all(each.is_set() for each in begun)


def test_a_thread_that_cannot_go_back_says_so_and_does_no_other_work_before_it_is_back() -> None:
    visitors = Visitors(1)
    before = namespaces()
    start(visitors, here).result()
    (home,) = namespaces() - before

    def lose() -> None:
        try:
            netns.visit(POD, lambda: os.close(home))
        finally:
            with pytest.raises(NamespaceError, match="could not leave"):
                Netlink.open()

    with pytest.raises(NamespaceError, match=f"network namespace {POD} cannot be left: Bad file descriptor"):
        start(visitors, lose).result()
    after = start(visitors, here)
    assert not after.done()
    give_back(home)
    assert after.result() == here()


def test_short_work_behind_a_thread_that_cannot_go_back_is_done_by_others() -> None:
    turns = Turns(Visitors())
    before = namespaces()
    start(turns, here).result()
    (home,) = namespaces() - before
    with pytest.raises(NamespaceError, match="cannot be left"):
        start(turns, lambda: netns.visit(POD, lambda: os.close(home))).result()
    after = start(turns, here)
    eventually(lambda: not turns.relieve(), turns.relieve)
    assert after.result(60) == here()
    give_back(home)


def give_back(home: int) -> None:
    """Open the process's own namespace again, by the number that a thread knows it by."""
    own = netns.open_namespace("/proc/self/ns/net")
    if own != home:  # the kernel gives the lowest number that is free
        os.dup2(own, home, inheritable=False)
        os.close(own)


def test_work_is_done_also_where_no_descriptor_is_left_for_its_thread_which_visits_once_there_is_one() -> None:
    visitors, limits = Visitors(1), resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, limits[1]))
    try:
        assert not start(visitors, may_visit).result(60)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    before = namespaces()
    assert start(visitors, may_visit).result(60)
    assert start(visitors, lambda: netns.visit(POD, here)).result(60) == netns.identity(POD)
    assert start(visitors, here).result(60) == here()
    assert len(namespaces() - before) == 1
