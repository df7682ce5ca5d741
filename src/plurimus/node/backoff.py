"""When what failed is tried again: soon, then ever more seldom, for as long as it takes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass
from typing import Any

FIRST = 5.0
MOST = 300.0
"""Seconds between two tries, however often it has failed."""


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

    def is_due(self, key: Hashable) -> bool:
        """Whether it may be tried now; what never failed may."""
        failed = self._failed.get(key)
        return failed is None or failed.due <= self._clock()

    def failed(self, key: Hashable, why: str) -> None:
        """It was tried, and `why` it failed."""
        before = self._failed.get(key)
        pause = FIRST if before is None else min(2 * before.pause, MOST)
        self._failed[key] = _Failed(self._clock() + pause, pause, before.tries + 1 if before else 1, why)

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
