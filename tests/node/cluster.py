"""A node whose daemon keeps the node's CNI configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from plurimus.cni import conf

from .process import Daemon
from .runtime import Sandbox

DEFAULT = {"cniVersion": "1.1.0", "name": "pods", "type": "told", "capabilities": {"portMappings": True}}


class Cluster(Daemon):
    """`etc` is the folder the runtime reads, `ours` the file in it."""

    def __init__(self, folder: Path, **keys: Any) -> None:
        self.etc = folder / "etc"
        self.etc.mkdir()
        self.ours = self.etc / "00-plurimus.conflist"
        super().__init__(folder, multusAutoconfigDir=str(self.etc), cniConfigDir=str(self.etc), **keys)
        self.config["daemonSocketDir"] = self.config["socketDir"]

    def default_network(self, name: str = "10-pods.conf", **keys: Any) -> None:
        """A default network, as its own daemon would put it there."""
        (self.etc / f".{name}").write_text(json.dumps(DEFAULT | keys))
        (self.etc / f".{name}").rename(self.etc / name)

    def stdin(self, **more: Any) -> dict[str, Any]:
        """What a runtime of CNI 1.1 sends the shim by the first file in the folder."""
        first = min(path for path in self.etc.iterdir() if path.suffix in (".conf", ".conflist"))
        read = conf.parse(first.read_bytes())
        made: dict[str, Any] = json.loads(conf.derive(read, read.plugins[0], extra=more))
        return made

    def sandbox_of_runtime(self) -> Sandbox:
        made = self.pod()
        made.netconf = self.stdin()
        return made
