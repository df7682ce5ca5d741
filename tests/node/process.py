"""The daemon as a process: started, ended, killed; what it logs; and one plugin that does as it is told."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from plurimus.adapters import netns
from tests.patience import SLOWER

from . import scripts
from .daemon import PLURIMUS, SHIM, Node
from .runtime import Answer, Sandbox, launched

PATIENCE = 30.0 * SLOWER
TOLD = """
import time
from pathlib import Path
told = Path({folder!r})
if env["CNI_COMMAND"] == "DEL" and (told / "refuse").exists():
    print(json.dumps({{"code": 120, "msg": "told to refuse"}}))
    sys.exit(1)
(told / "started").touch()
while (told / "wait").exists():
    time.sleep(0.01)
"""


def eventually(holds: Callable[[], bool], what: Callable[[], object]) -> None:
    """Wait until it is so; `what` is shown when that takes too long."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, what()
        time.sleep(0.01)


def launch(sandbox: Sandbox, verb: str) -> subprocess.Popen[bytes]:
    """A call of the runtime that runs beside the test."""
    env = {"CNI_COMMAND": verb, "CNI_PATH": str(sandbox.node.bin), **sandbox.environment()}
    return launched(SHIM, env, sandbox.netconf)


def begin(sandbox: Sandbox, verb: str) -> subprocess.Popen[bytes]:
    """One whose plugin, which is `told`, has been started and goes on until `go`."""
    folder = sandbox.node.folder
    (folder / "started").unlink(missing_ok=True)
    (folder / "wait").touch()
    call = launch(sandbox, verb)
    eventually((folder / "started").exists, sandbox.node.log.read_text)
    return call


def end(call: subprocess.Popen[bytes]) -> Answer:
    """Wait for a call that was launched."""
    stdout, _ = call.communicate(timeout=PATIENCE)
    return Answer(call.returncode, stdout)


def go(node: Node) -> None:
    """Let the plugin end."""
    (node.folder / "wait").unlink()


def refuses_to_start(config: Path, *wrapper: str) -> str:
    """What a daemon says that does not start, in one line on stderr after its log."""
    done = subprocess.run(
        [*wrapper, PLURIMUS, "daemon", "--config", config],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    *log, said = done.stderr.splitlines()
    assert all(json.loads(line) for line in log)
    assert said.startswith("plurimus: ")
    return said


class Daemon(Node):
    """A node without real plugins: the default network of its pods is the plugin `told`."""

    def __enter__(self) -> Self:
        self.script("told", TOLD.format(folder=str(self.folder)) + scripts.recorder(self.calls))
        return self

    def __exit__(self, *_: object) -> None:
        (self.folder / "wait").unlink(missing_ok=True)
        if self._daemon is not None:
            self.kill()
        for sandbox in self.sandboxes:
            netns.delete(sandbox.netns)

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._daemon is not None
        return self._daemon

    def kill(self) -> None:
        """As the kernel does when memory is short."""
        self.process.kill()
        self.process.wait(PATIENCE)
        self._daemon = None

    def pod(self) -> Sandbox:
        return self.sandbox(cluster_network={"cniVersion": "1.0.0", "name": "pods", "type": "told"})

    def begin(self, sandbox: Sandbox, verb: str) -> subprocess.Popen[bytes]:
        return begin(sandbox, verb)

    def go(self) -> None:
        go(self)

    def refuse_to_delete(self, refuse: bool) -> None:
        if refuse:
            (self.folder / "refuse").touch()
        else:
            (self.folder / "refuse").unlink()

    def made(self) -> list[str]:
        """The plugin's calls that ended."""
        return [
            f"{call['verb']} {call['env'].get('CNI_CONTAINERID', '')}".strip() for call in scripts.calls(self.calls)
        ]

    def spooled(self) -> list[str]:
        spool = self.state / ".spool"
        return sorted(path.name for path in spool.iterdir()) if spool.exists() else []

    def lines(self) -> list[dict[str, Any]]:
        """The log; each line is an object."""
        found: list[dict[str, Any]] = [json.loads(line) for line in self.log.read_text().splitlines()]
        return found

    def logged(self, event: str) -> list[Mapping[str, Any]]:
        return [line for line in self.lines() if line["event"] == event]

    def asks(self, path: str, body: bytes = b"") -> int:
        """The status of an answer; 0 where nobody listens."""
        with socket.socket(socket.AF_UNIX) as channel:
            if channel.connect_ex(self._socket) != 0:
                return 0
            head = f"POST {path} HTTP/1.1\r\nHost: node\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            channel.sendall(head + body)
            return int(channel.makefile("rb").readline().split()[1])

    def answer(self, path: str) -> bytes:
        """What is answered to a GET."""
        with socket.socket(socket.AF_UNIX) as channel:
            channel.connect(self._socket)
            channel.sendall(f"GET {path} HTTP/1.1\r\nHost: node\r\n\r\n".encode())
            _, _, body = channel.makefile("rb").read().partition(b"\r\n\r\n")
        return body
