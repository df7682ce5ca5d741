"""A cluster gets Plurimus and is left by it, as docs/how-to/install-on-a-cluster.md says."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.cluster import objects
from tests.cluster.client import Client
from tests.cluster.controlplane import ControlPlane
from tests.cluster.node import Node
from tests.cluster.programs import FOLDERS
from tests.cluster.waiting import eventually
from tests.pages import follow

from .daemonset import CONFLIST, THIN_PROGRAMS, DaemonSet, ThinDaemonSet, programs_place
from .places import CONFIGURATIONS, PLUGINS, STATE, default_places
from .pods import addresses, delete, pod, running, unchanged

PAGE = "how-to/install-on-a-cluster.md"


class ByThePage(DaemonSet):
    """Installed by the commands of the page."""

    def __init__(self, folder: Path, node: Node, control_plane: ControlPlane) -> None:
        super().__init__(folder, node, control_plane)
        self.state = STATE
        path = os.pathsep.join([*map(str, FOLDERS), os.environ["PATH"]])
        self.shell: Mapping[str, str] = {
            "PATH": path, "KUBECONFIG": str(control_plane.kubeconfig), "CONTAINERD_ADDRESS": str(node.containerd.socket)
        }  # fmt: skip

    def _set_up(self) -> None:
        self.load_image()
        levels = re.findall(r"^(ok|warning|problem) +", self.follow("Install"), re.MULTILINE)
        assert len(levels) > 5
        assert set(levels) == {"ok"}
        self.restart_runtime()

    def follow(self, section: str) -> str:
        """What the commands of a section print."""
        return follow(PAGE, section=section, env=self.shell, timeout=500)


def files() -> dict[str, list[str]]:
    """What there is in the folders of a node that Plurimus writes to."""
    folders = (CONFIGURATIONS, PLUGINS, STATE, THIN_PROGRAMS)
    return {str(folder): sorted(path.name for path in folder.glob("*")) for folder in folders}


@pytest.fixture
def places(node: Node, tmp_path: Path) -> Iterator[dict[str, list[str]]]:
    """A node at the places every node has, and what is there."""
    with default_places(tmp_path / "places", node), programs_place():
        yield files()


def complaints(plurimus: DaemonSet) -> list[str]:
    """What the doctor finds wrong in the container; the plugins are links to where only the tests have them."""
    findings = json.loads(plurimus.inside("plurimus", "doctor", "--output", "json"))
    assert {"cluster", "records"} <= {each["subject"] for each in findings if each["level"] == "ok"}
    said = [each["text"] for each in findings if each["level"] != "ok"]
    return [text for text in said if not (text.startswith(str(PLUGINS)) and "cannot be seen from here" in text)]


@pytest.mark.parametrize("kind", [ByThePage, ThinDaemonSet])
def test_a_node_is_as_it_was_once_the_pods_with_networks_are_gone_and_they_run_until_then(
    logs: list[Path],
    control_plane: ControlPlane,
    node: Node,
    admin: Client,
    namespace: str,
    tmp_path: Path,
    places: dict[str, list[str]],
    kind: type[DaemonSet],
) -> None:
    """F1, F2, F79; spec section 8: with a daemon and without, and nothing left of either."""
    logs.append(tmp_path)
    page = ByThePage(tmp_path, node, control_plane)
    with kind(tmp_path, node, control_plane) as plurimus:
        before = plurimus.left()
        plurimus.network("rail", namespace)
        objects.create(admin, pod("trainer", namespace, "rail"))
        running(admin, "trainer", namespace)
        trainer = unchanged(admin, node, "trainer", namespace)
        assert trainer[1].keys() == {"eth0", "net1"}
        assert complaints(plurimus) == []

        page.follow("Take it off again")
        eventually(lambda: not CONFLIST.exists())
        plurimus.restart_runtime()
        objects.create(admin, pod("plain", namespace))
        running(admin, "plain", namespace)
        assert addresses(node.sandbox(namespace, "plain").netns).keys() == {"eth0"}
        assert unchanged(admin, node, "trainer", namespace) == trainer
        assert (PLUGINS / "plurimus").exists()

        for name in ("trainer", "plain"):
            delete(admin, name, namespace)
        page.follow("When they are gone")
        plurimus.is_as(before)
        assert files() == places
