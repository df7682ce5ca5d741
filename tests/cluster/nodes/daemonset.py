"""Plurimus as people put it on a cluster: its image in the node's runtime, and one manifest applied as it is.

Nothing of the manifest is changed for the tests: the node has its folders at the places the manifest names.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cluster import deployed, images
from tests.cluster.client import Object
from tests.cluster.programs import ROOT
from tests.cluster.waiting import eventually

from .places import CONFIGURATIONS, STATE
from .plurimus import Plurimus

CONFLIST = CONFIGURATIONS / "00-plurimus.conflist"
THIN_PROGRAMS = Path("/var/lib/plurimus")
SELECTOR = "app.kubernetes.io/name=plurimus"
OWN_NODE = "own-node.yaml"
_ARCHIVE = ROOT / f"build/images/plurimus-{images.MACHINES[platform.machine()]}.tar"


class DaemonSet(Plurimus):
    """The manifest is applied when the block begins; the daemon set is deleted when it ends, and its files with it.

    So is `OWN_NODE`: with tokens that a kubelet made, a daemon does all its work by what is allowed for its node.
    """

    manifest = "plurimus.yaml"

    def _set_up(self) -> None:
        self.state = STATE
        self.load_image()
        self.apply(OWN_NODE)
        self.apply(self.manifest)
        self.rolled_out()
        eventually(CONFLIST.exists)
        self.restart_runtime()

    def _take_down(self) -> None:
        sets = ["daemonset/plurimus", "daemonset/plurimus-uninstall"]
        self.kubectl("delete", "--ignore-not-found", *sets, "configmap/plurimus-daemon-config")
        # other tests have tokens that are bound to no node
        self.kubectl("delete", "--ignore-not-found", "--filename", str(deployed.DEPLOY / OWN_NODE))
        eventually(self.pods, lambda pods: pods == [])
        CONFLIST.unlink(missing_ok=True)
        (self._node.bin / "plurimus").unlink(missing_ok=True)
        shutil.rmtree(CONFIGURATIONS / "plurimus.d", ignore_errors=True)
        self.restart_runtime()

    def load_image(self) -> None:
        """Put the image where the node's runtime finds it."""
        if not _ARCHIVE.exists():
            pytest.fail(f"{_ARCHIVE.relative_to(ROOT)} is missing; run `make test-cluster`, which builds it")
        self._node.containerd.ctr("images", "import", str(_ARCHIVE))

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


class ThinDaemonSet(DaemonSet):
    """The manifest for nodes without a daemon."""

    manifest = "plurimus-thin.yaml"


@contextmanager
def programs_place() -> Iterator[None]:
    """Where thin nodes have their programs, in the tests' mount namespace alone."""
    existed = THIN_PROGRAMS.exists()
    THIN_PROGRAMS.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "programs", THIN_PROGRAMS], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", THIN_PROGRAMS], check=True)
        if not existed:
            THIN_PROGRAMS.rmdir()
