"""What processes cost the processor and in memory, by control groups of both versions."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

_ROOT = Path("/sys/fs/cgroup")
_EVERY = 0.005
MIB = 2**20


class Group:
    """A process and all it starts from now on; `close` it once they have ended."""

    def __init__(self, name: str) -> None:
        own = f"plurimus-bench-{os.getpid()}-{time.time_ns()}-{name}"
        if (_ROOT / "memory").is_dir():
            self._cpu, self._memory = _ROOT / "cpuacct" / own, _ROOT / "memory" / own
        else:
            (_ROOT / "cgroup.subtree_control").write_text("+memory")
            self._cpu = self._memory = _ROOT / own
        self._folders = list(dict.fromkeys((self._cpu, self._memory)))
        for folder in self._folders:
            folder.mkdir()

    def add(self, pid: int) -> None:
        for folder in self._folders:
            (folder / "cgroup.procs").write_text(str(pid))

    def cpu(self) -> float:
        """Seconds of processor time so far."""
        old = self._cpu / "cpuacct.usage"
        return int(old.read_text()) / 1e9 if old.exists() else _field(self._cpu / "cpu.stat", "usage_usec") / 1e6

    def anonymous(self) -> int:
        """Bytes of anonymous memory now: no file's pages, each page once."""
        return _field(self._memory / "memory.stat", "total_rss", "anon")

    def close(self) -> None:
        for folder in self._folders:
            for _ in range(100):  # an ended process leaves its group a moment later
                try:
                    folder.rmdir()
                    break
                except OSError:
                    time.sleep(0.02)


class Peak:
    """The most anonymous memory that groups have at one time while the context lasts."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self._groups = groups
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.bytes = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stopping.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopping.wait(_EVERY):
            self.bytes = max(self.bytes, sum(group.anonymous() for group in self._groups))


def resident(pid: int) -> float:
    """The resident memory of one process in MiB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / MIB


def _field(path: Path, *names: str) -> int:
    """The number behind the first of `names` that the file has."""
    found = dict(line.split(maxsplit=1) for line in path.read_text().splitlines())
    return next(int(found[name]) for name in names if name in found)
