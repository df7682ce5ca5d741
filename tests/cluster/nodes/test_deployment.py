"""Many pods at once, and again."""

from __future__ import annotations

from pathlib import Path

from plurimus.model.pod import NETWORKS
from tests.cluster import objects
from tests.cluster.client import Client
from tests.cluster.node import Node
from tests.cluster.waiting import eventually

from .plurimus import Plurimus
from .pods import addresses, pod

PODS = 30


def test_a_deployment_of_30_pods_is_scaled_up_and_down_twice_and_leaves_nothing(
    node: Node, plurimus: Plurimus, admin: Client, namespace: str
) -> None:
    """F1, F2, F40; spec section 6.6: links, addresses, records and cached results all go."""
    before = plurimus.left()
    plurimus.network("rail", namespace)
    deployment = objects.deployment("many", namespace, 0)
    deployment["spec"]["template"]["metadata"]["annotations"] = {NETWORKS: "rail"}
    objects.create(admin, deployment)
    for _ in range(2):
        admin.patch(objects.path(deployment), {"spec": {"replicas": PODS}})
        eventually(
            lambda: admin.get(objects.path(deployment))["status"].get("readyReplicas"), lambda ready: ready == PODS
        )
        # containerd knows those that ended for a while
        alive = {path.name for path in Path("/run/netns").iterdir()}
        sandboxes = [each for each in node.sandboxes() if each.namespace == namespace and each.netns in alive]
        assert len(sandboxes) == PODS
        found = [addresses(each.netns) for each in sandboxes]
        assert {tuple(each) for each in found} == {("eth0", "net1")}
        assert len({address for each in found for interface in each.values() for address in interface}) == 2 * PODS
        assert plurimus.records() == {each.id for each in sandboxes}
        admin.patch(objects.path(deployment), {"spec": {"replicas": 0}})
        eventually(lambda: admin.get(f"/api/v1/namespaces/{namespace}/pods")["items"], lambda pods: pods == [])
        plurimus.is_as(before)


def test_pods_that_are_gone_before_they_started_leave_nothing(
    node: Node, plurimus: Plurimus, admin: Client, namespace: str
) -> None:
    """F2, S14, S30: deleted by force, while their networks are made."""

    def begun() -> set[str]:
        """The pods kubelet has begun with and is not done with."""
        return {path.name for path in (node.folder / "kubelet/pods").iterdir()} & uids

    before = plurimus.left()
    plurimus.network("rail", namespace)
    pods = [pod(f"brief{number}", namespace, "rail") for number in range(10)]
    uids = {objects.create(admin, each)["metadata"]["uid"] for each in pods}
    eventually(begun, lambda those: those == uids)
    eventually(plurimus.records)
    for each in pods:
        admin.delete(objects.path(each), {"gracePeriodSeconds": 0})
    eventually(begun, lambda those: not those)
    plurimus.is_as(before)
