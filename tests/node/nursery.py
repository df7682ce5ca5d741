"""Daemons in next to no time: a process that has imported all of one, and forks whenever one is wanted.

Run as a program it reads a line for each: the configuration's path, its log's, that of the points it passes, the
number of the fatal one, whether they count from the start on.  SIGUSR1 has a daemon count its points from then on.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

from plurimus.cli import lean  # noqa: F401 - before all that logs
from plurimus.core.config import ConfigFile, parse
from plurimus.node import daemon, drivers, logs

from .faultpoints import Points

ROOT = Path(__file__).resolve().parents[2]
ARMED = ".armed"
"""What the name of a file ends in that is there once the points count, behind the name of their log."""


class Born:
    """A daemon, with what is needed of `subprocess.Popen`."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._handle = os.pidfd_open(pid)
        self._ended = False

    def poll(self) -> int | None:
        return 0 if self._has_ended(0) else None

    def wait(self, seconds: float) -> int:
        """0; who asks why it ended reads its log."""
        assert self._has_ended(seconds), f"process {self.pid} goes on after {seconds} s"
        return 0

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def arm(self) -> None:
        self._signal(signal.SIGUSR1)

    def _signal(self, number: signal.Signals) -> None:
        if not self._ended:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, number)

    def _has_ended(self, seconds: float) -> bool:
        if not self._ended and select.select([self._handle], [], [], seconds)[0]:
            os.close(self._handle)
            self._ended = True
        return self._ended


class Nursery:
    """Use it as a context manager."""

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.node.nursery"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()
        assert self._process.returncode == 0

    def bear(self, config: Path, log: Path, points: Path, *, fatal: int = 0, from_start: bool = False) -> Born:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        wanted = {"config": str(config), "log": str(log), "points": str(points), "fatal": fatal, "start": from_start}
        self._process.stdin.write(json.dumps(wanted) + "\n")
        self._process.stdin.flush()
        return Born(int(self._process.stdout.readline()))


def _be(wanted: dict[str, Any]) -> None:
    log = os.open(wanted["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    null = os.open(os.devnull, os.O_RDWR)
    for ours, theirs in ((null, 0), (null, 1), (log, 2)):
        os.dup2(ours, theirs)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    points = Points(wanted["points"], wanted["fatal"])
    points.install()

    def arm(*_: object) -> None:
        Path(wanted["points"] + ARMED).touch()
        points.arm()

    signal.signal(signal.SIGUSR1, arm)
    loaded: ConfigFile = daemon.load(Path(wanted["config"]))
    logs.configure(loaded.daemon)
    if wanted["start"]:
        points.arm()
    asyncio.run(daemon.run(loaded))


def main() -> None:
    # all that a daemon imports late is imported here
    drivers.plugins(parse(b"{}").daemon, ahead=True)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                _be(json.loads(line))
                status = 0
            finally:
                os._exit(status)
        print(pid, flush=True)


if __name__ == "__main__":
    main()
