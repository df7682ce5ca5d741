"""Plurimus on the tests' node without a daemon: a process for each call of the runtime, and what keeps their files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from plurimus.adapters.kubeconfig import SERVICE_ACCOUNT
from tests.cluster import deployed, objects
from tests.cluster.controlplane import SERVICE_ADDRESS, SERVICE_PORT, ControlPlane
from tests.cluster.node import Node
from tests.cluster.service import Service
from tests.node.daemon import PLURIMUS, SHIM
from tests.sources import PYTHON

from .plurimus import Plurimus


class Thin(Plurimus):
    """`daemon` is `plurimus thin`, with the identity a container of the DaemonSet has."""

    def __init__(self, folder: Path, node: Node, control_plane: ControlPlane) -> None:
        super().__init__(folder, node, control_plane)
        self.kept = node.confdir / "plurimus.d"
        self.calls = folder / "calls.log"
        environment = {
            "MULTUS_NODE_NAME": node.name,
            "KUBERNETES_SERVICE_HOST": SERVICE_ADDRESS,
            "KUBERNETES_SERVICE_PORT": str(SERVICE_PORT),
        }
        command = [PLURIMUS, "thin", "--config", self._config, "--python", PYTHON]
        self.daemon = Service("plurimus", command, folder / "plurimus.log", self._conflist.exists, environment)

    def _write_token(self) -> None:
        """A token of the service account where kubelet writes a container's."""
        SERVICE_ACCOUNT.mkdir(parents=True, exist_ok=True)
        (SERVICE_ACCOUNT / "token").write_text(deployed.token(self._control_plane.admin))

    def _give_rights(self, manifest: str) -> None:
        """Those of a manifest, in place of what the service account had."""
        for thing in deployed.manifest(manifest):
            if thing["kind"] in ("ClusterRole", "Role", "RoleBinding"):
                objects.ensure(self._control_plane.admin, thing)
                self._control_plane.admin.put(objects.path(thing), thing)

    def kept_token(self) -> str:
        """The token that calls use."""
        token: str = json.loads((self.kept / "kubeconfig").read_bytes())["users"][0]["user"]["token"]
        return token

    def _set_up(self) -> None:
        (self._node.bin / "plurimus").symlink_to(SHIM)
        self._give_rights("plurimus-thin.yaml")
        self._write_token()
        shutil.copy(self._control_plane.ca, SERVICE_ACCOUNT / "ca.crt")
        self._configure()
        self.daemon.start()
        self.restart_runtime()

    def _take_down(self) -> None:
        self.daemon.stop()
        self._give_rights("plurimus.yaml")
        for thing in deployed.manifest("plurimus-thin.yaml"):
            if thing["kind"] in ("Role", "RoleBinding"):
                self._control_plane.admin.delete(objects.path(thing))
        shutil.rmtree(self.kept, ignore_errors=True)
        shutil.rmtree(SERVICE_ACCOUNT, ignore_errors=True)
        super()._take_down()

    def _configure(self, **config: Any) -> None:
        own = {
            "multusAutoconfigDir": str(self._node.confdir),
            "cniConfigDir": str(self._node.confdir),
            "cniDir": str(self.state),
            "binDir": str(self._node.bin),
            "logLevel": "debug",
            "logToStderr": False,
            "logFile": str(self.calls),
        }
        self._config.write_text(json.dumps(own | config))
