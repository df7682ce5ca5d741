"""Multus' daemon as it runs in its pod, and one HTTP request to a daemon's socket."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from tests.node.daemon import ROOT

from .apiserver import TOKEN, ApiServer

PEERS = ROOT / "build/peers"
BARRIERS = "barriers"
"""The namespace of a definition that is there for `wait_until_seen`."""
_IN_CLUSTER = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_PATIENCE = 60.0
_numbers = count(1)


class MultusDaemon:
    """The daemon with all its files in `folder`; `keys` are laid over its configuration."""

    def __init__(self, folder: Path, api: ApiServer, default: Mapping[str, Any], **keys: Any) -> None:
        folder.mkdir()
        self._folder = folder
        self._api = api
        self._process: subprocess.Popen[bytes] | None = None
        self.wrapper: list[str] = []
        """What is put before the daemon's command."""
        self.socket_dir, self.generated, self.log = folder / "socket", folder / "00-multus.conf", folder / "log"
        self.default = folder / "10-default.conf"
        self.default.write_text(json.dumps(default))
        config = {
            "cniVersion": "1.1.0",
            "logLevel": "verbose",
            "logToStderr": True,
            "multusConfigFile": "auto",
            "cniConfigDir": str(folder),
            "multusAutoconfigDir": str(folder),
            "socketDir": str(self.socket_dir),
            "daemonSocketDir": str(self.socket_dir),
        }
        self._config = config | keys
        (folder / "kubeconfig").write_text(json.dumps(kubeconfig(api)))

    @property
    def kubeconfig(self) -> str:
        """A file for the thin plugin, which has no daemon to speak to the cluster for it."""
        return str(self._folder / "kubeconfig")

    @contextmanager
    def configured(self, **keys: Any) -> Iterator[None]:
        """The daemon with `keys` laid over its configuration, until the end of the context."""
        self.stop()
        self.start(**keys)
        try:
            yield
        finally:
            self.let_go()

    def start(self, **keys: Any) -> None:
        """Start, and wait until it serves: only then it writes the node's CNI configuration, `generated`."""
        self._put_barrier()
        (self._folder / "daemon-config.json").write_text(json.dumps(self._config | keys))
        self.launch({"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(self._api.port)})
        end = time.monotonic() + _PATIENCE
        while not self._has_generated():
            assert self._process is not None
            assert self._process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.01)

    def _has_generated(self) -> bool:
        """Whether the configuration is there, and whole: it is written in place (S3)."""
        try:
            json.loads(self.generated.read_bytes())
        except (FileNotFoundError, ValueError):
            return False
        return True

    def launch(self, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Only the process, with `environment`; a cluster's credentials are where a pod has them."""
        _IN_CLUSTER.mkdir(parents=True, exist_ok=True)
        (_IN_CLUSTER / "token").write_text(TOKEN)
        (_IN_CLUSTER / "ca.crt").write_bytes(self._api.ca.read_bytes())
        command = [*self.wrapper, PEERS / "multus-daemon", "-config", self._folder / "daemon-config.json"]
        with self.log.open("ab") as log:
            env = {"PATH": os.environ["PATH"], **environment}
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=env)
        return self._process

    def stop(self) -> None:
        """End it; with it goes the configuration it generated (S3)."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(_PATIENCE)
            self._process = None
            assert not self.generated.exists()

    def end(self) -> None:
        """Stop it, or sweep up behind one that was killed."""
        if self._process is not None and self._process.poll() is not None:
            self._process = None
            self.generated.unlink(missing_ok=True)
        self.stop()

    def let_go(self) -> None:
        """Start anew: it holds every namespace open in which it looked for an interface, until Go collects garbage."""
        self.stop()
        self.start()

    def wait_until_seen(self) -> None:
        """Until it has seen all definitions of the API server: it only reads them from its informer (S29).

        What happened last is seen last: of a definition that names a plugin nobody has, STATUS tells which one.
        """
        if self._process is None:
            return
        plugin = self._put_barrier()
        asked = {"cniVersion": "1.1.0", "name": "node", "clusterNetwork": "barrier", "multusNamespace": BARRIERS}
        end = time.monotonic() + _PATIENCE
        while f'"{plugin}"' not in (answer := self.post({"CNI_COMMAND": "STATUS"}, asked)[1].decode()):
            assert time.monotonic() < end, answer
            time.sleep(0.005)

    def _put_barrier(self) -> str:
        plugin = f"none-{next(_numbers)}"
        conf = json.dumps({"cniVersion": "1.1.0", "name": "barrier", "type": plugin})
        self._api.store.put(("network-attachment-definitions", BARRIERS, "barrier"), {"spec": {"config": conf}})
        return plugin

    def post(self, env: Mapping[str, str], config: Mapping[str, Any]) -> tuple[int, bytes]:
        """One CNI request, past any shim."""
        encoded = base64.b64encode(json.dumps(config).encode()).decode()
        return http(self.socket_dir, "POST", "/cni", json.dumps({"env": env, "config": encoded}))


def http(socket_dir: Path, method: str, path: str, body: str = "") -> tuple[int, bytes]:
    """Status and body of one request to the daemon in `socket_dir`; no status where it broke off."""
    with socket.socket(socket.AF_UNIX) as channel:
        channel.settimeout(_PATIENCE)
        channel.connect(str(socket_dir / "multus.sock"))
        channel.sendall(f"{method} {path} HTTP/1.0\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        answer = b"".join(iter(lambda: channel.recv(65536), b""))
    head, _, content = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]) if head else 0, content


def kubeconfig(api: ApiServer) -> dict[str, Any]:
    """What tells a client where the API server is, and who it is there."""
    server = {"server": f"https://127.0.0.1:{api.port}", "certificate-authority": str(api.ca)}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "tests",
        "clusters": [{"name": "tests", "cluster": server}],
        "users": [{"name": "multus", "user": {"token": TOKEN}}],
        "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "multus"}}],
    }
