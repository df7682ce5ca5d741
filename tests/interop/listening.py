"""A daemon that only writes down what shims ask it, in the words of HTTP."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

RESULT = {"cniVersion": "1.1.0", "interfaces": [{"name": "eth0", "sandbox": "/run/netns/pod"}]}


class Listening:
    """Answers requests one by one; `paths` are those it has, each with 200, all others get 404."""

    def __init__(self, folder: Path, *paths: str) -> None:
        self.asked: list[str] = []
        self._paths = paths
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(folder / "multus.sock"))
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                channel, _ = self._socket.accept()
            except OSError:
                return
            with channel, channel.makefile("rb") as request:
                method, path, _ = request.readline().decode().split()
                headers = dict(
                    line.decode().rstrip().lower().split(": ", 1) for line in iter(request.readline, b"\r\n")
                )
                request.read(int(headers.get("content-length", 0)))
                self.asked.append(f"{method} {path}")
                body = json.dumps({"Result": RESULT}) if path == "/cni" else ""
                status = "200 OK" if path in self._paths else "404 Not Found"
                head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
                channel.sendall(f"{head}{body}".encode())
