"""A node whose daemon is killed at a point of its choice, and what a runtime does about it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .daemon import Node
from .nursery import ARMED, Born, Nursery
from .process import eventually
from .runtime import Sandbox

_LONG_AGO = 3600.0
"""Seconds since which what a killed process was writing has been there, once the next one starts."""


class MortalNode(Node):
    """Its daemons come out of a nursery, and pass points."""

    def __init__(self, folder: Path, nursery: Nursery, **config: Any) -> None:
        super().__init__(folder, **config)
        self._nursery = nursery
        self.points = folder / "points"
        self.fatal, self.from_start = 0, False

    def spawn(self) -> None:
        path = self.write_config()
        self.points.unlink(missing_ok=True)
        Path(f"{self.points}{ARMED}").unlink(missing_ok=True)
        self._daemon = self._nursery.bear(path, self.log, self.points, fatal=self.fatal, from_start=self.from_start)

    def arm(self) -> None:
        """Let the daemon's points count from now on."""
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

    def start_anew(self, *, fatal: int = 0, from_start: bool = False) -> None:
        """The next daemon, a while later: it is nobody's fault that a file is young."""
        self._wait_for_plugins()
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

    def _wait_for_plugins(self) -> None:
        """Executables that the dead daemon had started end by themselves, or with its container."""
        eventually(lambda: not any(map(self._is_plugin, os.listdir("/proc"))), self.log.read_text)  # noqa: PTH208

    def _is_plugin(self, pid: str) -> bool:
        try:
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        return pid.isdecimal() and any(each.startswith(os.fsencode(f"{self.bin}/")) for each in arguments)


def del_again(node: MortalNode, sandbox: Sandbox) -> None:
    """The runtime tries again with the next daemon."""
    node.start_anew()
    sandbox.delete()


def del_meanwhile(node: MortalNode, sandbox: Sandbox) -> None:
    """The runtime's DEL finds no daemon, and is paid by the next one."""
    sandbox.delete()
    node.start_anew()


def never_again(node: MortalNode, sandbox: Sandbox) -> None:
    """The node goes down, and with it every namespace; nobody ever asks for the pod again."""
    node.lose(sandbox)
    node.start_anew()


WAYS: Mapping[str, Callable[[MortalNode, Sandbox], None]] = {
    "again": del_again, "meanwhile": del_meanwhile, "never": never_again,
}  # fmt: skip
