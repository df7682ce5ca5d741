"""How much memory the plugins that run have, each with the processes it started.

A process that has ended does not tell: its rusage starts with the most that the daemon ever had, since it shared the
daemon's memory until exec.  So while some runs last it is looked again and again, the runs of a type that is not
known well all the time, others from when they take long.  Where a run had more than the daemon, rusage is true.
"""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Callable
from pathlib import Path

from plurimus.adapters.process import Watch

_PAGE = os.sysconf("SC_PAGE_SIZE")
_FIRST_LOOK, _LATER, _STEP = 0.001, 0.5, 1.3
"""Seconds until the first look at a run that is watched closely, at another, and the growth from look to look.

A look at a plugin in Go and its children costs up to a millisecond, and where many run they take long.
"""
_WELL_KNOWN, _NOW_AND_THEN = 4, 32
"""Runs of a type that are all watched closely; behind those, one of so many is."""


class ProcessMemory:
    """The plugins that run now; `seen` is told the type of a run that ended, and the most bytes it had."""

    def __init__(self, seen: Callable[[str, int], None]) -> None:
        self._seen = seen
        self._running: dict[int, Run] = {}
        self._runs: dict[str, int] = {}

    def of(self, kind: str) -> Watch:
        """What is told of one run of a plugin type."""
        return _OfType(self, kind)

    def started(self, kind: str, pid: int) -> None:
        number = self._runs.get(kind, 0)
        self._runs[kind] = number + 1
        closely = number < _WELL_KNOWN or number % _NOW_AND_THEN == 0
        run = self._running[pid] = Run(kind)
        self._look_in(_FIRST_LOOK if closely else _LATER, pid, run)

    def ended(self, pid: int, most: int) -> None:
        """`most` is what rusage says of it, in bytes."""
        run = self._running.pop(pid)
        if run.timer is not None:
            run.timer.cancel()
        if most > resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024:
            run.most = max(run.most, most)
        if run.most:
            self._seen(run.kind, run.most)

    @property
    def runs(self) -> list[Run]:
        """What was seen so far of those that run."""
        return list(self._running.values())

    def now(self) -> int:
        """Bytes that all have now."""
        return sum(_bytes(process, "statm") for pid in self._running for process in tree(pid))

    def _look_in(self, seconds: float, pid: int, run: Run) -> None:
        run.timer = asyncio.get_running_loop().call_later(seconds, self._look, seconds, pid, run)

    def _look(self, seconds: float, pid: int, run: Run) -> None:
        run.most = max(run.most, sum(_bytes(process, "status") for process in tree(pid)))
        self._look_in(seconds * _STEP, pid, run)


class _OfType:
    __slots__ = ("_kind", "_memory")

    def __init__(self, memory: ProcessMemory, kind: str) -> None:
        self._memory, self._kind = memory, kind

    def started(self, pid: int) -> None:
        self._memory.started(self._kind, pid)

    def ended(self, pid: int, most: int) -> None:
        self._memory.ended(pid, most)


class Run:
    """One run of a plugin: its type, and the most bytes it was seen to have."""

    __slots__ = ("kind", "most", "timer")

    def __init__(self, kind: str) -> None:
        self.kind, self.most = kind, 0
        self.timer: asyncio.TimerHandle | None = None


def tree(pid: int) -> list[int]:
    """The process and all that descend from it; those that have left it are not found."""
    found = [pid]
    for parent in found:
        try:
            with os.scandir(f"/proc/{parent}/task") as threads:
                texts = [Path(thread.path, "children").read_bytes() for thread in threads]
        except OSError:  # it has ended meanwhile, or a thread has
            continue
        found += [int(child) for text in texts for child in text.split()]
    return found


def _bytes(pid: int, file: str) -> int:
    """What a process has in memory (`statm`), or the most it ever had (`status`); 0 for one that has ended."""
    try:
        text = Path(f"/proc/{pid}/{file}").read_bytes()
    except OSError:
        return 0
    if file == "statm":
        return int(text.split()[1]) * _PAGE
    _, _, most = text.partition(b"VmHWM:")
    return int(most.split(maxsplit=1)[0]) * 1024 if most else 0
