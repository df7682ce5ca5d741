"""A node below a kubelet that gets Plurimus, gets a newer one, and loses it again, with its pods alive."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cluster import objects
from tests.cluster.client import Client
from tests.cluster.node import Node
from tests.node import snapshot
from tests.node.daemon import SHIM

from .installed import CONFLIST, Installed
from .places import CONFIGURATIONS, PLUGINS, STATE
from .pods import addresses, delete, pod, running, unchanged


@pytest.fixture
def plurimus(installed: Installed) -> Installed:
    """In place of the one that is installed by hand."""
    return installed


def make(admin: Client, name: str, namespace: str, networks: str | None = "rail") -> None:
    objects.create(admin, pod(name, namespace, networks))
    running(admin, name, namespace)


def set_up() -> dict[str, Any]:
    """What the runtime has of a node's set-up: configurations with their contents, programs."""
    return {"configurations": snapshot.files(CONFIGURATIONS), "programs": sorted(map(str, PLUGINS.iterdir()))}


def test_a_newer_shim_and_a_newer_daemon_leave_the_pods_alone_and_delete_them(
    node: Node, plurimus: Installed, admin: Client, namespace: str, tmp_path: Path
) -> None:
    """F2, F81: an upgrade."""
    before = plurimus.left()
    plurimus.network("rail", namespace)
    plurimus.install()
    plurimus.start()
    plurimus.restart_runtime()
    make(admin, "old", namespace)
    old = unchanged(admin, node, "old", namespace)
    newer = tmp_path / "newer"
    newer.write_bytes(SHIM.read_bytes() + b"\0")
    newer.chmod(0o755)
    assert [row["done"] for row in plurimus.install("--shim", newer)] == ["installed"]
    plurimus.daemon.stop(kindly=True)
    assert plurimus.configurations()[0] == CONFLIST.name
    plurimus.start()
    make(admin, "new", namespace)
    assert unchanged(admin, node, "old", namespace) == old
    for name in ("old", "new"):
        delete(admin, name, namespace)
    plurimus.is_as(before)


def test_a_node_is_as_it_was_once_plurimus_is_uninstalled_and_its_pods_are_deleted_without_it(
    node: Node, plurimus: Installed, admin: Client, namespace: str
) -> None:
    """F71, F81: the runtime calls the default network alone, so uninstalling again frees what else they had."""
    before, was = plurimus.left(), set_up()
    plurimus.network("rail", namespace)
    plurimus.install()
    plurimus.start()
    plurimus.restart_runtime()
    for name in ("trainer", "stays"):
        make(admin, name, namespace)
    state = unchanged(admin, node, "trainer", namespace)
    plurimus.daemon.stop(kindly=True)
    assert [row["done"] for row in plurimus.uninstall()] == ["removed", "kept"]
    plurimus.restart_runtime()
    assert set_up()["configurations"] == was["configurations"]
    assert unchanged(admin, node, "trainer", namespace) == state
    make(admin, "plain", namespace, None)
    assert addresses(node.sandbox(namespace, "plain").netns).keys() == {"eth0"}

    delete(admin, "trainer", namespace)
    stays = node.sandbox(namespace, "stays")
    assert "kept" in [row["done"] for row in plurimus.uninstall()]
    assert plurimus.records() == {stays.id}
    assert addresses(stays.netns).keys() == {"eth0", "net1"}
    for name in ("stays", "plain"):
        delete(admin, name, namespace)
    plurimus.uninstall()
    plurimus.is_as(before)
    assert set_up() == was
    assert not STATE.exists()
