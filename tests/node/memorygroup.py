"""A control group with a memory limit, for a daemon and all it starts; of version 1 or 2, as the machine has it."""

from __future__ import annotations

import contextlib
import os
import signal
from itertools import count
from pathlib import Path
from typing import Self

from .process import eventually

_MOUNTED = Path("/sys/fs/cgroup")
_numbers = count(1)


class MemoryGroup:
    """`limit` is bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._is_v2 = (_MOUNTED / "cgroup.controllers").exists()
        self._folder = (_MOUNTED if self._is_v2 else _MOUNTED / "memory") / f"plurimus-{os.getpid()}-{next(_numbers)}"

    def __enter__(self) -> Self:
        if self._is_v2:
            (_MOUNTED / "cgroup.subtree_control").write_text("+memory")
        self._folder.mkdir()
        (self._folder / ("memory.max" if self._is_v2 else "memory.limit_in_bytes")).write_text(str(self._limit))
        return self

    def __exit__(self, *_: object) -> None:
        eventually(lambda: not (self._folder / "cgroup.procs").read_text(), self._folder.name.__str__)
        self._folder.rmdir()

    @property
    def wrapper(self) -> list[str]:
        """What is put before a command, which then runs inside from its first byte on."""
        return ["sh", "-c", 'echo $$ >"$0" && exec "$@"', str(self._folder / "cgroup.procs")]

    def end_all(self) -> None:
        """End every process in it, as a container's end does."""
        for pid in map(int, (self._folder / "cgroup.procs").read_text().split()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    @property
    def killed(self) -> int:
        """How many processes the kernel has ended in it for want of memory."""
        text = (self._folder / ("memory.events" if self._is_v2 else "memory.oom_control")).read_text()
        return int(dict(line.split() for line in text.splitlines())["oom_kill"])

    @property
    def peak(self) -> int:
        """The most bytes that were charged to it, those included that the kernel could have taken back."""
        return int((self._folder / ("memory.peak" if self._is_v2 else "memory.max_usage_in_bytes")).read_text())
