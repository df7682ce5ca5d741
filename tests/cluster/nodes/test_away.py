"""Pods while the daemon or the API server is away."""

from __future__ import annotations

import json
from pathlib import Path

from plurimus.model.pod import NETWORKS
from tests.cluster import objects
from tests.cluster.client import Client
from tests.cluster.controlplane import ControlPlane
from tests.cluster.node import Node
from tests.cluster.waiting import eventually

from .plurimus import Plurimus
from .pods import addresses, delete, gone, pod, running, try_again

REFUSED = ("FailedCreatePodSandBox", "NetworkNotReady")
"""kubelet's reasons: from ADD, or from STATUS where it has asked for that meanwhile."""


def ready(admin: Client, node: Node) -> tuple[str, str]:
    """Whether the node is ready, and what kubelet says about it."""
    conditions = admin.get(f"/api/v1/nodes/{node.name}")["status"]["conditions"]
    (found,) = [(each["status"], each["message"]) for each in conditions if each["type"] == "Ready"]
    return found


def test_a_daemon_that_was_killed_and_started_again_deletes_the_pods_of_before(
    node: Node, plurimus: Plurimus, admin: Client, namespace: str
) -> None:
    """F2; spec section 6.6: what it knows of sandboxes is on disk."""
    before = plurimus.left()
    plurimus.network("rail", namespace)
    for name in ("one", "two"):
        objects.create(admin, pod(name, namespace, "rail"))
    for name in ("one", "two"):
        running(admin, name, namespace)
    plurimus.kill()
    assert addresses(node.sandbox(namespace, "one").netns).keys() == {"eth0", "net1"}
    plurimus.daemon.start()
    for name in ("one", "two"):
        delete(admin, name, namespace)
    plurimus.is_as(before)


def test_a_pod_deleted_while_there_is_no_daemon_goes_and_its_networks_go_once_there_is_one(
    plurimus: Plurimus, admin: Client, namespace: str
) -> None:
    """S5."""
    before = plurimus.left()
    plurimus.network("rail", namespace)
    objects.create(admin, pod("trainer", namespace, "rail"))
    running(admin, "trainer", namespace)
    plurimus.kill()
    try:
        delete(admin, "trainer", namespace)
        assert [path.name for path in (plurimus.ipam / namespace / "rail").glob("10.*")] == ["10.10.0.2"]
    finally:
        plurimus.daemon.start()
    plurimus.is_as(before)


def test_a_pod_made_while_there_is_no_daemon_waits_for_it(
    node: Node, plurimus: Plurimus, admin: Client, namespace: str
) -> None:
    """Spec section 7.3: never with its default network alone."""
    plurimus.network("rail", namespace)
    plurimus.kill()
    try:
        # a node that is not ready is not chosen for a pod
        objects.create(admin, pod("trainer", namespace, "rail", nodeName=node.name))
        path = f"/api/v1/namespaces/{namespace}/events"
        refused = eventually(lambda: [e for e in admin.get(path)["items"] if e["reason"] in REFUSED])
        assert str(plurimus.folder / "socket/multus.sock") in refused[0]["message"]
    finally:
        plurimus.daemon.start()
    try_again(admin, "trainer", namespace)
    running(admin, "trainer", namespace)
    assert addresses(node.sandbox(namespace, "trainer").netns).keys() == {"eth0", "net1"}


def test_a_node_without_a_daemon_is_not_ready_and_says_why_until_there_is_one(
    node: Node, plurimus: Plurimus, admin: Client
) -> None:
    """F4: the runtime asks for STATUS, and kubelet tells its answer."""
    plurimus.kill()
    try:
        _, message = eventually(lambda: ready(admin, node), lambda said: said[0] == "False")
        assert str(plurimus.folder / "socket/multus.sock") in message
    finally:
        plurimus.daemon.start()
    eventually(lambda: ready(admin, node), lambda said: said[0] == "True")


def test_a_pods_networks_go_with_it_while_the_api_server_is_away(
    node: Node, plurimus: Plurimus, control_plane: ControlPlane, admin: Client, namespace: str
) -> None:
    """F2, F58: DEL asks nobody; a static pod is what a node can delete by itself."""
    before = plurimus.left()
    plurimus.network("rail", namespace)
    manifest = node.folder / "static/static.json"
    written = pod("static", namespace, "rail")
    del written["spec"]["containers"][0]["imagePullPolicy"]
    _place(manifest, json.dumps(written))
    try:
        mirror = objects.pod(f"static-{node.name}", namespace)
        eventually(lambda: not gone(admin, mirror))
        running(admin, f"static-{node.name}", namespace)
        assert admin.get(objects.path(mirror))["metadata"]["annotations"][NETWORKS] == "rail"
        assert addresses(node.sandbox(namespace, f"static-{node.name}").netns).keys() == {"eth0", "net1"}
        control_plane.apiserver.stop()
        try:
            manifest.unlink()
            plurimus.is_as(before)
        finally:
            control_plane.apiserver.start()
        eventually(lambda: gone(admin, mirror))
    finally:
        manifest.unlink(missing_ok=True)


def _place(path: Path, text: str) -> None:
    """Whole at once: kubelet reads the folder whenever it likes."""
    new = path.parent.parent / path.name
    new.write_text(text)
    new.replace(path)
