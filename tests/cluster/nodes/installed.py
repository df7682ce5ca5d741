"""Plurimus as an administrator puts it on a node: by its own commands, at the places every node has."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.cluster.controlplane import ControlPlane
from tests.cluster.node import Node
from tests.cluster.service import PATIENCE, Service
from tests.cluster.waiting import eventually
from tests.node.daemon import PLURIMUS
from tests.sources import ENVIRONMENT

from .places import CONFIGURATIONS, PLUGINS, SOCKETS, STATE
from .plurimus import Plurimus

DAEMON_FILE = CONFIGURATIONS / "multus.d/daemon-config.json"
CONFLIST = CONFIGURATIONS / "00-plurimus.conflist"


class Installed(Plurimus):
    """The node is as it is without Plurimus until `install`, and again when the block ends."""

    def __init__(self, folder: Path, node: Node, control_plane: ControlPlane) -> None:
        super().__init__(folder, node, control_plane)
        self.state, self.sockets = STATE, SOCKETS
        path = f"{PLURIMUS.parent}:/usr/sbin:/usr/bin:/sbin:/bin"
        self.environment = {"PATH": path, "MULTUS_NODE_NAME": node.name, **ENVIRONMENT}
        self.daemon = Service(
            "plurimus", [PLURIMUS, "daemon"], folder / "plurimus.log", self._listens, self.environment
        )

    def install(self, *options: str | Path) -> list[dict[str, str]]:
        """What `plurimus install` did."""
        return self.command("install", *options)

    def uninstall(self) -> list[dict[str, str]]:
        """What `plurimus uninstall` did."""
        return self.command("uninstall")

    def command(self, *words: str | Path) -> list[dict[str, str]]:
        """What a command of Plurimus, which must succeed, shows as JSON."""
        done = subprocess.run(
            [PLURIMUS, *words, "--output", "json"], capture_output=True, text=True, check=False, timeout=PATIENCE,
            env=self.environment,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        rows: list[dict[str, str]] = json.loads(done.stdout)
        return rows

    def start(self) -> None:
        """Start the daemon and wait until the node's CNI configuration is its own."""
        self.daemon.start()
        eventually(lambda: self.configurations()[0], lambda first: first == CONFLIST.name)

    @staticmethod
    def configurations() -> list[str]:
        """The CNI configurations of the node, in a runtime's order."""
        return sorted(path.name for path in CONFIGURATIONS.glob("*.conf*"))

    @staticmethod
    def programs() -> list[str]:
        """The programs that are there beside the reference plugins."""
        return sorted(path.name for path in PLUGINS.iterdir() if not path.is_symlink())

    def _set_up(self) -> None:
        self._configure()

    def _take_down(self) -> None:
        self.daemon.stop()
        for path in (*CONFIGURATIONS.glob("00-*"), *(PLUGINS / name for name in self.programs()), DAEMON_FILE):
            path.unlink(missing_ok=True)
        self.restart_runtime()

    def _configure(self, **config: Any) -> None:
        own = {
            "kubeconfig": str(self._kubeconfig()),
            "multusAutoconfigDir": str(CONFIGURATIONS),
            "logLevel": "debug",
        }
        DAEMON_FILE.parent.mkdir(exist_ok=True)
        DAEMON_FILE.write_text(json.dumps(own | config))
