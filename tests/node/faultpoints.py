"""Points at which a daemon in tests is killed: before each thing it does to the world outside of it.

They are not written into the product, which could forget one.  They are what the interpreter tells of itself (audit
events: files made, renamed, removed, processes started), and what is sent by sockets: each request for a change to
the kernel, each answer to the shim.  Between two of them nothing happens that could be left half done.
"""

from __future__ import annotations

import os
import signal
import socket
import struct
import sys
import threading
from typing import Any

_NAMED = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.utime", "os.chmod",
          "os.posix_spawn")  # fmt: skip
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_ELSEWHERE = ("/proc", "/dev")
_send, _write = socket.socket.send, os.write


class Points:
    """Writes the name of each point to the file `log`, and ends the process at the `fatal`th, if that is not 0.

    They count from `arm` on.
    """

    def __init__(self, log: str, fatal: int) -> None:
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._fatal = fatal
        self._count = 0
        self._armed = False
        self._one_at_a_time = threading.Lock()

    def arm(self) -> None:
        self._armed = True

    def install(self) -> None:
        """From now on all of this process is watched; nothing ever ends that."""
        sys.addaudithook(self._audit)

        def send(channel: socket.socket, data: Any, *flags: int) -> int:
            name = _sent(channel, data)
            if name:
                self.reach(name)
            return _send(channel, data, *flags)

        def write(handle: int, data: Any) -> int:
            if handle > 2:
                self.reach(f"write {len(data)} bytes")
            return _write(handle, data)

        socket.socket.send = send  # type: ignore[method-assign,assignment]
        os.write = write

    def reach(self, name: str) -> None:
        if not self._armed:
            return
        with self._one_at_a_time:
            self._count += 1
            _write(self._log, f"{self._count} {name}\n".encode())
            if self._count == self._fatal:
                os.kill(os.getpid(), signal.SIGKILL)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _NAMED:
            self.reach(" ".join((event, *(os.path.basename(_text(each)) for each in arguments[:2]))))  # noqa: PTH119
        elif event == "open" and arguments[2] is not None and arguments[2] & _WRITING:
            path = _text(arguments[0])
            if not path.startswith(_ELSEWHERE):
                self.reach(f"open {os.path.basename(path)}")  # noqa: PTH119


def _text(argument: Any) -> str:
    return os.fsdecode(argument) if isinstance(argument, str | bytes | os.PathLike) else ""


def _sent(channel: socket.socket, data: Any) -> str:
    """The name of a point: a request to the kernel for a change, or an answer; empty for what changes nothing."""
    if channel.family == socket.AF_NETLINK:
        (kind,) = struct.unpack_from("=H", data, 4)
        if channel.proto == socket.NETLINK_ROUTE and kind % 4 == 2:  # asks, and changes nothing
            return ""
        return f"netlink {channel.proto} {kind}"
    return "answer" if len(data) > 1 else ""  # one byte wakes the loop up
