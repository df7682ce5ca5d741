"""What surrounds a daemon, and fails: disks, the clock, limits of the kernel."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .daemon import Node
from .runtime import Sandbox
from .snapshot import run

_SOURCE = Path(__file__).with_suffix(".c")
_CGROUPS = Path("/sys/fs/cgroup")


class Disk:
    """A disk of `size` KiB at `folder`, which has what was in it before only once it is gone."""

    def __init__(self, folder: Path, size: int = 256) -> None:
        self._folder, self._ballast = folder, folder / ".ballast"
        run("mount", "-t", "tmpfs", "-o", f"size={size}k", "small", str(folder))

    def fill(self, free: int = 0) -> None:
        """Leave `free` pages of 4 KiB."""
        with self._ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                file.truncate(max(0, file.tell() - 4096 * free))

    def clear(self) -> None:
        self._ballast.unlink(missing_ok=True)

    def writable(self, yes: bool) -> None:
        run("mount", "-o", "remount,rw" if yes else "remount,ro", str(self._folder))

    def close(self) -> None:
        run("umount", "-l", str(self._folder))


@contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    disk = Disk(folder)
    try:
        yield disk
    finally:
        disk.close()


class Preloaded(Node):
    """A node whose daemon has `surroundings.c` preloaded."""

    def __init__(self, folder: Path, **config: Any) -> None:
        super().__init__(folder, **config)
        self.fsync_fails, self.read_fails = folder / "fsync-fails", folder / "read-fails"
        self.clock_shift = folder / "clock-shift"
        self._library = folder / "surroundings.so"
        run("cc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", str(self._library), str(_SOURCE), "-ldl")

    def spawn(self) -> None:
        before = dict(os.environ)
        # the interpreter alone has it: what it starts is to be as on any node
        os.environ.update(LD_PRELOAD=str(self._library), FSYNC_FAILS=str(self.fsync_fails),
                          READ_FAILS=str(self.read_fails), CLOCK_SHIFT=str(self.clock_shift))  # fmt: skip
        try:
            super().spawn()
        finally:
            for name in ("LD_PRELOAD", "FSYNC_FAILS", "READ_FAILS", "CLOCK_SHIFT"):
                if name in before:
                    os.environ[name] = before[name]
                else:
                    del os.environ[name]


def pid_of(node: Node) -> int:
    assert node._daemon is not None
    return node._daemon.pid


@contextmanager
def descriptors(node: Node, free: int) -> Iterator[None]:
    """The daemon may open so many files more."""
    pid = pid_of(node)
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    # the limit is one of numbers: those below that nobody has are free, too
    open_ones = {int(path.name) for path in Path(f"/proc/{pid}/fd").iterdir()}
    limit = next(n for n in range(len(open_ones) + free + 2000) if n - sum(each < n for each in open_ones) == free)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (max(limit, 0), before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


@contextmanager
def processes(node: Node, free: int) -> Iterator[None]:
    """The daemon may start so many processes and threads more."""
    pid = pid_of(node)
    root = _CGROUPS / "pids" if (_CGROUPS / "pids").is_dir() else _CGROUPS
    came_from = root / _group(pid)
    group = root / f"plurimus-tests-{os.getpid()}-{pid}"
    group.mkdir()
    try:
        (group / "cgroup.procs").write_text(str(pid))
        (group / "pids.max").write_text(str(int((group / "pids.current").read_text()) + free))
        yield
    finally:
        for left in (group / "cgroup.procs").read_text().split():
            (came_from / "cgroup.procs").write_text(left)
        _remove(group)


def _group(pid: int) -> str:
    """The control group of a process in the hierarchy of pids, below its root."""
    lines = [line.split(":", 2) for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()]
    by_name = {name: path for _, name, path in lines}
    return by_name.get("pids", by_name.get("", "/")).lstrip("/")


def _remove(group: Path) -> None:
    """A group is empty a moment after its last process has been reaped."""
    end = time.monotonic() + 30
    while True:
        try:
            group.rmdir()
        except OSError:
            assert time.monotonic() < end, (group / "cgroup.procs").read_text()
            time.sleep(0.01)
        else:
            return


def pod_of(node: Node) -> Sandbox:
    """Its networks are made by a driver, and by an executable with another name."""
    program = node.bin / "macvlan-program"
    if not program.exists():
        program.symlink_to((node.bin / "macvlan").resolve())
    node.network("driver", node.macvlan())
    node.network("program", node.macvlan(1, type="macvlan-program"))
    return node.sandbox("driver,program")


def cpu_of(node: Node) -> float:
    """Seconds of processor that the daemon has used."""
    fields = Path(f"/proc/{pid_of(node)}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
