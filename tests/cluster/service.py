"""One program that runs beside the tests, with its log in a file."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.patience import SLOWER
from tests.sources import ENVIRONMENT

PATIENCE = 120.0 * SLOWER
"""Seconds a program may take to get ready or to end: guards against hanging on a busy machine, and nothing else."""
_SHOWN = 30
_WIDTH = 400


class ServiceError(Exception):
    """A program ended or did not get ready; the text has the end of its log."""


class Service:
    """`ready` is asked until it says yes, each time the program was started; it raises nothing."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        log: Path,
        ready: Callable[[], bool],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name, self.log = name, log
        self._command, self._ready = command, ready
        self._environment = {**(os.environ if environment is None else environment), **ENVIRONMENT}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the program that runs."""
        if self._process is None:
            raise ServiceError(f"{self.name} does not run")
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Start it; it ends with the thread that called this, however that ends."""
        # the parent's death is told by the kernel: pytest may be killed, too
        command = ["setpriv", "--pdeathsig", "KILL", "--", *self._command]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment
            )

    def wait(self) -> None:
        """Wait until it is ready."""
        assert self._process is not None
        end = time.monotonic() + PATIENCE
        while not self._ready():
            if self._process.poll() is not None:
                raise ServiceError(f"{self.name} ended with {self._process.returncode}:\n{tail(self.log)}")
            if time.monotonic() > end:
                raise ServiceError(f"{self.name} is not ready after {PATIENCE:.0f} s:\n{tail(self.log)}")
            time.sleep(0.05)

    def stop(self, *, kindly: bool = False) -> None:
        """End it, at once or by the signal it may handle."""
        if self._process is not None:
            self._process.terminate() if kindly else self._process.kill()
            self._process.wait(PATIENCE)
            self._process = None


def tail(log: Path) -> str:
    """The end of a log; empty where there is none."""
    text = log.read_text(errors="replace") if log.exists() else ""
    return "\n".join(line[:_WIDTH] for line in text.splitlines()[-_SHOWN:])
