"""An executable that is not begun within its two minutes: its ADD is told, with its place in the line, and undone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from plurimus.cni.errors import Code
from plurimus.core import measured
from plurimus.node.scheduler import RUN_PATIENCE

from .. import jumping
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
        assert calls[0] == "DEL rail late"
        assert sorted(calls[1:]) == ["ADD bridge last", "ADD rail last", "DEL bridge late"]
        assert node.recorded("late") == []
        for name in ("runs", "last"):
            await node.delete(**sandbox(name))
        assert node.left() == crowded().left()
        assert node.scheduler.document()["executables"]["refused"] == 1

    jumping.run(work())
    assert measured.LINE_REFUSED.value("executables", "other") == refused + 1


def test_what_cannot_be_begun_to_undo_it_either_is_told_and_stays_on_record_for_the_runtimes_del() -> None:
    async def work() -> None:
        node, clock = crowded(), asyncio.get_running_loop().time
        held = node.plugins.hold("ADD", kind="bridge")
        running = asyncio.create_task(node.add(**sandbox("runs")))
        await held.reached.wait()
        began = clock()
        error = await node.refused("ADD", **sandbox("late"))
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
