"""A cluster that had Plurimus is as one that never had it: the steps of docs/how-to/install-on-a-cluster.md."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import objects
from tests.cluster.client import Client
from tests.cluster.controlplane import ControlPlane
from tests.cluster.node import Node
from tests.cluster.waiting import eventually

from .daemonset import CONFLIST, THIN_PROGRAMS, DaemonSet, ThinDaemonSet, programs_place
from .places import CONFIGURATIONS, PLUGINS, STATE, default_places
from .pods import addresses, delete, pod, running


def files() -> dict[str, list[str]]:
    """What there is in the folders of a node that Plurimus writes to."""
    folders = (CONFIGURATIONS, PLUGINS, STATE, THIN_PROGRAMS)
    return {str(folder): sorted(path.name for path in folder.glob("*")) for folder in folders}


@pytest.fixture
def places(node: Node, tmp_path: Path) -> Iterator[dict[str, list[str]]]:
    """A node at the places every node has, and what is there."""
    with default_places(tmp_path / "places", node), programs_place():
        yield files()


@pytest.mark.parametrize("kind", [DaemonSet, ThinDaemonSet])
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
    """F1, F2, F79; spec section 8: an image and a manifest, with a daemon and without, and nothing left of either."""
    logs.append(tmp_path)
    with kind(tmp_path, node, control_plane) as plurimus:
        before = plurimus.left()
        plurimus.network("rail", namespace)
        objects.create(admin, pod("trainer", namespace, "rail"))
        running(admin, "trainer", namespace)
        trainer = node.sandbox(namespace, "trainer"), addresses(node.sandbox(namespace, "trainer").netns)
        assert trainer[1].keys() == {"eth0", "net1"}

        plurimus.kubectl("delete", "daemonset", "plurimus")
        eventually(plurimus.pods, lambda pods: pods == [])
        plurimus.apply("uninstall.yaml")
        eventually(lambda: not CONFLIST.exists())
        plurimus.restart_runtime()
        objects.create(admin, pod("plain", namespace))
        running(admin, "plain", namespace)
        assert addresses(node.sandbox(namespace, "plain").netns).keys() == {"eth0"}
        assert (node.sandbox(namespace, "trainer"), addresses(node.sandbox(namespace, "trainer").netns)) == trainer
        assert (PLUGINS / "plurimus").exists()

        for name in ("trainer", "plain"):
            delete(admin, name, namespace)
        plurimus.rolled_out("plurimus-uninstall")
        plurimus.is_as(before)
        plurimus.kubectl("delete", "daemonset", "plurimus-uninstall")
        assert files() == places
