"""docs/how-to/migrate-from-multus.md, followed literally with pods alive: there, and back."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from plurimus.model.pod import NETWORK_STATUS
from tests.cluster import objects
from tests.cluster.client import Client
from tests.cluster.controlplane import ControlPlane
from tests.cluster.node import Node
from tests.cluster.programs import FOLDERS
from tests.cluster.waiting import eventually
from tests.pages import follow

from . import multus
from .daemonset import DaemonSet
from .places import CONFIGURATIONS, PLUGINS, STATE, default_places
from .pods import addresses, delete, pod, running, unchanged

PAGE = "how-to/migrate-from-multus.md"
SETS = ("kube-multus-ds", "plurimus", "plurimus-uninstall")


class Administrator(DaemonSet):
    """Of a cluster that runs Multus as its daemon set; what is left of either at the end is removed."""

    @property
    def multus(self) -> Path:
        """What Multus is installed from."""
        return self.folder / "multus-daemonset-thick.yml"

    def _set_up(self) -> None:
        self.state = STATE
        self.load_image()
        self.multus.write_text(yaml.safe_dump_all(multus.manifest()))
        self.kubectl("apply", "--filename", str(self.multus))
        self.rolled_out("kube-multus-ds")
        eventually(multus.GENERATED.exists)
        self.restart_runtime()

    def _take_down(self) -> None:
        self.kubectl("delete", "--ignore-not-found", "--cascade=foreground", *(f"daemonset/{name}" for name in SETS))
        self.kubectl("uncordon", self._node.name)
        ours = [path for path in PLUGINS.iterdir() if not path.is_symlink()]
        for path in (*CONFIGURATIONS.glob("00-*"), *ours):
            path.unlink()
        self.restart_runtime()

    def follow(self, section: str, **variables: str) -> str:
        """What the commands of a section of the page print, typed on the node."""
        path = ":".join([*map(str, FOLDERS), os.environ["PATH"]])
        shell = {"PATH": path, "KUBECONFIG": str(self._control_plane.kubeconfig), "MULTUS": str(self.multus)}
        return follow(PAGE, section=section, env=shell | variables, timeout=300)


@pytest.fixture
def administrator(logs: list[Path], control_plane: ControlPlane, node: Node, tmp_path: Path) -> Iterator[Administrator]:
    logs.append(tmp_path)
    with default_places(tmp_path / "places", node), Administrator(tmp_path, node, control_plane) as administrator:
        yield administrator


def make(admin: Client, name: str, namespace: str) -> None:
    objects.create(admin, pod(name, namespace, "rail"))
    running(admin, name, namespace)


def by_ours(administrator: Administrator, node: Node, name: str, namespace: str) -> bool:
    """Whether the record of a pod is one that Plurimus writes."""
    return '"plurimus"' in (administrator.state / node.sandbox(namespace, name).id).read_text()


def test_a_cluster_goes_from_multus_to_plurimus_and_back_by_the_page(
    node: Node, administrator: Administrator, admin: Client, namespace: str
) -> None:
    """F2, F13, F81, S3.  Spec section 12.3."""
    administrator.network("rail", namespace)
    definition, before = objects.network("rail", namespace, ""), administrator.left()
    make(admin, "trainer", namespace)
    assert not by_ours(administrator, node, "trainer", namespace)
    trainer = unchanged(admin, node, "trainer", namespace)
    asked = [admin.get(objects.path(thing)) for thing in (definition, objects.pod("trainer", namespace))]

    printed = administrator.follow("Go", POD=f"{namespace}/trainer")
    levels = re.findall(r"^(ok|warning|problem) +(.*)$", printed, re.MULTILINE)
    assert len(levels) > 5
    assert {level for level, _ in levels} == {"ok"}, levels
    assert re.search(rf"net1 +{namespace}/rail", printed)
    assert sorted(path.name for path in CONFIGURATIONS.glob("*.conf*")) == [
        "00-plurimus.conflist",
        "10-primary.conflist",
    ]
    assert unchanged(admin, node, "trainer", namespace) == trainer
    make(admin, "new", namespace)
    assert by_ours(administrator, node, "new", namespace)
    assert addresses(node.sandbox(namespace, "new").netns).keys() == {"eth0", "net1"}
    new = unchanged(admin, node, "new", namespace)
    now = [admin.get(objects.path(thing)) for thing in (definition, objects.pod("trainer", namespace))]
    assert [each.get("spec") for each in now] == [each.get("spec") for each in asked]
    assert now[1]["metadata"]["annotations"][NETWORK_STATUS] == asked[1]["metadata"]["annotations"][NETWORK_STATUS]
    delete(admin, "trainer", namespace)
    assert administrator.records() == {new[0].id}

    printed = administrator.follow("Go back")
    assert "/hostroot/etc/cni/net.d/00-plurimus.conflist" in printed
    assert sorted(path.name for path in CONFIGURATIONS.glob("*.conf*")) == ["00-multus.conf", "10-primary.conflist"]
    assert unchanged(admin, node, "new", namespace) == new
    administrator.restart_runtime()
    delete(admin, "new", namespace)
    administrator.is_as(before)
