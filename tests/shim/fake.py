"""A daemon for tests of the shim: it writes down what it is asked and answers the bytes it was told to."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

Step = bytes | float
"""Bytes to send, or seconds to let pass before the next step; the connection is closed after the last one."""

FOREVER = 1e6
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
UNREAD = b""
"""As the first step: the body of the request is not read, so the connection ends with a reset."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One HTTP request of the shim."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        """The body, which is JSON in UTF-8."""
        document: dict[str, Any] = json.loads(self.body.decode())
        return document

    @property
    def env(self) -> dict[str, str]:
        env: dict[str, str] = self.document["env"]
        return env

    @property
    def stdin(self) -> bytes:
        return base64.b64decode(self.document["config"], validate=True)


def http(status: int, body: bytes = b"", **headers: str) -> bytes:
    """A whole answer; underscores in the names of headers stand for hyphens."""
    lines = {"Content-Length": str(len(body)), **{name.replace("_", "-"): value for name, value in headers.items()}}
    head = f"HTTP/1.1 {status} Whatever\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return head.encode() + b"\r\n" + body


def plurimus(body: bytes, exit_code: int = 0) -> bytes:
    """An answer of our own daemon: the exact standard output, and the exit code."""
    return http(400 if exit_code else 200, body, Plurimus_Exit=str(exit_code), Content_Type="application/json")


class FakeDaemon:
    """Listens on `folder/multus.sock`; healthy, and answers `/cni` with an empty success, unless told otherwise.

    One of `ours` says at once that it has the request, unless it is not to `tell`; Multus' own lacks that path, which
    is not written down.
    """

    def __init__(self, folder: Path, *, ours: bool = True) -> None:
        self.folder = folder
        self.tell = True
        self.asked: list[Asked] = []
        self._ours = ours
        self._answers: dict[str, list[Sequence[Step]]] = {
            "/readyz": [(http(200),)],
            "/healthz": [(http(200),)],
            "/cni": [(plurimus(b""),)],
        }
        self._stop = threading.Event()
        self._listener = socket.socket(socket.AF_UNIX)
        self._threads: list[threading.Thread] = []

    def answers(self, path: str, *steps: Step) -> Self:
        """Answer `path` so from now on."""
        self._answers[path] = [steps]
        return self

    def first_answers(self, path: str, *steps: Step, times: int = 1) -> Self:
        """Answer the next requests for `path` so, before those after them as told already."""
        self._answers[path] = [steps] * times + self._answers[path]
        return self

    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]

    @property
    def cni(self) -> Asked:
        """The one request for `/cni`."""
        (asked,) = [asked for asked in self.asked if asked.path.startswith("/cni")]
        return asked

    def __enter__(self) -> Self:
        self.folder.mkdir(exist_ok=True)
        self._listener.bind(str(self.folder / "multus.sock"))
        self._listener.listen(16)
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()

    def _start(self, target: Any, *args: Any) -> None:
        thread = threading.Thread(target=target, args=args)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(OSError):
                connection, _ = self._listener.accept()
                self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = connection.recv(1)
            if not byte:
                return
            head += byte
        request, *lines = head.decode().splitlines()[:-1]
        method, path, version = request.split()
        assert version == "HTTP/1.1"
        headers = dict(line.split(": ", 1) for line in lines)
        at_once = path == "/cni/now"
        assert at_once == (headers.get("Expect") == "100-continue")
        if at_once and not self._ours:
            connection.sendall(http(404, b"404 page not found\n"))
            return
        queue = self._answers["/cni" if at_once else path]
        steps = queue.pop(0) if len(queue) > 1 else queue[0]
        if at_once and self.tell:
            connection.sendall(CONTINUE)
        body = b"" if steps[:1] == (UNREAD,) else _body(connection, headers)
        self.asked.append(Asked(method, path, headers, body))
        for step in steps:
            if isinstance(step, float):
                self._stop.wait(step)
            else:
                connection.sendall(step)


def _body(connection: socket.socket, headers: dict[str, str]) -> bytes:
    length, body = int(headers["Content-Length"]), bytearray()
    while len(body) < length:
        data = connection.recv(65536)
        if not data:
            break
        body += data
    return bytes(body)
