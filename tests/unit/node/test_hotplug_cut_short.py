"""`/delegate` that did not get to its end: it goes, and what is whole stays (S10)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from plurimus.cni.errors import AttachmentError

from .test_halfdone import after_a_crash
from .test_hotplug import NET9, call, running
from .world import Node

OTHER: dict[str, Any] = {"cniVersion": "1.0.0", "name": "other", "type": "other"}


async def cut_short(node: Node, verb: str) -> None:
    """A request whose daemon is killed while its plugin runs: what it did later never was."""
    held = node.plugins.hold(verb, "net9")
    async with held.while_waiting(call(node, verb)):
        died = dict(node.records.files)
    node.records.files.clear()
    node.records.files.update(died)


@pytest.mark.parametrize("verb", ["ADD", "DEL"])
async def test_one_that_was_cut_short_is_undone_by_the_next_daemon_and_nothing_else_is(verb: str) -> None:
    node = await running()
    before = node.left()
    if verb == "DEL":
        await call(node, "ADD")
    await cut_short(node, verb)
    node.plugins.calls.clear()
    assert await after_a_crash(node, runtime=["cid1"]).look() == 0
    assert node.plugins.made() == ["DEL nine net9"]
    assert node.recorded() == ["eth0", "net1"]
    assert sorted(map(str, node.left())) == sorted(map(str, before))
    await call(node, "ADD")
    assert node.recorded() == ["eth0", "net1", "net9"]


async def test_one_that_was_cut_short_and_cannot_be_undone_stays_on_record() -> None:
    node = await running()
    await cut_short(node, "ADD")
    node.plugins.fail("DEL", "net9", times=1)
    assert await after_a_crash(node, runtime=["cid1"]).look() == 1
    assert node.recorded() == ["eth0", "net1", "net9"]
    await node.delete()
    assert node.left() == []


@pytest.mark.parametrize("again", [NET9, OTHER])
async def test_one_that_could_not_be_undone_goes_before_the_next_try_which_then_stays(again: dict[str, Any]) -> None:
    """Whichever network the interface is to be of then."""
    node = await running()
    node.plugins.fail("ADD", "net9", times=1)
    node.plugins.fail("DEL", "net9", times=1)
    with pytest.raises(AttachmentError, match="no ADD of net9 today"):
        await call(node, "ADD")
    node.plugins.calls.clear()
    await call(node, "ADD", again)
    assert node.plugins.made() == ["DEL nine net9", f"ADD {again['type']} net9"]
    assert node.recorded() == ["eth0", "net1", "net9"]
    node.plugins.calls.clear()
    assert await after_a_crash(node, runtime=["cid1"]).look() == 0
    assert node.plugins.made() == []


async def test_one_that_still_cannot_be_undone_is_not_added_again() -> None:
    node = await running()
    node.plugins.fail("ADD", "net9", times=1)
    node.plugins.fail("DEL", "net9", times=2)
    for reason in ("no ADD of net9 today", "no DEL of net9 today"):
        with pytest.raises(AttachmentError, match=reason):
            await call(node, "ADD")
    assert node.plugins.made("ADD")[-1:] == ["ADD nine net9"]
    assert node.recorded() == ["eth0", "net1", "net9"]
    await node.delete()
    assert node.left() == []


async def test_one_whose_caller_leaves_while_it_is_recorded_is_on_record_no_more() -> None:
    node = await running()
    node.records.opened = asyncio.Event()
    task = asyncio.create_task(call(node, "ADD"))
    while node.recorded() != ["eth0", "net1", "net9"]:
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    node.records.opened.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert node.plugins.made() == []
    assert node.recorded() == ["eth0", "net1"]


async def test_one_is_taken_though_the_disk_is_full() -> None:
    node = await running()
    await call(node, "ADD")
    node.plugins.calls.clear()
    node.records.store_error = AttachmentError("the disk is full")
    with pytest.raises(AttachmentError, match="the disk is full"):
        await call(node, "DEL")
    assert node.plugins.made() == ["DEL nine net9"]


async def test_one_that_was_answered_stays_through_a_restart() -> None:
    node = await running()
    await call(node, "ADD")
    before = node.left()
    assert await after_a_crash(node, runtime=["cid1"]).look() == 0
    assert node.left() == before
