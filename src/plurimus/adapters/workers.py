"""Blocking work away from the daemon's loop, by threads that enter network namespaces without another hop."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import errno
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from plurimus.adapters.remedies import remedy
from plurimus.adapters.visitors import LONG, Turns, Visitors
from plurimus.cni.errors import AttachmentError

T = TypeVar("T")
_NO_THREADS = remedy(OSError(errno.EAGAIN, ""))

_visitors = Visitors()
_turns = Turns(_visitors)


class _Outcome(asyncio.Future[T]):
    """What comes of work that nobody can stop: a task that waits for it is cancelled only once it is there."""

    def cancel(self, msg: Any = None) -> bool:
        return False


class _Watch:
    """Has work relieved, by a timer of `loop`, for as long as any waits for its turn."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is not loop:  # one that has ended looks no more
            self._loop = loop
            loop.call_later(LONG, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is loop:
            self._loop = None  # however the look ends, the next work begins another
        if _turns.relieve():
            self.begin(loop)


_watch = _Watch()


async def in_thread(work: Callable[[], T]) -> T:
    """The value of `work()`, made by a thread.

    No thread can be stopped: a cancelled caller hears of it only once `work` has ended, so that what undoes it finds
    it whole, and nobody else at it.
    """
    return await _started(work, _visitors.start)


async def in_turn(work: Callable[[], T]) -> T:
    """The same for work that is short: it is done when what came before it has ended, or takes long."""
    started = _started(work, _turns.start)
    _watch.begin(asyncio.get_running_loop())
    return await started


def _started(work: Callable[[], T], start: Callable[[Callable[[], None]], None]) -> asyncio.Future[T]:
    loop = asyncio.get_running_loop()
    outcome: _Outcome[T] = _Outcome(loop=loop)
    run = partial(contextvars.copy_context().run, work)
    try:
        start(lambda: _carry_out(run, outcome, loop))
    except RuntimeError as error:
        raise AttachmentError(f"no thread can be started for it: {error}", details=_NO_THREADS) from error
    return outcome


def _carry_out(run: Callable[[], T], outcome: asyncio.Future[T], loop: asyncio.AbstractEventLoop) -> None:
    settle: Callable[[], None]
    try:
        settle = partial(outcome.set_result, run())
    except StopIteration as error:  # which no future takes
        settle = partial(outcome.set_exception, RuntimeError(f"the work raised {error!r}"))
    except BaseException as error:  # noqa: BLE001 - handed to the caller
        settle = partial(outcome.set_exception, error)
    with contextlib.suppress(RuntimeError):  # the loop has ended, so nobody waits
        loop.call_soon_threadsafe(settle)
