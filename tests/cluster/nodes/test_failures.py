"""Networks that cannot be had: the pod does not start, says why, and starts once the cause is gone."""

from __future__ import annotations

import pytest

from tests.cluster import objects
from tests.cluster.client import Client
from tests.cluster.node import Node

from .plurimus import UPLINK, Plurimus
from .pods import addresses, delete, events, pod, running, said, starting, try_again

FAILED = "FailedCreatePodSandBox"
"""kubelet's reason; the text is the plugin's."""


def test_a_definition_that_does_not_work_keeps_the_pod_waiting_with_the_cause_until_it_is_mended(
    node: Node, plurimus: Plurimus, admin: Client, namespace: str
) -> None:
    """F1, F90; spec section 6.3: a failure undoes everything, and the next try finds the new definition."""
    before = plurimus.left()
    plurimus.network("good", namespace)
    plurimus.network("rail", namespace, master="nosuch0")
    objects.create(admin, pod("trainer", namespace, "good,rail"))
    kind, _, text = said(admin, "trainer", namespace, FAILED)
    assert kind == "Warning"
    assert f"[{namespace}/trainer/" in text
    assert ':rail]: error adding container to network "rail": ' in text
    assert "'master' is 'nosuch0': Link not found on this node" in text
    assert starting(admin, "trainer", namespace)
    assert events(admin, "trainer", namespace, "AddedInterface") == []
    broken = objects.network("rail", namespace, "")
    admin.patch(objects.path(broken), {"spec": {"config": plurimus.macvlan(namespace, master=UPLINK)}})
    try_again(admin, "trainer", namespace)
    running(admin, "trainer", namespace)
    assert addresses(node.sandbox(namespace, "trainer").netns).keys() == {"eth0", "net1", "net2"}
    delete(admin, "trainer", namespace)
    plurimus.is_as(before)


def test_a_definition_that_is_missing_is_told_to_the_pods_author_and_found_once_it_is_there(
    node: Node, plurimus: Plurimus, admin: Client, namespace: str
) -> None:
    """F44, S29."""
    objects.create(admin, pod("trainer", namespace, "rail"))
    kind, _, text = said(admin, "trainer", namespace, "NoNetworkFound")
    assert kind == "Warning"
    assert text.startswith(
        f"cannot find a network-attachment-definition (rail) in namespace ({namespace}): it does not exist"
    )
    assert starting(admin, "trainer", namespace)
    plurimus.network("rail", namespace)
    try_again(admin, "trainer", namespace)
    running(admin, "trainer", namespace)
    assert "net1" in addresses(node.sandbox(namespace, "trainer").netns)


def test_a_network_whose_device_the_pod_did_not_request_keeps_it_waiting_until_it_needs_none(
    plurimus: Plurimus, admin: Client, namespace: str
) -> None:
    """S9: never without the device the definition promises; the text says what to do."""
    before = plurimus.left()
    definition = objects.network("rail", namespace, plurimus.macvlan(namespace))
    definition["metadata"]["annotations"] = {"k8s.v1.cni.cncf.io/resourceName": "intel.com/sriov_rdma"}
    objects.create(admin, definition)
    objects.create(admin, pod("trainer", namespace, "rail"))
    _, _, text = said(admin, "trainer", namespace, FAILED)
    assert (
        f"network '{namespace}/rail' needs a device of 'intel.com/sriov_rdma': pod {namespace}/trainer has 0 allocated "
        "and asks for 1; request intel.com/sriov_rdma in the resources of a container of the pod, "
        "and check that the device plugin runs on this node"
    ) in text
    assert starting(admin, "trainer", namespace)
    admin.patch(objects.path(definition), {"metadata": {"annotations": {"k8s.v1.cni.cncf.io/resourceName": None}}})
    try_again(admin, "trainer", namespace)
    running(admin, "trainer", namespace)
    delete(admin, "trainer", namespace)
    plurimus.is_as(before)


@pytest.mark.parametrize("networks", ["rail@", "a/b/c", '[{"name": "rail", "mac": "no"}]'])
def test_an_annotation_that_cannot_be_read_keeps_the_pod_waiting(
    plurimus: Plurimus, admin: Client, namespace: str, networks: str
) -> None:
    """F27, F28; spec section 3.1."""
    objects.create(admin, pod("trainer", namespace, networks))
    _, _, text = said(admin, "trainer", namespace, FAILED)
    assert "error loading k8s delegates k8s args: " in text
    assert starting(admin, "trainer", namespace)
