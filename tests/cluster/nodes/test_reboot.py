"""A node whose power went: the kernel and /run forgot all, the disk nothing."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from tests.cluster import objects
from tests.cluster.client import Client
from tests.cluster.controlplane import ControlPlane
from tests.cluster.node import Node
from tests.cluster.waiting import eventually

from .daemonset import DaemonSet
from .installed import Installed
from .places import SOCKETS, default_places
from .plurimus import Plurimus
from .pods import addresses, delete, network_status, pod, running, try_again

PODS = ("one", "two", "three")


def restarts(admin: Client, name: str, namespace: str) -> list[int]:
    """How often the containers of a pod that are ready were started anew."""
    status = admin.get(objects.path(objects.pod(name, namespace)))["status"]
    return [each["restartCount"] for each in status["containerStatuses"] if each["ready"]]


def make(admin: Client, plurimus: Plurimus, node: Node, namespace: str) -> set[str]:
    """Pods with a network each; the IDs of their sandboxes."""
    plurimus.network("rail", namespace)
    for name in PODS:
        objects.create(admin, pod(name, namespace, "rail"))
    for name in PODS:
        running(admin, name, namespace)
    old = {each.id for each in node.sandboxes() if each.namespace == namespace}
    assert plurimus.records() == old
    return old


def they_come_back(
    admin: Client, plurimus: Plurimus, node: Node, namespace: str, old: set[str], before: dict[str, Any]
) -> None:
    """Wait until all pods run anew, with their networks; what they had is free, and what they have when they go."""
    for name in PODS:
        eventually(partial(restarts, admin, name, namespace), any)
    alive = {path.name for path in Path("/run/netns").iterdir()}
    sandboxes = [each for each in node.sandboxes() if each.namespace == namespace and each.netns in alive]
    new = {each.pod: each for each in sandboxes if each.id not in old}
    assert sorted(new) == sorted(PODS)
    for name, sandbox in new.items():
        found = addresses(sandbox.netns)
        assert found.keys() == {"eth0", "net1"}
        status = {each["interface"]: each["ips"] for each in network_status(admin, name, namespace)}
        assert status == {interface: [text.partition("/")[0] for text in those] for interface, those in found.items()}
    eventually(plurimus.records, lambda records: records == {each.id for each in new.values()})
    more = len(before["addresses"]) + 2 * len(PODS)
    eventually(lambda: len(plurimus.left()["addresses"]), lambda count: count == more)
    for name in PODS:
        delete(admin, name, namespace)
    plurimus.is_as(before)


def test_the_pods_of_a_node_that_was_rebooted_have_their_networks_anew_and_nothing_is_left_of_the_old_ones(
    node: Node, installed: Installed, admin: Client, namespace: str
) -> None:
    """F2, S6; spec section 6.6: sandboxes, namespaces and links are gone, records and addresses are not."""
    before = installed.left()
    installed.install()
    installed.start()
    installed.restart_runtime()
    old = make(admin, installed, node, namespace)
    installed.kill()
    node.lose_power()
    assert installed.records() == old
    assert len(installed.left()["addresses"]) == len(before["addresses"]) + 2 * len(PODS)
    installed.plug_in()
    installed.start()
    node.boot()
    they_come_back(admin, installed, node, namespace, old, before)


def test_the_daemon_set_of_a_node_that_was_rebooted_comes_back_before_the_pods_that_wait_for_it(
    logs: list[Path], control_plane: ControlPlane, node: Node, admin: Client, namespace: str, tmp_path: Path
) -> None:
    """F2; spec section 6.6: it is in the network of the host, and kubelet keeps all others back until it answers."""
    logs.append(tmp_path)
    with default_places(tmp_path / "places", node), DaemonSet(tmp_path, node, control_plane) as plurimus:
        before = plurimus.left()
        old = make(admin, plurimus, node, namespace)
        node.lose_power()
        plurimus.plug_in()
        node.boot()
        eventually((SOCKETS / "multus.sock").is_socket)
        for name in PODS:
            try_again(admin, name, namespace)
        they_come_back(admin, plurimus, node, namespace, old, before)
