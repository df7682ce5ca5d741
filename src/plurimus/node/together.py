"""Several things at once, with the outcome of one after another."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")

Turn = Callable[[], Awaitable[None]]


async def in_order(works: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """The values of all, in their order, once all have ended.

    Raises:
        BaseException: the failure that comes first in that order, the others as its notes; nothing is cancelled
            for it, since a plugin ended half way leaves more behind than one that got to its end.
        asyncio.CancelledError: a cancelled caller ends all, and waits for that.
    """
    return await _in_order(works, [])


async def in_turns(works: Sequence[Callable[[Turn], Coroutine[Any, Any, T]]]) -> list[T]:
    """`in_order`, where each may wait, by what it is given, until all before it have ended, however they did."""
    tasks: list[asyncio.Task[T]] = []

    def turn(index: int) -> Turn:
        async def turn() -> None:
            if before := tasks[:index]:
                await asyncio.wait(before)

        return turn

    return await _in_order([work(turn(index)) for index, work in enumerate(works)], tasks)


async def _in_order(works: Sequence[Coroutine[Any, Any, T]], tasks: list[asyncio.Task[T]]) -> list[T]:
    """`in_order`; what runs the works is in `tasks` before the first begins, but for one that is alone."""
    if len(works) == 1:
        return [await works[0]]
    tasks += [asyncio.create_task(work) for work in works]
    try:
        await asyncio.wait(tasks)
    except asyncio.CancelledError:
        await _end(tasks)
        raise
    failures = [error for task in tasks if (error := task.exception()) is not None]
    if failures:
        for other in failures[1:]:
            failures[0].add_note(f"beside it: {other}")
        raise failures[0]
    return [task.result() for task in tasks]


async def both(first: Coroutine[Any, Any, A], second: Coroutine[Any, Any, B]) -> tuple[A, B]:
    """The values of two; `in_order` for two types."""
    done: list[Any] = await in_order([first, second])
    return done[0], done[1]


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """The value of what must not be left half done: a cancelled caller hears of it only once the work has ended."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None and task.exception() is None:
        raise cancelled
    return task.result()


async def _end(tasks: Sequence[asyncio.Task[T]]) -> None:
    """Cancel all and wait until none runs, however often that is cancelled itself."""
    for task in tasks:
        task.cancel()
    while not all(task.done() for task in tasks):
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # seen: the cancellation is what the caller hears of
