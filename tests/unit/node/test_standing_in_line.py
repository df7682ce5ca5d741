"""An executable that is not begun within its two minutes: its ADD is told, with its place in the line, and undone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from plurimus.cni.errors import Code, OverloadError
from plurimus.cni.result import Result
from plurimus.core import measured
from plurimus.drivers.call import Call, Driver
from plurimus.drivers.inprocess import InProcess
from plurimus.node.scheduler import RUN_PATIENCE

from .. import jumping
from .fakes import Rule
from .world import Node


def crowded() -> Node:
    """A node on which one executable runs at a time; its pod has a network of type `rail` beside the default one."""
    node = Node()
    node.plugins.gate = node.scheduler.run
    node.scheduler.runs.line.most = 1
    node.networks("rail")
    return node


def sandbox(name: str) -> Mapping[str, str]:
    return {"container": name, "netns": f"/run/netns/{name}"}


def test_an_executable_that_is_not_begun_in_time_fails_its_add_with_its_place_and_what_ran_is_undone() -> None:
    refused = measured.LINE_REFUSED.value("executables", "other")

    async def work() -> None:
        node, clock = crowded(), asyncio.get_running_loop().time
        held = node.plugins.hold("ADD", kind="rail")
        running = asyncio.create_task(node.add(**sandbox("runs")))
        late = asyncio.create_task(node.refused("ADD", **sandbox("late")))
        await held.reached.wait()
        began = clock()
        await asyncio.sleep(10)
        last = asyncio.create_task(node.add(**sandbox("last")))
        await asyncio.sleep(RUN_PATIENCE - 10 + 5)
        assert node.plugins.made() == ["ADD bridge eth0", "ADD bridge eth0", "ADD rail net1"]
        held.open()
        error = await late
        assert clock() - began < RUN_PATIENCE + 6
        assert error.code == Code.TRY_AGAIN_LATER
        for words in ("default/pod", "rail", "overloaded", "plugin 'rail' is number 1 of 2 that wait (other)",
                      "not begun within 120 s", "1 of at most 1 are under way"):  # fmt: skip
            assert words in error.msg
        await asyncio.gather(running, last)
        # what frees is before what others wait for
        calls = [f"{call.verb} {call.kind} {call.container}" for call in node.plugins.calls[3:]]
        assert calls[0] == "DEL bridge late"
        assert sorted(calls[1:]) == ["ADD bridge last", "ADD rail last"]
        assert node.recorded("late") == []
        for name in ("runs", "last"):
            await node.delete(**sandbox(name))
        assert node.left() == crowded().left()
        assert node.scheduler.document()["executables"]["refused"] == 1

    jumping.run(work())
    assert measured.LINE_REFUSED.value("executables", "other") == refused + 1


def test_of_an_add_whose_first_executable_is_not_begun_in_time_nothing_is_undone_nor_waited_for() -> None:
    async def work() -> None:
        node, clock = crowded(), asyncio.get_running_loop().time
        held = node.plugins.hold("ADD", kind="bridge")
        running = asyncio.create_task(node.add(**sandbox("runs")))
        await held.reached.wait()
        began = clock()
        error = await node.refused("ADD", **sandbox("late"))
        assert clock() - began == pytest.approx(RUN_PATIENCE)
        assert "number 1 of 1 that wait (other)" in error.msg
        assert not getattr(error, "__notes__", [])
        await only_the_other_ran(node, held, running)

    jumping.run(work())


def test_an_add_that_is_given_up_while_its_first_executable_waits_has_ended_at_once() -> None:
    async def work() -> None:
        node, clock = crowded(), asyncio.get_running_loop().time
        held = node.plugins.hold("ADD", kind="bridge")
        running = asyncio.create_task(node.add(**sandbox("runs")))
        late = asyncio.create_task(node.add(**sandbox("late")))
        await held.reached.wait()
        await asyncio.sleep(10)
        given_up = clock()
        late.cancel()
        await asyncio.wait([late])
        assert clock() == given_up
        assert late.cancelled()
        await only_the_other_ran(node, held, running)

    jumping.run(work())


async def only_the_other_ran(node: Node, held: Rule, running: asyncio.Task[Any]) -> None:
    """Nothing is left of the one that came late, and no plugin was called for it, not even once there is room."""
    assert node.recorded("late") == []
    held.open()
    await running
    await node.delete(**sandbox("runs"))
    assert {call.container for call in node.plugins.calls} == {"runs"}
    assert node.left() == crowded().left()


def test_what_cannot_be_begun_to_undo_what_was_made_is_told_and_stays_on_record_for_the_runtimes_del() -> None:
    async def work() -> None:
        node, clock = crowded(), asyncio.get_running_loop().time
        held = node.plugins.hold("ADD", kind="rail")
        running = asyncio.create_task(node.add(**sandbox("runs")))
        late = asyncio.create_task(node.refused("ADD", **sandbox("late")))
        await held.reached.wait()
        began = clock()
        error = await late
        assert clock() - began == pytest.approx(2 * RUN_PATIENCE)
        assert "number 1 of 1 that wait (other)" in error.msg
        (note,) = error.__notes__
        assert "number 1 of 1 that wait (delete)" in note
        assert [event.reason for _, event in node.cluster.events] == ["FailedRemovingInterface"]
        assert node.recorded("late") == ["eth0"]
        held.open()
        await running
        await node.delete(**sandbox("late"))
        await node.delete(**sandbox("runs"))
        assert node.left() == crowded().left()

    jumping.run(work())


class Half(Driver):
    """Does half of an ADD before it has its IPAM plugin, an executable, do the rest."""

    def __init__(self, plugins: InProcess) -> None:
        self._plugins = plugins
        self.half_done: set[str] = set()

    async def add(self, call: Call) -> Result:
        self.half_done.add(call.container_id)
        await self._plugins.delegate("rail", call)
        return Result(call.cni_version)

    async def delete(self, call: Call) -> None:
        self.half_done.discard(call.container_id)

    async def check(self, call: Call) -> None:
        raise NotImplementedError


@pytest.mark.parametrize("given_up", [False, True])
def test_what_a_driver_had_begun_is_undone_where_the_executable_it_needs_was_not(given_up: bool) -> None:
    async def work() -> None:
        node = crowded()
        plugins = InProcess(node.plugins)
        plugins.use({"bridge": (half := Half(plugins))})
        node.world = replace(node.world, plugins=plugins)
        node.restart()
        node.network("cbr0", namespace="kube-system", type="bridge", cniVersion="1.1.0", ipam={"type": "rail"})
        node.pod()
        held = node.plugins.hold("ADD", kind="rail")
        running = asyncio.create_task(node.add(**sandbox("runs")))
        late = asyncio.create_task(node.add(**sandbox("late")))
        await held.reached.wait()
        await asyncio.sleep(10)
        assert half.half_done == {"runs", "late"}
        if given_up:
            late.cancel()
        (ended,) = await asyncio.gather(late, return_exceptions=True)
        assert isinstance(ended, asyncio.CancelledError if given_up else OverloadError)
        assert half.half_done == {"runs"}
        assert node.recorded("late") == []
        held.open()
        await running

    jumping.run(work())


def test_a_chain_whose_second_executable_is_not_begun_in_time_is_undone_whole() -> None:
    async def work() -> None:
        node = crowded()
        node.network("pair", chain=("first", "rail"))
        node.pod("pair")
        held = node.plugins.hold("ADD", kind="rail")
        running = asyncio.create_task(node.add(**sandbox("runs")))
        late = asyncio.create_task(node.refused("ADD", **sandbox("late")))
        await held.reached.wait()
        await asyncio.sleep(RUN_PATIENCE + 5)
        held.open()
        assert "not begun within" in (await late).msg
        await running
        undone = [str(call) for call in node.plugins.calls if call.container == "late" and call.verb == "DEL"]
        assert undone == ["DEL rail net1", "DEL first net1", "DEL bridge eth0"]
        assert node.recorded("late") == []

    jumping.run(work())
