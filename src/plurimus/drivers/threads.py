"""Blocking work of drivers, away from the daemon's loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_thread(work: Callable[[], T]) -> T:
    """The value of `work()`, made by a thread.

    No thread can be stopped: a cancelled caller hears of it only once `work` has ended, so that what undoes it finds
    it whole, and nobody else at it.
    """
    running = asyncio.ensure_future(asyncio.to_thread(work))
    cancelled: asyncio.CancelledError | None = None
    while not running.done():
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        running.exception()  # seen: the cancellation is what the caller hears of
        raise cancelled
    return running.result()
