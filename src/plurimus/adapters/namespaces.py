"""Every network namespace that can be reached from here, for what is somewhere and nobody knows where."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_NAMED = ("run/netns", "var/run/netns", "run/docker/netns")


def reachable(root: Path) -> list[str]:
    """A path of each namespace, but this one, that has a name or a process on the node with its files below `root`."""
    seen = {_identity(Path("/proc/thread-self/ns/net"))}
    found = []
    for path in _candidates(root):
        identity = _identity(path)
        if identity is not None and identity not in seen:
            seen.add(identity)
            found.append(str(path))
    return found


def _candidates(root: Path) -> Iterator[Path]:
    for name in _NAMED:
        yield from _entries(root / name)
    for process in _entries(root / "proc"):
        if process.name.isdecimal():
            yield process / "ns/net"


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:  # a process that ended, or a folder this process may not see
        return None
    return found.st_dev, found.st_ino
