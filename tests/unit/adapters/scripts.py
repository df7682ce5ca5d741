"""Programs in the place of CNI plugins, and what became of the processes they started."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path


def script(path: Path, body: str, *, shell: str = "/bin/sh", mode: int = 0o755) -> str:
    """An executable script at `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{shell}\n{body}\n")
    path.chmod(mode)
    return str(path)


def runs(pid: int) -> bool:
    """Whether the process runs; one that has ended and waits for its parent does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2]
    except FileNotFoundError:
        return False
    return state[0] not in "ZX"


async def ended(pid: int) -> bool:
    """Whether the process ends: a signal takes a moment to be delivered."""
    for _ in range(1000):
        if not runs(pid):
            return True
        await asyncio.sleep(0.01)
    return False


async def number_in(path: Path) -> int:
    """The number a script writes to `path`, once it is there."""
    for _ in range(1000):
        if path.exists() and path.read_text().endswith("\n"):
            return int(path.read_text())
        await asyncio.sleep(0.01)
    raise AssertionError(f"nothing was written to {path}")


def end(pid: int) -> None:
    """End a process a script left behind."""
    if runs(pid):
        os.kill(pid, signal.SIGKILL)


def children() -> set[int]:
    """The children of this process, running or not yet reaped."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(") ")[2].split()
            except OSError:
                continue
            if int(fields[1]) == os.getpid():
                found.add(int(entry.name))
    return found


def descriptors() -> int:
    """How many descriptors this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))
