"""What is measured: Plurimus with and without drivers, and Multus with its daemon.

Each has an API server of its own, a bridge of its own and folders of its own; plugins, pods and NIC are the same.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.interop.apiserver import ApiServer
from tests.interop.multus import PEERS as PEERS
from tests.interop.multus import MultusDaemon, kubeconfig

from bench import meters, networks
from bench.make_subject import switched_off
from bench.networks import BIN, NODE, Pod
from bench.process import Call, Run, run

ROOT = Path(__file__).resolve().parent.parent
SHIM, DAEMON = ROOT / "build/plurimus-shim", ROOT / ".venv/bin/plurimus"
_PATIENCE = 60.0


class Candidate(ABC):
    """A meta-plugin; `number` makes its networks its own."""

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.folder = networks.FOLDER / name
        self.folder.mkdir()
        self.api = ApiServer(self.folder / "api")
        self.api.start()
        self.default = networks.default_network(number, self.folder)
        self.group: meters.Group | None = None
        self.pid = 0
        self._conf = b""

    @abstractmethod
    def start(self) -> None:
        """Start its daemon, if it has one, and wait until it serves."""

    @abstractmethod
    def stop(self) -> None:
        """End its daemon."""

    @property
    @abstractmethod
    def plugin(self) -> Path:
        """What a runtime calls."""

    def close(self) -> None:
        self.stop()
        self.api.stop()

    def call(self, pod: Pod, verb: str) -> Call:
        return Call((str(self.plugin),), pod.environment(verb), self._conf)

    def run(self, pod: Pod, verb: str) -> Run:
        return run(self.call(pod, verb))

    def addresses(self) -> int:
        """How many addresses host-local holds."""
        return sum(path.name[0].isdigit() for path in (self.folder / "ipam").glob("*/*"))

    def _follow(self, pid: int) -> None:
        self.pid, self.group = pid, meters.Group(self.name)
        self.group.add(pid)

    def _forget(self) -> None:
        if self.group is not None:
            self.group.close()
            self.group = None


class Plurimus(Candidate):
    """Shim and daemon of this checkout; `executables` are the plugin types that have no driver."""

    plugin = SHIM

    def __init__(self, name: str, number: int, executables: list[str]) -> None:
        super().__init__(name, number)
        paths = {"socketDir": self.folder / "socket", "cniDir": self.folder / "state", "binDir": BIN,
                 "clusterNetwork": self.folder / "default.conf", "kubeconfig": self.folder / "kubeconfig"}  # fmt: skip
        paths["clusterNetwork"].write_text(json.dumps(self.default))
        paths["kubeconfig"].write_text(json.dumps(kubeconfig(self.api)))
        config: dict[str, Any] = {key: str(path) for key, path in paths.items()}
        self._socket = paths["socketDir"] / "multus.sock"
        # `slow` is macvlan and a pause
        told = config | {"executables": executables, "independentPlugins": ["slow"]}
        (self.folder / "daemon.json").write_text(json.dumps(told))
        asked = {"cniVersion": "1.0.0", "name": "plurimus", "type": "plurimus", "daemonSocketDir": config["socketDir"]}
        self._conf = json.dumps(
            {**asked, "cniDir": config["cniDir"], "clusterNetwork": config["clusterNetwork"]}
        ).encode()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        env = {"PATH": os.environ["PATH"], "MULTUS_NODE_NAME": NODE}
        with (self.folder / "log").open("ab") as log:
            command = [str(DAEMON), "daemon", "--config", str(self.folder / "daemon.json")]
            self._process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._follow(self._process.pid)
        end = time.monotonic() + _PATIENCE
        while not self._socket.exists():
            if self._process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"bench: {self.name} does not start:\n{(self.folder / 'log').read_text()}")
            time.sleep(0.01)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(_PATIENCE)
            self._process = None
            self._forget()


class Thick(Candidate):
    """Multus' daemon, and its shim."""

    plugin = PEERS / "multus-shim"

    def __init__(self, name: str, number: int) -> None:
        super().__init__(name, number)
        folders = {"binDir": str(BIN), "cniDir": str(self.folder / "state")}
        self._daemon = _OnNode(self.folder / "multus", self.api, self.default, cniVersion="1.0.0", **folders)

    def start(self) -> None:
        self._daemon.start()
        self._follow(self._daemon.pid)
        conf = json.loads(self._daemon.generated.read_bytes())
        if "plugins" in conf:
            conf = {**conf["plugins"][0], "name": conf["name"], "cniVersion": conf["cniVersion"]}
        self._conf = json.dumps(conf).encode()

    def stop(self) -> None:
        if self.group is not None:
            self._daemon.stop()
            self._forget()


class _OnNode(MultusDaemon):
    """The daemon as its manifest starts it: it knows the node, and watches that node's pods."""

    pid = 0

    def launch(self, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        process = super().launch({**environment, "MULTUS_NODE_NAME": NODE})
        self.pid = process.pid
        return process


OURS, OURS_EXECUTABLES, THICK = "plurimus", "plurimus-executables", "multus-thick"
NAMES = (OURS, OURS_EXECUTABLES, THICK)


def make(name: str, number: int) -> Candidate:
    """The candidate called `name`, not started."""
    if name == OURS:
        return Plurimus(name, number, [])
    if name == OURS_EXECUTABLES:
        return Plurimus(name, number, switched_off())
    return Thick(name, number)
