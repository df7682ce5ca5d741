"""A node without a daemon: each call of the runtime is a process that reads all it needs from its configuration."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from plurimus.node import thin
from tests.sources import PYTHON

from . import scripts
from .daemon import Node
from .process import TOLD
from .runtime import Answer, Sandbox


class ThinNode(Node):
    """`config` goes into the node's CNI configuration; calls log to `log`."""

    def start(self) -> None:
        """Name the program that calls become; there is nothing to start."""
        self.program = self.folder / "program"
        self.program.write_text("".join(f"{word}\n" for word in thin.program(PYTHON)))
        self.log.touch()
        self.script("told", TOLD.format(folder=str(self.folder)) + scripts.recorder(self.calls))

    def stop(self) -> None:
        """There is nothing to stop."""

    def reset(self) -> None:
        (self.folder / "wait").unlink(missing_ok=True)
        super().reset()
        self.start()
        self.log.write_text("")

    def netconf(self, cluster_network: Mapping[str, Any], version: str = "1.1.0") -> dict[str, Any]:
        made = super().netconf(cluster_network, version) | {
            key: value for key, value in self.config.items() if key != "socketDir"
        }
        return made | {"program": str(self.program), "logToStderr": False, "logFile": str(self.log)}

    def call(self, verb: str, conf: Mapping[str, Any] | None, env: Mapping[str, str] | None = None) -> Answer:
        """As a runtime, which has a PATH: here plugins find their programs by it."""
        return super().call(verb, conf, {"PATH": os.environ["PATH"], **(env or {})})

    def told(self, *before: Mapping[str, Any]) -> Sandbox:
        """A sandbox whose one network has a plugin that does as it is told, behind `before`."""
        chain = {"cniVersion": "1.0.0", "name": "pods", "plugins": [*before, {"type": "told"}]}
        return self.sandbox(cluster_network=chain)

    def made(self) -> list[str]:
        """The verbs of the plugin's calls that ended."""
        return [call["verb"] for call in scripts.calls(self.calls)]

    def logged(self, words: str) -> bool:
        """Whether a call said so."""
        return any(words in json.loads(line)["event"] for line in self.log.read_text().splitlines())

    def spooled(self) -> list[str]:
        spool = self.state / ".spool"
        return sorted(path.name for path in spool.glob("*.json")) if spool.exists() else []
