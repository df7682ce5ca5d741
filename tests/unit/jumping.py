"""An event loop on which waiting takes no time: when nothing else is to be done, its clock jumps to the next timer.

For what has deadlines of minutes, and no sockets or processes to wait for.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from plurimus.cni.errors import PlurimusError

T = TypeVar("T")


class _Selector(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    """Waits for nothing, and says for how long it would have."""

    waited = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        if not found:
            assert timeout is not None, "nothing would ever happen any more"
            self.waited += timeout
        return found


class Loop(asyncio.SelectorEventLoop):
    """What is for a thread is done at once, so the order of events is the same each time, as Hypothesis wants it."""

    def __init__(self) -> None:
        self._clock = _Selector()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.waited

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except PlurimusError as error:
            done.set_exception(error)
        return done


def run(work: Coroutine[Any, Any, T]) -> T:
    """What comes of `work`, on a loop of its own."""
    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(work)
