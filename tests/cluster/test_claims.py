"""Devices of a pod's resource claims, under the rights of deploy/, against a real API server.

The test writes what driver, scheduler and controller would: slices, allocations and the pod's status.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from plurimus.adapters.apiserver import ApiServer
from plurimus.adapters.claims import ClaimedDevices
from plurimus.adapters.kubeconfig import Access
from plurimus.adapters.kubernetes import KubernetesCluster
from plurimus.cni.errors import ClusterError, Code
from plurimus.core import config
from plurimus.core.devices import Allocation, Held
from plurimus.model.pod import Pod
from plurimus.node.late import Late
from tests import kubeconfigs
from tests.allocations import by_resource

from . import deployed, objects
from .asdaemon import NODE, running
from .claims import DRIVER, VF, allocate, claim, claiming, device, publish, withdraw, write_status
from .client import Client
from .controlplane import ControlPlane


@pytest.fixture(autouse=True)
def slices(admin: Client) -> Iterator[None]:
    """Nobody else writes slices here."""
    withdraw(admin)
    yield
    withdraw(admin)


async def seen(access: Access, namespace: str, name: str = "trainer") -> tuple[Pod, Allocation]:
    """A pod as the daemon knows it, and what its claims have."""
    async with running(access) as cluster:
        pod = await cluster.get_pod(namespace, name)
        assert pod is not None
        return pod, await ClaimedDevices(cluster.api).allocated(pod)


async def test_claims_of_templates_and_claims_named_by_the_pod_give_devices_in_its_order(
    access: Access, admin: Client, namespace: str
) -> None:
    """F53, F55, S7: the pod's copy has them, too; what is no network's is passed over."""
    publish(admin, "s1", "node-1", device("vf-1", "0000:03:00.1"), device("vf-2", "0000:03:00.2"), nodeName=NODE)
    publish(admin, "s2", "node-2", device("vf-1", "0000:03:00.9"), nodeName="node-2")
    publish(admin, "s3", "gpus", device("gpu-0"), nodeName=NODE, driver="gpu.example.com")
    allocate(admin, namespace, "trainer-rails-x", {"r0": ("node-1", "vf-2")})
    allocate(admin, namespace, "shared", {"r0": ("node-1", "vf-1")})
    allocate(admin, namespace, "gpus", {"r0": ("gpus", "gpu-0")}, driver="gpu.example.com")
    uses = {"trainer": ["rails", "gpus"], "loader": ["shared"]}
    objects.create(
        admin, claiming("trainer", namespace, uses, {"rails": None, "gpus": "gpus", "shared": "shared"}, NODE)
    )
    write_status(admin, namespace, "trainer",
                 resourceClaimStatuses=[{"name": "rails", "resourceClaimName": "trainer-rails-x"}])  # fmt: skip
    pod, found = await seen(access, namespace)
    assert (pod.node, [each.name for each in pod.claims]) == (NODE, ["trainer-rails-x", "gpus", "shared"])
    assert found.held == (Held(VF, ("0000:03:00.2",), ("trainer",)), Held(VF, ("0000:03:00.1",), ("loader",)))
    (passed_over,) = found.unusable
    assert passed_over.startswith(f"claim {namespace}/gpus: gpu-0 of driver gpu.example.com: no attribute")


@pytest.mark.parametrize("bound", ["all", "selector", "each"])
async def test_devices_of_pools_that_are_of_no_single_node_are_found(
    access: Access, admin: Client, namespace: str, bound: str
) -> None:
    """S48: network-attached devices."""
    terms = [{"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}]
    where = {"all": {"allNodes": True}, "selector": {"nodeSelector": {"nodeSelectorTerms": terms}},
             "each": {"perDeviceNodeSelection": True}}[bound]  # fmt: skip
    more = {"allNodes": True} if bound == "each" else {}
    publish(admin, "mine", "node-1", device("local", "0000:03:00.1"), nodeName=NODE)
    publish(admin, "fabric", "fabric", device("port-7", "fabric-7", **more), **where)
    allocate(admin, namespace, "rails", {"r0": ("fabric", "port-7"), "r1": ("node-1", "local")})
    objects.create(admin, claiming("trainer", namespace, {"c": ["rails"]}, {"rails": "rails"}, NODE))
    _, found = await seen(access, namespace)
    assert by_resource(found) == {VF: ["fabric-7", "0000:03:00.1"]}
    assert found.unusable == ()


async def test_of_a_pool_that_is_written_anew_the_newest_generation_counts(
    access: Access, admin: Client, namespace: str
) -> None:
    """S48: a device of the old one may be another by now."""
    publish(admin, "old", "node-1", device("vf-1", "0000:03:00.9"), device("vf-2", "0000:03:00.8"), nodeName=NODE)
    publish(admin, "new", "node-1", device("vf-1", "0000:03:00.1"), generation=2, count=2, nodeName=NODE)
    allocate(admin, namespace, "rails", {"r0": ("node-1", "vf-1"), "r1": ("node-1", "vf-2")})
    objects.create(admin, claiming("trainer", namespace, {"c": ["rails"]}, {"rails": "rails"}, NODE))
    _, found = await seen(access, namespace)
    assert by_resource(found) == {VF: ["0000:03:00.1"]}
    assert f"vf-2 of driver {DRIVER}: pool 'node-1' has 1 of 2 ResourceSlices" in found.unusable[0]


async def test_extended_resources_are_those_of_their_requests(access: Access, admin: Client, namespace: str) -> None:
    """F54."""
    others = device("other", "0000:03:00.5", resource="example.com/other")
    publish(admin, "s", "node-1", device("vf-1", "0000:03:00.1"), others, nodeName=NODE)
    requests = {"loader": "container-0-request-0", "trainer": "container-1-request-0"}
    devices = {requests["trainer"]: ("node-1", "vf-1"), requests["loader"]: ("node-1", "other")}
    allocate(admin, namespace, "trainer-extended", devices)
    made = objects.pod("trainer", namespace, nodeName=NODE)
    (container,) = made["spec"]["containers"]
    limits = {"resources": {"limits": {VF: "1"}}}
    made["spec"]["containers"] = [{**container, "name": name, **limits} for name in requests]
    objects.create(admin, made)
    mappings = [
        {"containerName": name, "resourceName": VF, "requestName": request} for name, request in requests.items()
    ]
    status = {"resourceClaimName": "trainer-extended", "requestMappings": mappings}
    write_status(admin, namespace, "trainer", extendedResourceClaimStatus=status)
    _, found = await seen(access, namespace)
    assert found.held == (Held(VF, ("0000:03:00.1",), ("trainer",)),)
    assert "other of driver" in found.unusable[0]
    assert f"allocated as '{VF}'" in found.unusable[0]


async def test_a_call_without_a_daemon_is_told_the_same(
    access: Access, admin: Client, namespace: str, tmp_path: Path
) -> None:
    """F53, F55: also on a node where no kubelet tells of devices."""
    publish(admin, "s", "node-1", device("vf-1", "0000:03:00.1"), nodeName=NODE)
    allocate(admin, namespace, "rails", {"r0": ("node-1", "vf-1")})
    objects.create(admin, claiming("trainer", namespace, {"c": ["rails"]}, {"rails": "rails"}, NODE))
    path = kubeconfigs.write(tmp_path / "kubeconfig", access.server, ca=access.ca,
                             user={"tokenFile": str(access.token_file)})  # fmt: skip
    call = Late(config.parse(b"{}"), str(path), root=tmp_path)
    try:
        pod = await call.get_pod(namespace, "trainer")
        assert pod is not None
        found = await call.allocated(pod)
    finally:
        await call.close()
    assert found.held == (Held(VF, ("0000:03:00.1",), ("c",)),)
    assert [each.partition(":")[0] for each in found.unusable] == [f"nothing tells which devices pod {pod} has"]


async def test_a_claim_that_is_gone_or_has_no_device_yet_is_named(
    access: Access, admin: Client, namespace: str
) -> None:
    """Spec section 5.4."""
    objects.create(admin, claiming("trainer", namespace, {"c": ["rails"]}, {"rails": "rails"}, NODE))
    for words in ("does not exist; check", "has no device allocation; check"):
        with pytest.raises(ClusterError, match=f"claim {namespace}/rails of pod {namespace}/trainer {words}") as caught:
            await seen(access, namespace)
        assert caught.value.code == Code.TRY_AGAIN_LATER
        if "exist" in words:
            objects.create(admin, claim("rails", namespace, "r0"))


async def test_without_the_rights_the_error_names_the_claim_and_what_to_give(
    control_plane: ControlPlane, admin: Client, namespace: str
) -> None:
    """Least rights: only pods with claims are affected."""
    allocate(admin, namespace, "rails", {"r0": ("node-1", "vf-1")})
    objects.create(admin, claiming("trainer", namespace, {"c": ["rails"]}, {"rails": "rails"}, NODE))
    objects.create(admin, objects.service_account("nobody", namespace))
    objects.create(admin, objects.role("pods", namespace, "", ["pods"], ["get"]))
    objects.create(admin, objects.role_binding("pods", "nobody", namespace))
    token = deployed.token(admin, "nobody", namespace)
    api = ApiServer(Access(control_plane.server, ca=control_plane.ca, token=token), timeout=10)
    try:
        pod = await KubernetesCluster(api, NODE).get_pod(namespace, "trainer")
        assert pod is not None
        with pytest.raises(ClusterError, match=r"cannot get resource .*give the daemon.s role that verb") as caught:
            await ClaimedDevices(api).allocated(pod)
        assert caught.value.msg.startswith(f"claim {namespace}/rails of pod {namespace}/trainer: GET ")
        assert await ClaimedDevices(api).allocated(Pod(namespace, "other")) == Allocation()
    finally:
        await api.close()
