"""The container runtime's part: the shim is run with an environment and a configuration, and prints what it prints."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SHIM = ROOT / "build/plurimus-shim"
PATIENCE = 60.0
ENV = {
    "CNI_CONTAINERID": "sandbox1",
    "CNI_NETNS": "/run/netns/pod",
    "CNI_IFNAME": "eth0",
    "CNI_ARGS": "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=pod",
    "CNI_PATH": "/opt/cni/bin",
}


@dataclass(frozen=True, slots=True)
class Ended:
    """How one run of the shim ended."""

    status: int
    stdout: bytes
    stderr: bytes

    def refused(self, code: int) -> str:
        """The message of the CNI error on standard output, which has this code and nothing beside it."""
        error: dict[str, Any] = json.loads(self.stdout.decode())
        assert (self.status, error.pop("code"), self.stderr) == (1, code, b""), self
        message = error.pop("msg")
        assert error == {}
        assert isinstance(message, str)
        return message

    def printed(self) -> bytes:
        """Standard output of a run that succeeded and wrote nothing to stderr."""
        assert (self.status, self.stderr) == (0, b""), self
        return self.stdout


def run(
    stdin: bytes, env: Mapping[str, str] | Mapping[bytes, bytes], *argv: str, shim: Path = SHIM, **options: Any
) -> Ended:
    """Run the shim with exactly this environment."""
    done = subprocess.run(
        [shim, *argv], input=stdin, env=dict(env), capture_output=True, timeout=PATIENCE, check=False, **options
    )
    return Ended(done.returncode, done.stdout, done.stderr)


@dataclass(slots=True)
class Node:
    """Where the configuration on a node points to: the socket's folder and the state's, in a folder of the test."""

    folder: Path
    patience: float = 0.2
    """`daemonTimeout`: short where no daemon is going to answer."""

    @property
    def sockets(self) -> Path:
        return self.folder / "socket"

    @property
    def spool(self) -> Path:
        return self.folder / "state/.spool"

    def conf(self, **keys: Any) -> dict[str, Any]:
        """The configuration a runtime hands over; a key that is None is left out."""
        conf = {
            "cniVersion": "1.0.0",
            "name": "node",
            "type": "plurimus",
            "daemonSocketDir": str(self.sockets),
            "cniDir": str(self.folder / "state"),
            "daemonTimeout": self.patience,
        } | keys
        return {key: value for key, value in conf.items() if value is not None}

    def call(self, verb: str, conf: Mapping[str, Any] | bytes | None = None, **env: str) -> Ended:
        """One call of the runtime, with `env` over the usual variables."""
        given = self.conf() if conf is None else conf
        stdin = given if isinstance(given, bytes) else json.dumps(given).encode()
        return run(stdin, {"CNI_COMMAND": verb, **ENV, **env})

    def spooled(self) -> dict[str, bytes]:
        """The files in the spool, hidden ones too."""
        return {path.name: path.read_bytes() for path in self.spool.iterdir()} if self.spool.exists() else {}
