"""Steps that are taken back, and steps that are all taken."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

import pytest

from plurimus.cni.errors import AttachmentError
from plurimus.drivers.steps import Undo, take_all

Step = Callable[[], Coroutine[None, None, None]]


def step(taken: list[str], name: str, *, fails: bool = False) -> Step:
    async def work() -> None:
        await asyncio.sleep(0)
        taken.append(name)
        if fails:
            raise AttachmentError(f"{name} fails")

    return work


def test_what_succeeds_is_not_taken_back() -> None:
    taken: list[str] = []

    async def work() -> None:
        async with Undo() as undo:
            undo.add(step(taken, "first"))

    asyncio.run(work())
    assert taken == []


@pytest.mark.parametrize("error", [AttachmentError("no"), RuntimeError("no"), KeyboardInterrupt("no")])
def test_all_steps_are_taken_back_the_last_first(error: BaseException) -> None:
    taken: list[str] = []

    async def work() -> None:
        async with Undo() as undo:
            for name in ("first", "second", "third"):
                undo.add(step(taken, name, fails=name == "second"))
            raise error

    with pytest.raises(type(error), match="no") as raised:
        asyncio.run(work())
    assert taken == ["third", "second", "first"]
    assert raised.value.__notes__ == ["while undoing: second fails"]


@pytest.mark.parametrize(("fails", "also"), [("", ["first"]), ("second", []), ("third", [])])
def test_what_comes_behind_all_is_left_where_something_before_it_failed(fails: str, also: list[str]) -> None:
    taken: list[str] = []

    async def work() -> None:
        async with Undo() as undo:
            undo.add(step(taken, "zeroth"))
            undo.add(step(taken, "first"), behind_all=True)
            for name in ("second", "third"):
                undo.add(step(taken, name, fails=name == fails))
            raise AttachmentError("no")

    with pytest.raises(AttachmentError, match="no"):
        asyncio.run(work())
    assert taken == ["third", "second", *also, "zeroth"]


def test_a_cancellation_takes_back_everything_and_stays_one() -> None:
    taken: list[str] = []

    async def work() -> None:
        async with Undo() as undo:
            undo.add(step(taken, "first"))
            undo.add(step(taken, "second"))
            await asyncio.sleep(60)

    async def main() -> None:
        task = asyncio.ensure_future(work())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()  # in the middle of undoing
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()

    asyncio.run(main())
    assert taken == ["second", "first"]


def test_steps_that_fail_keep_no_other_from_being_taken() -> None:
    taken: list[str] = []
    steps = [step(taken, name, fails=name != "second") for name in ("first", "second", "third")]
    with pytest.raises(AttachmentError, match="errors: first fails / third fails"):
        asyncio.run(take_all(*steps))
    assert taken == ["first", "second", "third"]
    with pytest.raises(AttachmentError, match=r"^first fails$"):
        asyncio.run(take_all(*steps[:2]))
    asyncio.run(take_all())


def test_a_fault_of_ours_keeps_no_other_step_from_being_taken() -> None:
    taken: list[str] = []

    async def fault() -> None:
        raise ZeroDivisionError("ours")

    async def work() -> None:
        async with Undo() as undo:
            undo.add(step(taken, "first"))
            undo.add(fault)
            raise AttachmentError("no")

    with pytest.raises(AttachmentError, match="no") as raised:
        asyncio.run(work())
    assert raised.value.__notes__ == ["while undoing: ZeroDivisionError: ours"]
    with pytest.raises(ZeroDivisionError, match="ours"):
        asyncio.run(take_all(fault, step(taken, "second")))
    assert taken == ["first", "second"]
