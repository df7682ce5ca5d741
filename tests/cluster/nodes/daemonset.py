"""Plurimus as people put it on a cluster: its image in the node's runtime, and one manifest applied as it is.

Nothing of the manifest is changed for the tests: the node has its folders at the places the manifest names.
"""

from __future__ import annotations

import platform

import pytest

from plurimus.version import VERSION
from tests.cluster import deployed, images
from tests.cluster.client import Object
from tests.cluster.programs import ROOT
from tests.cluster.waiting import eventually

from .places import CONFIGURATIONS, STATE
from .plurimus import Plurimus

IMAGE = f"localhost/plurimus:{VERSION}"
CONFLIST = CONFIGURATIONS / "00-plurimus.conflist"
SELECTOR = "app.kubernetes.io/name=plurimus"
_ARCHIVE = ROOT / f"build/images/plurimus-{images.MACHINES[platform.machine()]}.tar"


class DaemonSet(Plurimus):
    """The manifest is applied when the block begins; the daemon set is deleted when it ends, and its file with it."""

    def _set_up(self) -> None:
        if not _ARCHIVE.exists():
            pytest.fail(f"{_ARCHIVE.relative_to(ROOT)} is missing; run `make test-cluster`, which builds it")
        self.state = STATE
        self._node.containerd.ctr("images", "import", str(_ARCHIVE))
        self.apply("plurimus.yaml")
        self.rolled_out()
        eventually(CONFLIST.exists)
        self.restart_runtime()

    def _take_down(self) -> None:
        self.kubectl("delete", "--ignore-not-found", "daemonset/plurimus", "configmap/plurimus-daemon-config")
        eventually(self.pods, lambda pods: pods == [])
        CONFLIST.unlink(missing_ok=True)
        (self._node.bin / "plurimus").unlink(missing_ok=True)
        self.restart_runtime()

    def apply(self, manifest: str) -> str:
        """What kubectl says about applying a file of deploy/."""
        return self.kubectl("apply", "--filename", str(deployed.DEPLOY / manifest))

    def rolled_out(self, name: str = "plurimus") -> None:
        """Wait until every node has the daemon set's pod as it is now, ready."""
        self.kubectl("rollout", "status", f"daemonset/{name}")

    def inside(self, *words: str) -> str:
        """What a command prints that runs in the daemon's container."""
        return self.kubectl("exec", "daemonset/plurimus", "--", *words)

    def kubectl(self, *words: str) -> str:
        """What kubectl prints in the daemon set's namespace."""
        return self._control_plane.kubectl(*words, namespace=deployed.NAMESPACE)

    def pods(self) -> list[Object]:
        """The daemon set's pods."""
        path = f"/api/v1/namespaces/{deployed.NAMESPACE}/pods?labelSelector={SELECTOR}"
        found: list[Object] = self._control_plane.admin.get(path)["items"]
        return found

    def container(self) -> str:
        """The runtime's name for the daemon's container."""
        (pod,) = self.pods()
        (status,) = pod["status"]["containerStatuses"]
        name: str = status["containerID"].removeprefix("containerd://")
        return name

    def update(self, **annotations: str) -> None:
        """Change what its pods are made from, and wait until they are replaced."""
        template = {"metadata": {"annotations": annotations}}
        path = f"/apis/apps/v1/namespaces/{deployed.NAMESPACE}/daemonsets/plurimus"
        self._control_plane.admin.patch(path, {"spec": {"template": template}})
        self.rolled_out()
