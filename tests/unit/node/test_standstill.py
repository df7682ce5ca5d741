"""What gets on record, and who counts it: in one process, and among processes (two values are as two of them)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plurimus.adapters.sandboxlocks import FileLocks
from plurimus.cni.errors import AttachmentError, Code
from plurimus.core.ports import SandboxLocks
from plurimus.node.locks import LocksInProcess

Make = Callable[[], SandboxLocks]


@pytest.fixture(params=["in process", "files"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """What gives each request its locks."""
    one = LocksInProcess()
    return (lambda: one) if request.param == "in process" else (lambda: FileLocks(tmp_path / ".locks"))


async def record(locks: SandboxLocks, inside: asyncio.Event, until: asyncio.Event) -> None:
    async with locks.recording():
        inside.set()
        await until.wait()


async def test_many_record_at_the_same_time_and_who_counts_waits_for_all(make: Make) -> None:
    inside, until = [asyncio.Event() for _ in range(3)], asyncio.Event()
    recording = [asyncio.create_task(record(make(), each, until)) for each in inside]
    for each in inside:
        await each.wait()

    async def count() -> bool:
        async with make().standstill():
            return all(task.done() for task in recording)

    counting = asyncio.create_task(count())
    await asyncio.sleep(0.02)
    assert not counting.done()
    until.set()
    await asyncio.gather(*recording)
    assert await counting


async def test_nobody_records_while_somebody_counts_and_a_failure_ends_that(make: Make) -> None:
    inside, until = asyncio.Event(), asyncio.Event()
    until.set()
    with contextlib.suppress(ValueError):
        async with make().standstill():
            recording = asyncio.create_task(record(make(), inside, until))
            await asyncio.sleep(0.02)
            assert not inside.is_set()
            raise ValueError
    await recording


async def test_who_is_cancelled_while_waiting_keeps_nobody_out(make: Make) -> None:
    inside, until = asyncio.Event(), asyncio.Event()
    recording = asyncio.create_task(record(make(), inside, until))
    await inside.wait()

    async def count() -> None:
        async with make().standstill():
            pass

    counting = asyncio.create_task(count())
    await asyncio.sleep(0.02)
    counting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await counting
    until.set()
    await record(make(), asyncio.Event(), until)
    await recording
    await count()


async def test_sandboxes_are_held_and_given_back_during_a_standstill(make: Make) -> None:
    async with make().standstill(), make().hold("a"):
        assert make().busy() == {"a"}
    assert make().busy() == set()


@settings(max_examples=50)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.integers(0, 3)), max_size=12))
def test_all_get_their_turn_and_none_records_beside_who_counts(wanted: list[tuple[bool, int, int]]) -> None:
    """However they come: each counts or records, comes after some rounds of the loop and stays for some."""

    async def run() -> None:
        locks, recording, counting = LocksInProcess(), 0, 0

        async def use(rounds: int, stay: int, *, counts: bool) -> None:
            nonlocal recording, counting
            for _ in range(rounds):
                await asyncio.sleep(0)
            async with locks.standstill() if counts else locks.recording():
                recording, counting = recording + (not counts), counting + counts
                assert counting == 0 or (counting == 1 and recording == 0)
                for _ in range(stay):
                    await asyncio.sleep(0)
                recording, counting = recording - (not counts), counting - counts

        works = [use(rounds, stay, counts=counts) for counts, rounds, stay in wanted]
        async with asyncio.timeout(60):
            await asyncio.gather(*works)

    asyncio.run(run())


async def test_a_folder_that_cannot_be_locked_is_code_5(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for held in (FileLocks(tmp_path / "file").recording(), FileLocks(tmp_path / "file").standstill()):
        with pytest.raises(AttachmentError) as caught:
            async with held:
                pass
        assert caught.value.code == Code.IO_FAILURE
