"""Several things at once, with the outcome of one after another."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurimus.node.together import Turn, in_order, in_turns, to_the_end


class Failed(Exception):
    """What a work of these tests fails with."""


class Works:
    """Works that wait for `turns` rounds of the loop and then return their number, or fail with it."""

    def __init__(self) -> None:
        self.ended: list[int] = []

    async def one(self, number: int, turns: int, *, fails: bool = False) -> int:
        try:
            for _ in range(turns):
                await asyncio.sleep(0)
            if fails:
                raise Failed(number)
            return number
        finally:
            self.ended.append(number)


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=8))
async def test_values_and_failures_are_those_of_one_after_another(shape: list[tuple[int, bool]]) -> None:
    works = Works()
    coroutines = [works.one(number, turns, fails=fails) for number, (turns, fails) in enumerate(shape)]
    failing = [number for number, (_, fails) in enumerate(shape) if fails]
    if failing:
        with pytest.raises(Failed) as raised:
            await in_order(coroutines)
        assert raised.value.args == (failing[0],)
        assert getattr(raised.value, "__notes__", []) == [f"beside it: {number}" for number in failing[1:]]
    else:
        assert await in_order(coroutines) == list(range(len(shape)))
    assert sorted(works.ended) == list(range(len(shape)))


async def test_all_run_at_the_same_time() -> None:
    barrier = asyncio.Barrier(3)
    async with asyncio.timeout(10):
        await in_order([barrier.wait() for _ in range(3)])


async def test_a_cancelled_caller_ends_all_and_waits_for_them() -> None:
    ended: list[int] = []

    async def stubborn(number: int) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            for _ in range(3):  # cancelled again meanwhile, it still comes to its end
                await asyncio.sleep(0)
            ended.append(number)

    task = asyncio.create_task(in_order([stubborn(1), stubborn(2)]))
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(ended) == [1, 2]


@pytest.mark.parametrize("times", [1, 3])
async def test_work_that_must_end_ends_before_a_cancelled_caller_hears_of_it(times: int) -> None:
    works = Works()
    task = asyncio.create_task(to_the_end(works.one(1, 10)))
    for _ in range(times):
        await asyncio.sleep(0)
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert works.ended == [1]


async def test_work_that_must_end_says_how_it_ended() -> None:
    works = Works()
    assert await to_the_end(works.one(7, 2)) == 7
    with pytest.raises(Failed):
        await to_the_end(works.one(7, 2, fails=True))
    task = asyncio.create_task(to_the_end(works.one(7, 5, fails=True)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(Failed):
        await task


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.booleans()), min_size=1, max_size=8))
async def test_who_waits_for_its_turn_goes_on_once_all_before_it_have_ended(
    shape: list[tuple[int, bool, bool]],
) -> None:
    works = Works()

    async def one(number: int, turn: Turn) -> int:
        turns, waits, fails = shape[number]
        if waits:
            await turn()
            assert set(range(number)) <= set(works.ended)
        return await works.one(number, turns, fails=fails)

    failing = [number for number, (_, _, fails) in enumerate(shape) if fails]
    if failing:
        with pytest.raises(Failed) as raised:
            await in_turns([partial(one, number) for number in range(len(shape))])
        assert raised.value.args == (failing[0],)
    else:
        assert await in_turns([partial(one, number) for number in range(len(shape))]) == list(range(len(shape)))
    assert sorted(works.ended) == list(range(len(shape)))


async def test_who_does_not_wait_for_its_turn_runs_beside_the_others() -> None:
    barrier = asyncio.Barrier(3)

    async def one(turn: Turn) -> int:
        await barrier.wait()
        await turn()
        return barrier.n_waiting

    assert await in_turns([one] * 3) == [0, 0, 0]


async def test_a_cancelled_group_ends_although_some_wait_for_their_turn() -> None:
    ended: list[int] = []

    async def one(number: int, turn: Turn) -> None:
        try:
            await turn()
            await asyncio.Event().wait()
        finally:
            ended.append(number)

    task = asyncio.create_task(in_turns([partial(one, number) for number in range(3)]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(ended) == [0, 1, 2]
