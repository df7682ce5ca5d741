"""Blocking work away from the daemon's loop, by threads that enter network namespaces without another hop."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from plurimus.adapters.visitors import Visitors

T = TypeVar("T")

_visitors = Visitors()


async def in_thread(work: Callable[[], T]) -> T:
    """The value of `work()`, made by a thread.

    No thread can be stopped: a cancelled caller hears of it only once `work` has ended, so that what undoes it finds
    it whole, and nobody else at it.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()
    run = partial(contextvars.copy_context().run, work)
    _visitors.start(lambda: _carry_out(run, future, loop))
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.shield(future)
        except asyncio.CancelledError as error:
            cancelled = error
        except BaseException:  # noqa: BLE001 - what `work` raised; raised below
            break
    if cancelled is not None:
        future.exception()  # seen: the cancellation is what the caller hears of
        raise cancelled
    return future.result()


def _carry_out(run: Callable[[], T], future: asyncio.Future[T], loop: asyncio.AbstractEventLoop) -> None:
    settle: Callable[[], None]
    try:
        settle = partial(future.set_result, run())
    except StopIteration as error:  # which no future takes
        settle = partial(future.set_exception, RuntimeError(f"the work raised {error!r}"))
    except BaseException as error:  # noqa: BLE001 - handed to the caller
        settle = partial(future.set_exception, error)
    with contextlib.suppress(RuntimeError):  # the loop has ended, so nobody waits
        loop.call_soon_threadsafe(settle)
