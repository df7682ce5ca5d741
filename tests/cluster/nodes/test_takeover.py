"""A node goes from the real Multus to Plurimus and back, below a kubelet, with its pods alive."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster import objects
from tests.cluster.client import Client
from tests.cluster.controlplane import ControlPlane
from tests.cluster.node import Node

from .installed import CONFLIST, Installed
from .multus import GENERATED, Multus
from .places import PLUGINS
from .pods import addresses, delete, network_status, pod, running, unchanged


@pytest.fixture
def plurimus(installed: Installed) -> Installed:
    """In place of the one that is installed by hand."""
    return installed


@pytest.fixture
def multus(node: Node, control_plane: ControlPlane, plurimus: Installed) -> Iterator[Multus]:
    """Multus, not started."""
    multus = Multus(plurimus.folder, node, control_plane)
    yield multus
    multus.end()


def make(admin: Client, name: str, namespace: str) -> None:
    objects.create(admin, pod(name, namespace, "rail"))
    running(admin, name, namespace)


def made_by_ours(plurimus: Installed, node: Node, name: str, namespace: str) -> bool:
    """Whether the record of a pod is one that Plurimus writes."""
    return '"plurimus"' in (plurimus.state / node.sandbox(namespace, name).id).read_text()


def test_pods_of_multus_go_on_and_are_deleted_by_plurimus_once_it_has_taken_the_node_over(
    node: Node, plurimus: Installed, multus: Multus, admin: Client, namespace: str
) -> None:
    """F2, F13, F81, S3.  Spec section 12.3: no change to pods or definitions, no moment without networks."""
    plurimus.network("rail", namespace)
    before = plurimus.left()
    multus.start()
    plurimus.restart_runtime()
    make(admin, "old", namespace)
    old = unchanged(admin, node, "old", namespace)
    assert old[1].keys() == {"eth0", "net1"}
    assert not made_by_ours(plurimus, node, "old", namespace)

    plurimus.install("--replace-multus")
    make(admin, "between", namespace)
    assert addresses(node.sandbox(namespace, "between").netns).keys() == {"eth0", "net1"}
    multus.stop()
    plurimus.start()
    assert plurimus.configurations() == [CONFLIST.name, "10-primary.conflist"]
    make(admin, "new", namespace)
    assert made_by_ours(plurimus, node, "new", namespace)
    assert unchanged(admin, node, "old", namespace) == old
    assert [each["name"] for each in network_status(admin, "new", namespace)] == ["primary", f"{namespace}/rail"]

    for name in ("old", "between", "new"):
        delete(admin, name, namespace)
    plurimus.is_as(before)


def test_pods_of_plurimus_go_on_and_are_deleted_by_multus_once_it_has_the_node_back(
    node: Node, plurimus: Installed, multus: Multus, admin: Client, namespace: str
) -> None:
    """F2, F13, F81."""
    plurimus.network("rail", namespace)
    before = plurimus.left()
    plurimus.install("--replace-multus")
    plurimus.start()
    plurimus.restart_runtime()
    make(admin, "old", namespace)
    old = unchanged(admin, node, "old", namespace)
    assert made_by_ours(plurimus, node, "old", namespace)

    plurimus.daemon.stop(kindly=True)
    # before Multus starts, which takes the first file that is not its own for the default network's
    steps = plurimus.uninstall()
    kept = [(str(PLUGINS / name), "kept") for name in ("multus", "multus-shim", "plurimus")]
    assert [(row["path"], row["done"]) for row in steps] == [(str(CONFLIST), "removed"), *kept]
    multus.start()
    assert plurimus.configurations() == [GENERATED.name, "10-primary.conflist"]
    plurimus.restart_runtime()
    assert unchanged(admin, node, "old", namespace) == old

    # a pod of its own Multus would not delete whole: its scratch file has not all of a list given by path
    delete(admin, "old", namespace)
    plurimus.is_as(before)
    plurimus.uninstall()
    assert plurimus.programs() == ["multus-shim", "passthru"]
