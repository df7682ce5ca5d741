"""When what failed is tried again: soon, then ever more seldom, for as long as it takes.

Once the API server is back that was away, all is tried once, since nobody knows what failed for want of it.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass, replace
from typing import Any

import structlog

FIRST = 5.0
MOST = 300.0
"""Seconds between two tries, however often it has failed."""
SPREAD = 3.0
"""Seconds over which the nodes of a cluster spread when its API server is back."""
BETWEEN = 30.0
"""Seconds between two returns of it that count: one that comes and goes has nothing tried more often."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Failed:
    due: float
    pause: float
    tries: int
    why: str


class Backoff:
    """What failed, by keys; `clock` gives seconds that only grow."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failed: dict[Hashable, _Failed] = {}
        self._woken = -math.inf

    def is_due(self, key: Hashable) -> bool:
        """Whether it may be tried now; what never failed may."""
        failed = self._failed.get(key)
        return failed is None or failed.due <= self._clock()

    def failed(self, key: Hashable, why: str, *, since: float = math.inf) -> None:
        """It was tried, from `since` on, and `why` it failed."""
        before = self._failed.get(key)
        pause = FIRST if before is None else min(2 * before.pause, MOST)
        # what was under way when all others were woken began without what they were woken for
        due = self._clock() + (FIRST if since < self._woken else pause)
        self._failed[key] = _Failed(due, pause, before.tries + 1 if before else 1, why)

    def wake(self) -> int:
        """Have all be due now, for one try: what fails again rests for as long as it would have; how many."""
        now = self._woken = self._clock()
        early = {key: replace(failed, due=now) for key, failed in self._failed.items() if failed.due > now}
        self._failed |= early
        return len(early)

    def keep(self, keys: Collection[Hashable]) -> None:
        """Forget all others: they are done, or nobody's any more."""
        self._failed = {key: failed for key, failed in self._failed.items() if key in keys}

    def done(self, key: Hashable) -> None:
        """It succeeded."""
        self._failed.pop(key, None)

    def document(self) -> list[dict[str, Any]]:
        """What is to be tried again, for people."""
        now = self._clock()
        return [
            {"what": "/".join(key) if isinstance(key, tuple) else str(key), "tries": failed.tries, "why": failed.why,
             "inSeconds": round(max(0.0, failed.due - now))}
            for key, failed in self._failed.items()
        ]  # fmt: skip


async def waking(returned: asyncio.Event, wakes: Collection[Callable[[], int]]) -> None:
    """Call all of `wakes`, for ever, soon after `returned` is set, which says that the API server is back."""
    while True:
        await returned.wait()
        await asyncio.sleep(random.uniform(0, SPREAD))
        returned.clear()
        _log.info("the API server answers again; what failed is tried again", count=sum(wake() for wake in wakes))
        await asyncio.sleep(BETWEEN)
