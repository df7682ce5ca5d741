"""How much memory the processes of this control group may still get: what their limits and the node leave.

Control groups of version 1 and 2, all that this one is in.  What the kernel can take back (files that are also on
the disk) counts as free.  Version 1 does not say how much of the kernel's own memory could be taken back, so none is.

Linux' Documentation/admin-guide/cgroup-v1/memory.rst, cgroup-v2.rst, filesystems/proc.rst ("meminfo").
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

_UNLIMITED = 2**60
_SPARE, _LEAST_SPARE = 16, 8 * 2**20
"""The part of a limit that is left alone, for what the kernel needs for a process; and bytes that are, at least."""
_V1 = ("total_inactive_file", "total_active_file")
_V2 = ("inactive_file", "active_file", "slab_reclaimable")


class FreeMemory:
    """Of the process `pid`, as its /proc below `root` shows it."""

    def __init__(self, root: Path = Path("/"), pid: str = "self") -> None:
        self._root = root
        self._proc = root / "proc" / pid
        self._mounts: list[tuple[bool, str, str]] | None = None

    def read(self) -> tuple[int, int]:
        """Bytes that may still be used, and the limit that leaves so few; negative where too much is in use.

        What cannot be read limits nothing.
        """
        return min(self._levels(), default=(_UNLIMITED, _UNLIMITED))

    def _levels(self) -> Iterator[tuple[int, int]]:
        with contextlib.suppress(OSError, ValueError, KeyError):
            node = _numbers(self._root / "proc/meminfo", "kB", 1024)
            yield _left(node["MemTotal:"], node["MemTotal:"] - node["MemAvailable:"])
        for folder, is_v2 in self._groups():
            with contextlib.suppress(OSError, ValueError, KeyError):
                limit, used = (_used_v2 if is_v2 else _used_v1)(folder)
                if limit < _UNLIMITED:
                    yield _left(limit, used)

    def _groups(self) -> Iterator[tuple[Path, bool]]:
        """The folder of each memory group this process is in, the innermost first; and whether it is of version 2."""
        try:
            groups = (self._proc / "cgroup").read_text().splitlines()
            if self._mounts is None:  # a node has many mounts, and those of control groups stay
                self._mounts = list(_mounts((self._proc / "mountinfo").read_text()))
        except OSError:
            return
        paths = {}
        for line in groups:
            _, controllers, path = line.split(":", 2)
            if not controllers or "memory" in controllers.split(","):
                paths[not controllers] = path
        for is_v2, mounted, point in self._mounts:
            if is_v2 in paths:
                yield from ((folder, is_v2) for folder in _upwards(self._root, mounted, point, paths[is_v2]))


def _mounts(mountinfo: str) -> Iterator[tuple[bool, str, str]]:
    """Of hierarchies that have memory: whether it is of version 2, what of it is mounted, and where."""
    for line in mountinfo.splitlines():
        head, _, tail = line.partition(" - ")
        kind, _, options = tail.split(" ")[:3]
        if kind == "cgroup2" or (kind == "cgroup" and "memory" in options.split(",")):
            mounted, point = head.split(" ")[3:5]
            yield kind == "cgroup2", mounted, point


def _upwards(root: Path, mounted: str, point: str, path: str) -> Iterator[Path]:
    """The group's folder and those above; the mount shows the hierarchy from `mounted` on.

    In a container that may be the container's own group, whatever it is called outside.
    """
    top = root / point.lstrip("/")
    inner = Path(path)
    own = inner.relative_to(mounted) if inner.is_relative_to(mounted) else Path()
    folder = top / own
    if not folder.is_dir():
        folder = top
    yield folder
    while folder != top:
        folder = folder.parent
        yield folder


def _used_v1(folder: Path) -> tuple[int, int]:
    limit = int((folder / "memory.limit_in_bytes").read_text())
    if limit >= _UNLIMITED:
        return limit, 0
    stat = _numbers(folder / "memory.stat")
    return limit, int((folder / "memory.usage_in_bytes").read_text()) - sum(stat.get(key, 0) for key in _V1)


def _used_v2(folder: Path) -> tuple[int, int]:
    texts = [(folder / name).read_text().strip() for name in ("memory.max", "memory.high")]
    limit = min((int(text) for text in texts if text != "max"), default=_UNLIMITED)
    if limit >= _UNLIMITED:
        return limit, 0
    stat = _numbers(folder / "memory.stat")
    return limit, int((folder / "memory.current").read_text()) - sum(stat.get(key, 0) for key in _V2)


def _left(limit: int, used: int) -> tuple[int, int]:
    return limit - used - max(limit // _SPARE, _LEAST_SPARE), limit


def _numbers(path: Path, unit: str = "", factor: int = 1) -> dict[str, int]:
    """Words and numbers of a file, one pair a line; with `unit` only of the lines that have it, times `factor`."""
    lines = [line.split() for line in path.read_text().splitlines()]
    return {words[0]: int(words[1]) * factor for words in lines if words[2:] == ([unit] if unit else [])}
