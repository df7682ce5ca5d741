"""What failed while the API server was away is tried soon after its return, and nothing more often than that.

On a clock of its own: minutes take no time.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from plurimus.cni.errors import ClusterError
from plurimus.node.backoff import BETWEEN, FIRST, MOST, SPREAD, waking
from plurimus.node.halfdone import HalfDone
from plurimus.node.recovery import Debts

from .. import jumping
from .world import CONTAINER, Node

SOON = SPREAD + FIRST + 0.1
"""Seconds within which it is tried: nodes spread, and look for what is due every five seconds."""
LONG = 400.0
"""Seconds behind which the next try by itself is minutes away."""
HALF_AN_HOUR = 1800.0
LOOK = 0.5
"""Seconds between two looks at what has been tried."""


def now() -> float:
    return asyncio.get_running_loop().time()


class Daemon:
    """What it does beside its requests, on a node with a sandbox whose network `a` gets its addresses by the API."""

    def __init__(self) -> None:
        self.node = Node()
        self.node.networks("a")
        self.returned = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        self.node.restart()
        clock = asyncio.get_running_loop().time
        debts = Debts(self.node.world.spool, self.node.requests, clock)
        half_done = HalfDone(self.node.requests, self.node.world, clock)
        works = (debts.run(), half_done.run(), waking(self.returned, (debts.wake, half_done.wake)))
        tasks = [asyncio.create_task(work) for work in works]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def owe(self) -> None:
        """Have a DEL in the spool that fails."""
        await self.node.add()
        self.node.spool.owe(CONTAINER, "eth0", env=self.node.env("DEL"), stdin=json.dumps(self.node.netconf).encode())
        self.fail()

    def fail(self) -> None:
        self.node.plugins.fail("DEL", "net1", error=ClusterError("no route to the API server"))

    def come_back(self) -> None:
        self.returned.set()

    def deleted(self) -> int:
        return self.node.plugins.made("DEL").count("DEL a net1")

    async def watch(self, seconds: float) -> list[float]:
        """When, from now on, DELs of `a` were made in so many seconds."""
        began, seen, times = now(), self.deleted(), []
        while now() - began < seconds:
            await asyncio.sleep(LOOK)
            times += [now() - began] * (self.deleted() - seen)
            seen = self.deleted()
        return times


def test_what_is_owed_is_paid_within_seconds_of_the_return() -> None:
    async def work() -> None:
        daemon = Daemon()
        await daemon.owe()
        async with daemon.running():
            await asyncio.sleep(LONG)
            daemon.node.plugins.forgive()
            daemon.come_back()
            await asyncio.sleep(SOON)
            assert daemon.node.left() == []

    jumping.run(work())


def test_a_sandbox_that_waits_for_a_word_about_its_pod_is_undone_within_seconds_of_the_return() -> None:
    async def work() -> None:
        daemon = Daemon()
        node = daemon.node
        await node.add()
        await node.results.remove("a", CONTAINER, "net1")  # as if killed before it was made to its end
        node.cluster.error = ClusterError("no route to the API server")
        async with daemon.running():
            await asyncio.sleep(LONG)
            node.pod("a", uid="uid-2")
            node.cluster.error = None
            daemon.come_back()
            await asyncio.sleep(SOON)
            assert node.left() == []

    jumping.run(work())


def test_a_try_that_the_return_overtakes_is_made_again_soon() -> None:
    """It began while the server was away, as most do where each waits for an answer for seconds."""

    async def work() -> None:
        daemon = Daemon()
        await daemon.owe()
        async with daemon.running():
            await asyncio.sleep(LONG)
            daemon.node.plugins.forgive()
            held = daemon.node.plugins.hold("DEL", "net1")
            await held.reached.wait()
            daemon.come_back()
            await asyncio.sleep(SPREAD + 0.1)
            daemon.fail()
            held.open()
            await asyncio.sleep(0.1)
            daemon.node.plugins.forgive()
            await asyncio.sleep(2 * FIRST)
            assert daemon.node.left() == []

    jumping.run(work())


def test_what_fails_for_another_reason_is_tried_once_for_each_return_and_else_as_seldom_as_ever() -> None:
    async def work() -> None:
        daemon = Daemon()
        await daemon.owe()
        async with daemon.running():
            await asyncio.sleep(LONG)
            for _ in range(2):
                daemon.come_back()
                tries = await daemon.watch(3 * MOST)
                assert tries[0] < SOON
                assert min(later - earlier for earlier, later in itertools.pairwise(tries)) >= MOST - LOOK

    jumping.run(work())


@pytest.mark.parametrize("every", [0.25, 4.0, 25.0])
def test_a_server_that_comes_and_goes_has_nothing_tried_more_often_than_every_half_a_minute(every: float) -> None:
    async def work() -> None:
        daemon = Daemon()
        await daemon.owe()

        async def flap() -> None:
            while True:
                daemon.come_back()
                await asyncio.sleep(every)

        async with daemon.running():
            await asyncio.sleep(LONG)
            flapping = asyncio.create_task(flap())
            tries = len(await daemon.watch(HALF_AN_HOUR))
            flapping.cancel()
            assert HALF_AN_HOUR / MOST < tries <= HALF_AN_HOUR / BETWEEN + 1

    jumping.run(work())


def test_a_return_right_behind_another_is_not_forgotten() -> None:
    """The first was of a server that had just started and went again."""

    async def work() -> None:
        daemon = Daemon()
        await daemon.owe()
        async with daemon.running():
            await asyncio.sleep(LONG)
            daemon.come_back()
            await asyncio.sleep(SOON)
            daemon.come_back()
            daemon.node.plugins.forgive()
            await asyncio.sleep(BETWEEN + SOON)
            assert daemon.node.left() == []

    jumping.run(work())


def test_hundreds_of_nodes_do_not_try_at_once() -> None:
    nodes = 200

    async def work() -> None:
        began: list[float] = []
        returns = [asyncio.Event() for _ in range(nodes)]

        def woken() -> int:
            began.append(now())
            return 1

        tasks = [asyncio.create_task(waking(returned, (woken,))) for returned in returns]
        for returned in returns:
            returned.set()
        await asyncio.sleep(SPREAD + 0.1)
        assert len(began) == nodes
        assert max(len([at for at in began if first <= at < first + 0.3]) for first in began) < nodes / 3
        for task in tasks:
            task.cancel()

    jumping.run(work())
