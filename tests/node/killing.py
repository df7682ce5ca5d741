"""A node whose daemon is killed at a point of its choice, and what a runtime does about it.

PLURIMUS_KILL_EVERY=1 has tests try every point, with all that a runtime may do about each.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.patience import SLOWER

from .daemon import Node
from .nursery import ARMED, Born, Nursery
from .process import eventually
from .runtime import Sandbox

EVERY = bool(os.environ.get("PLURIMUS_KILL_EVERY"))
_LONG_AGO = 3600.0
"""Seconds since which what a killed process was writing has been there, once the next one starts."""
_BEHIND = 1.0 * SLOWER
"""Seconds in which a daemon gets to what it does behind an answer."""
_SURE = 0.75
"""The part of a request's points that it passes each time."""


class MortalNode(Node):
    """Its daemons come out of a nursery, and pass points."""

    def __init__(self, folder: Path, nursery: Nursery, **config: Any) -> None:
        super().__init__(folder, **config)
        self._nursery = nursery
        self.points = folder / "points"
        self.fatal, self.from_start = 0, False
        self.bereft: set[str] = set()
        """The sandboxes whose namespace ended while something of theirs was on record."""

    def spawn(self) -> None:
        path = self.write_config()
        self.points.unlink(missing_ok=True)
        Path(f"{self.points}{ARMED}").unlink(missing_ok=True)
        self._daemon = self._nursery.bear(path, self.log, self.points, fatal=self.fatal, from_start=self.from_start)

    def arm(self) -> None:
        """Let the daemon's points count from now on, once each pod has been told of its ADD."""
        added = [each for each in self.sandboxes if each.result is not None]
        eventually(lambda: all(each.events() for each in added), self.log.read_text)
        assert isinstance(self._daemon, Born)
        self._daemon.arm()
        eventually(Path(f"{self.points}{ARMED}").exists, self.log.read_text)

    def passed(self) -> list[str]:
        """The names of the points that were passed."""
        return self.points.read_text().splitlines() if self.points.exists() else []

    @property
    def runs(self) -> bool:
        """Whether there is a daemon; one that has reached its fatal point ends."""
        if self._daemon is not None and self.fatal and len(self.passed()) >= self.fatal:
            self._daemon.wait(30)
        return self._daemon is not None and self._daemon.poll() is None

    def has_died(self) -> bool:
        """Whether the daemon has reached its fatal point, at which it ends."""
        assert isinstance(self._daemon, Born)
        died = bool(self.passed()) and len(self.passed()) >= self.fatal
        if died:
            self._daemon.wait(30)
            self._daemon = None
        return died

    def dies(self) -> bool:
        """Whether the daemon reaches its fatal point, which may be behind the answer the runtime has by now."""
        end = time.monotonic() + _BEHIND
        while self._daemon is not None and not self.has_died():
            if time.monotonic() > end:
                return False
            time.sleep(0.01)
        return True

    def tried(self, request: Callable[[], object]) -> list[str]:
        """The names of the points a daemon passes in the course of `request`, some of them behind its answer."""
        self.arm()
        request()
        eventually(lambda: any(name.endswith(" answer") for name in self.passed()), self.passed)
        return self.passed()

    def start_anew(self, *, fatal: int = 0, from_start: bool = False) -> None:
        """The next daemon, a while later: it is nobody's fault that a file is young."""
        self.wait_for_plugins()
        past = time.time() - _LONG_AGO
        for path in self.folder.rglob(".*"):
            if path.is_file():
                os.utime(path, (past, past))
        self.fatal, self.from_start = fatal, from_start
        if not from_start:
            self.start()
            return
        self.spawn()
        assert self._daemon is not None
        while not self._listens() and self._daemon.poll() is None:
            time.sleep(0.002)

    def lose(self, sandbox: Sandbox) -> None:
        if sandbox.record.exists():
            self.bereft.add(sandbox.id)
        super().lose(sandbox)

    def wait_for_plugins(self) -> None:
        """Executables that the dead daemon had started end by themselves, or with its container."""
        eventually(lambda: not any(map(self._is_plugin, os.listdir("/proc"))), self.log.read_text)  # noqa: PTH208

    def _is_plugin(self, pid: str) -> bool:
        try:
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        return pid.isdecimal() and any(each.startswith(os.fsencode(f"{self.bin}/")) for each in arguments)


def del_again(node: MortalNode, sandbox: Sandbox, fatal: int = 0) -> None:
    """The runtime tries again with the next daemon."""
    node.start_anew(fatal=fatal)
    sandbox.delete()


def del_meanwhile(node: MortalNode, sandbox: Sandbox, fatal: int = 0) -> None:
    """The runtime's DEL finds no daemon, and is paid by the next one."""
    sandbox.delete()
    node.start_anew(fatal=fatal)


def never_again(node: MortalNode, sandbox: Sandbox, fatal: int = 0) -> None:
    """The node goes down, and with it every namespace; nobody ever asks for the pod again."""
    node.lose(sandbox)
    node.start_anew(fatal=fatal)


WAYS: Mapping[str, Callable[..., None]] = {
    "again": del_again, "meanwhile": del_meanwhile, "never": never_again,
}  # fmt: skip


@dataclass
class Tally:
    """The points there were, and at which of those that were chosen no daemon was killed."""

    what: str
    names: list[str]
    """Of all points, in the order they were passed once."""
    kinds: set[str]
    """What these names begin with, at least once each."""
    chosen: int = 0
    missed: list[int] = field(default_factory=list)

    def count(self, at: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
        """Go through the points that were chosen."""
        passed = [name.partition(" ")[2] for name in self.names]
        lost = [kind for kind in self.kinds if not any(name.startswith(kind) for name in passed)]
        assert not lost, f"{self.what} passes no point of the kinds {lost}, only {self.names}"
        for number, way in at:
            self.chosen += 1
            self.missed.append(number)
            yield number, way
        said = f"{self.what}: {len(self.names)} points, {self.chosen} chosen, killed at all but {self.missed}"
        print(f"\n{said}")
        # how often one waits for a lock, and whether events and what plugins need are written so soon, differs by a few
        # points: without them the last ones are not reached, all others are
        assert all(at > len(self.names) * _SURE for at in self.missed), said

    def kills(self, node: MortalNode) -> bool:
        """Whether the daemon was killed at the chosen point."""
        died = node.dies()
        if died:
            self.missed.pop()
        return died
