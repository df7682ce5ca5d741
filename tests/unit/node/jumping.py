"""An event loop on which waiting takes no time: when nothing else is to be done, its clock jumps to the next timer.

For what has deadlines of minutes, and no threads, files or sockets to wait for.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

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
    def __init__(self) -> None:
        self._clock = _Selector()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.waited


def run(work: Coroutine[Any, Any, T]) -> T:
    """What comes of `work`, on a loop of its own."""
    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(work)
