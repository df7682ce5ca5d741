"""One request at a time for each sandbox."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plurimus.node.locks import LocksInProcess


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 4), st.booleans()), max_size=12))
def test_a_sandbox_has_one_holder_at_a_time_in_the_order_they_came(wanted: list[tuple[str, int, bool]]) -> None:
    """Some of them fail while they hold it."""

    async def run() -> None:
        locks, inside, order = LocksInProcess(), Counter[str](), list[tuple[str, int]]()

        async def use(number: int, container: str, rounds: int, *, fails: bool) -> None:
            async with locks.hold(container):
                inside[container] += 1
                assert inside[container] == 1
                assert container in locks.busy()
                order.append((container, number))
                for _ in range(rounds):
                    await asyncio.sleep(0)
                inside[container] -= 1
                if fails:
                    raise ValueError

        works = [
            use(number, container, rounds, fails=fails) for number, (container, rounds, fails) in enumerate(wanted)
        ]
        ended = await asyncio.gather(*works, return_exceptions=True)
        assert [isinstance(end, ValueError) for end in ended] == [fails for _, _, fails in wanted]
        for container in "abc":
            mine = [number for held, number in order if held == container]
            assert mine == sorted(mine)
        assert locks.busy() == set()

    asyncio.run(run())


async def test_other_sandboxes_do_not_wait() -> None:
    locks = LocksInProcess()
    async with locks.hold("a"), locks.hold("b"):
        assert locks.busy() == {"a", "b"}


async def test_who_gives_up_waiting_leaves_nothing_behind() -> None:
    locks = LocksInProcess()
    async with locks.hold("a"):
        waiting = asyncio.create_task(locks.hold("a").__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert locks.busy() == {"a"}
    assert locks.busy() == set()
    async with locks.hold("a"):
        pass
