"""A control group of the tests' own, below which everything runs that a node starts."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from .service import PATIENCE

_MOUNTED = Path("/sys/fs/cgroup")


class ControlGroup:
    """In all hierarchies of the machine: there is one of version 2, or one per controller of version 1."""

    def __init__(self, name: str) -> None:
        self.name = f"/{name}"
        unified = (_MOUNTED / "cgroup.controllers").exists()
        hierarchies = [_MOUNTED] if unified else [path for path in _MOUNTED.iterdir() if not path.is_symlink()]
        self._roots = [hierarchy / name for hierarchy in hierarchies]
        self._runtime = self._roots[0] / "runtime"
        self.make()

    def make(self) -> None:
        """Make it anew, empty."""
        for root in self._roots:
            root.mkdir()
            if root.parent.name == "cpuset":
                for file in ("cpuset.cpus", "cpuset.mems"):
                    (root / file).write_text((root.parent / file).read_text())
        self._runtime.mkdir()

    def joined_by(self, command: Sequence[str | Path]) -> list[str | Path]:
        """A command that runs `command` inside: all it starts is found again."""
        return ["sh", "-c", 'echo $$ >"$0" && exec "$@"', self._runtime / "cgroup.procs", *command]

    def remove(self) -> None:
        """End what runs inside, and remove it."""
        end = time.monotonic() + PATIENCE
        while pids := self._pids():
            assert time.monotonic() < end, f"still in {self._roots[0]}: {pids}"
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
        for root in self._roots:
            for folder, _, _ in os.walk(root, topdown=False):
                Path(folder).rmdir()

    def _pids(self) -> list[int]:
        """Of all processes in it and below."""
        listed = [path.read_text().split() for path in self._roots[0].rglob("cgroup.procs")]
        return [int(pid) for pids in listed for pid in pids]
