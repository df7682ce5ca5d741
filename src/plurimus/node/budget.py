"""What the daemon's scheduler goes by: the memory of node and control group, and what plugins were seen to need."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from plurimus.adapters.freememory import FreeMemory
from plurimus.adapters.needsfile import NeedsFile
from plurimus.adapters.processmemory import ProcessMemory

_FRESH = 0.5
"""Seconds what was read is good for."""
_AMPLE = 4 * 2**30
"""Bytes of which it does not matter what those that run have already: to look at them all takes a while."""
_KEEPING = 1.0
"""Seconds from where something was learnt until it is on file, with what is learnt meanwhile."""
_WORTH_KEEPING = 8
"""What differs by less than this part is not."""


class Budget:
    """`needs` are those on file at first, and learnt from the processes that `memory` is told of."""

    def __init__(self, file: NeedsFile, clock: Callable[[], float], free: FreeMemory | None = None) -> None:
        self.needs = file.load()
        self.memory = ProcessMemory(self._seen)
        self._file = file
        self._kept = dict(self.needs.known)
        self._free = free or FreeMemory()
        self._clock = clock
        self._room, self._read = 0.0, float("-inf")
        self._timer: asyncio.TimerHandle | None = None

    def room(self) -> float:
        """Bytes that plugins may have, those included that run."""
        now = self._clock()
        if now - self._read > _FRESH:
            free, _ = self._free.read()
            self._room, self._read = free if free > _AMPLE else free + self.memory.now(), now
        return self._room

    def free(self) -> float:
        """Bytes that nobody uses, as of now."""
        return self._free.read()[0]

    def _seen(self, kind: str, most: int) -> None:
        self.needs.seen(kind, most)
        known, kept = self.needs.known[kind], self._kept.get(kind, 0)
        if abs(known - kept) > kept // _WORTH_KEEPING and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_KEEPING, self._keep)

    def _keep(self) -> None:
        self._timer = None
        self._kept = dict(self.needs.known)
        self._file.store(self.needs)
