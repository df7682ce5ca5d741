"""Devices that kubelet allocated to a pod of the API server: the functions it gets, and what it is told of them.

No device plugin of SR-IOV can be had here; what it would have told kubelet is served on kubelet's socket by grpcio,
from the messages as they are published.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from plurimus.adapters import kubeconfig, netns
from plurimus.model.definition import RESOURCE_NAME
from plurimus.model.pod import NETWORK_STATUS, NETWORKS
from tests.cluster import deployed, objects
from tests.cluster.certificates import Pair
from tests.cluster.client import Client
from tests.cluster.waiting import eventually
from tests.node import links
from tests.node.daemon import Node
from tests.node.runtime import Sandbox
from tests.unit.adapters.kubelet import Kubelet
from tests.unit.adapters.kubelet import pod as allocated

from . import rdma, sriov
from .cards import Vf, carries

RESOURCE = "intel.com/sriov_rdma"
PODS = Path("/run/plurimus/pods")


@pytest.fixture(scope="module")
def admin() -> Client:
    """An administrator, on an API server that knows network attachment definitions."""
    assert "KUBECONFIG" in os.environ, "this needs an API server: run with --control-plane, as `make test-vm` does"
    access = kubeconfig.find(os.environ["KUBECONFIG"])
    assert access is not None
    assert isinstance(access.ca, Path)
    assert isinstance(access.certificate, Path)
    assert isinstance(access.key, Path)
    client = Client(access.server, access.ca, Pair(access.certificate, access.key))
    definition = deployed.definition()
    objects.ensure(client, definition)
    eventually(partial(client.get, objects.path(definition)), objects.established)
    return client


@pytest.fixture(scope="module")
def by_api(shared_node: Node, tmp_path_factory: pytest.TempPathFactory, admin: Client) -> Iterator[Node]:
    """A second daemon, on the links of the first; its cluster is the API server."""
    node = Node(tmp_path_factory.mktemp("node"), manifests="", kubeconfig=os.environ["KUBECONFIG"])
    node.script("soft-roce", rdma.SOFT_ROCE)
    try:
        node.start()
        yield node
    finally:
        for sandbox in node.sandboxes:
            sandbox.call("DEL")
            netns.delete(sandbox.netns)
        node.stop()


def sandbox(node: Node, admin: Client, namespace: str, networks: str) -> Sandbox:
    """A pod of the API server, and an empty sandbox for it."""
    written = objects.pod("trainer", namespace)
    written["metadata"]["annotations"] = {NETWORKS: networks}
    uid = objects.create(admin, written)["metadata"]["uid"]
    path = f"/run/netns/{namespace}"
    netns.create(path)
    netns.visit(path, links.trust_addresses)
    made = Sandbox(node, "trainer", namespace, f"{namespace}-trainer", path, node.netconf(node.bridge()), uid=uid)
    node.sandboxes.append(made)
    return made


def status(admin: Client, pod: Sandbox) -> list[dict[str, Any]]:
    """What the annotation tells of the networks the pod asked for."""
    written = admin.get(f"/api/v1/namespaces/{pod.namespace}/pods/{pod.pod}")["metadata"]["annotations"]
    found: list[dict[str, Any]] = json.loads(written[NETWORK_STATUS])
    return found[1:]


def test_functions_go_by_the_order_of_containers_and_programs_are_told_of_them(
    by_api: Node, admin: Client, vfs: list[Vf]
) -> None:
    """S7, S8, F51; kubelet has the second function for the first container."""
    homes = [sriov.state(vf) for vf in vfs]
    namespace = objects.new_namespace(admin)
    rail = {"cniVersion": "1.0.0", "name": "rail", "plugins": [
        {"type": "sriov", "ipam": by_api.host_local("10.56.0.0/16")}, {"type": "soft-roce"}]}  # fmt: skip
    definition = objects.network("rail", namespace, json.dumps(rail))
    definition["metadata"]["annotations"] = {RESOURCE_NAME: RESOURCE}
    objects.create(admin, definition)
    pod = sandbox(by_api, admin, namespace, "rail,rail")
    order = [vfs[1], vfs[0]]
    told = allocated("trainer", *([(RESOURCE, [vf.pci])] for vf in order), namespace=namespace)
    with Kubelet(Path("/"), [told]) as kubelet:
        pod.add()
    assert kubelet.asked == ["Get"]
    devices = []
    for number, (vf, network) in enumerate(zip(order, status(admin, pod), strict=True), 1):
        carries(f"net{number}", pod.name)
        assert vf.link(pod.name)["ifname"] == network["interface"] == f"net{number}"
        info = network["device-info"]
        card = (vf.card.device.parent / vf.card.device.name).name
        device = f"rxe-{pod.id}-net{number}"
        assert (info["type"], info["pci"]["pci-address"], info["pci"]["rdma-device"]) == ("pci", vf.pci, device)
        assert info["pci"]["pf-pci-address"] == card
        block = info["rdma"]
        (address,) = network["ips"]
        assert (block["device"], block["port"], block["gidType"]) == (device, 1, "RoCE v2")
        assert block["gid"].replace(":", "").endswith("ffff" + bytes(map(int, address.split("."))).hex())
        assert rdma.gids(pod.name, device)[block["gidIndex"]] == block["gid"]
        devices.append((vf, card, address, block))
    folder = PODS / pod.uid
    document = json.loads((folder / "rdma.json").read_bytes())
    assert document["pod"] == {"namespace": namespace, "name": "trainer", "uid": pod.uid}
    seen = [(each["interface"], each["resource"], each["deviceID"], each["pci"], each["pfPci"], each["addresses"],
             each["rdma"]) for each in document["interfaces"]]  # fmt: skip
    assert seen == [
        (f"net{number}", RESOURCE, vf.pci, vf.pci, card, [f"{address}/16"], block)
        for number, (vf, card, address, block) in enumerate(devices, 1)
    ]
    names = ",".join(f"{block['device']}:1" for *_, block in devices)
    assert f"NCCL_IB_HCA=={names}\n" in (folder / "nccl.conf").read_text()
    pod.delete()
    assert not folder.exists()
    for vf, home in zip(vfs, homes, strict=True):
        sriov.is_home(vf, home)


def test_a_pod_of_which_kubelet_has_one_device_too_few_does_not_start(
    by_api: Node, admin: Client, vfs: list[Vf]
) -> None:
    """S9: before anything runs, and the error says what is missing."""
    homes = [sriov.state(vf) for vf in vfs]
    namespace = objects.new_namespace(admin)
    rail = {"cniVersion": "1.0.0", "name": "rail", "type": "sriov", "ipam": by_api.host_local("10.56.0.0/16")}
    definition = objects.network("rail", namespace, json.dumps(rail))
    definition["metadata"]["annotations"] = {RESOURCE_NAME: RESOURCE}
    objects.create(admin, definition)
    pod = sandbox(by_api, admin, namespace, "rail,rail")
    with Kubelet(Path("/"), [allocated("trainer", [(RESOURCE, [vfs[0].pci])], namespace=namespace)]):
        answer = pod.call("ADD")
    assert answer.status == 1
    assert RESOURCE in answer.document["msg"]
    assert f"{namespace}/trainer" in answer.document["msg"]
    assert pod.links() == {}
    for vf, home in zip(vfs, homes, strict=True):
        sriov.is_home(vf, home)
