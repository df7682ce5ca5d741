"""Start one program as a container runtime does, and take the time until it has ended.

posix_spawn and a memory file for stdin keep what Python itself costs out of the figure.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Run:
    """How one program ended; `seconds` is wall time from its start to its end."""

    status: int
    stdout: bytes
    seconds: float


def run(argv: list[str], *, env: Mapping[str, str], stdin: bytes = b"") -> Run:
    """Run `argv` to its end; what it writes to stderr goes where ours goes."""
    source, output = _memory(stdin), _memory(b"")
    actions = [(os.POSIX_SPAWN_DUP2, source, 0), (os.POSIX_SPAWN_DUP2, output, 1)]
    try:
        started = time.perf_counter()
        pid = os.posix_spawn(argv[0], argv, env, file_actions=actions)
        _, status = os.waitpid(pid, 0)
        seconds = time.perf_counter() - started
        return Run(os.waitstatus_to_exitcode(status), os.pread(output, 1 << 20, 0), seconds)
    finally:
        os.close(source)
        os.close(output)


def _memory(content: bytes) -> int:
    handle = os.memfd_create("bench", os.MFD_CLOEXEC)
    os.pwrite(handle, content, 0)
    return handle
