"""A node whose power went: the kernel and /run forgot all, the disk nothing."""

from __future__ import annotations

from tests.cluster import objects
from tests.cluster.client import Client
from tests.cluster.node import Node
from tests.cluster.waiting import eventually

from .installed import Installed
from .pods import addresses, delete, network_status, pod, running

PODS = ("one", "two", "three")


def restarts(admin: Client, name: str, namespace: str) -> list[int]:
    """How often the containers of a pod that are ready were started anew."""
    status = admin.get(objects.path(objects.pod(name, namespace)))["status"]
    return [each["restartCount"] for each in status["containerStatuses"] if each["ready"]]


def test_the_pods_of_a_node_that_was_rebooted_have_their_networks_anew_and_nothing_is_left_of_the_old_ones(
    node: Node, installed: Installed, admin: Client, namespace: str
) -> None:
    """F2, S6; spec section 6.6: sandboxes, namespaces and links are gone, records and addresses are not."""
    before = installed.left()
    installed.network("rail", namespace)
    installed.install()
    installed.start()
    installed.restart_runtime()
    for name in PODS:
        objects.create(admin, pod(name, namespace, "rail"))
    for name in PODS:
        running(admin, name, namespace)
    old = {each.id for each in node.sandboxes() if each.namespace == namespace}
    assert installed.records() == old

    installed.kill()
    node.lose_power()
    assert installed.records() == old
    assert len(installed.left()["addresses"]) == len(before["addresses"]) + 2 * len(PODS)
    installed.plug_in()
    installed.start()
    node.boot()

    for name in PODS:
        eventually(lambda name=name: restarts(admin, name, namespace), lambda counts: counts == [1])
    new = {each.pod: each for each in node.sandboxes() if each.namespace == namespace and each.id not in old}
    assert sorted(new) == sorted(PODS)
    for name, sandbox in new.items():
        found = addresses(sandbox.netns)
        assert found.keys() == {"eth0", "net1"}
        status = {each["interface"]: each["ips"] for each in network_status(admin, name, namespace)}
        assert status == {interface: [text.partition("/")[0] for text in those] for interface, those in found.items()}
    eventually(installed.records, lambda records: records == {each.id for each in new.values()})
    eventually(
        lambda: len(installed.left()["addresses"]) - len(before["addresses"]), lambda more: more == 2 * len(PODS)
    )
    for name in PODS:
        delete(admin, name, namespace)
    installed.is_as(before)
