"""The quick start people know, through kubectl: a definition, an annotation, a pod with eth0 and net1."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import images
from tests.cluster.client import Client
from tests.cluster.controlplane import ControlPlane
from tests.cluster.node import Node
from tests.cluster.waiting import eventually
from tests.node.snapshot import ip

from .deviceplugin import RESOURCE, DevicePlugin
from .plurimus import UPLINK, Plurimus
from .pods import addresses, delete, network_status, running
from .whereabouts import Whereabouts

DEFINITION = """\
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata:
  name: sriov-rdma
  annotations:
    k8s.v1.cni.cncf.io/resourceName: intel.com/sriov_rdma
spec:
  config: '{"type":"sriov","vlan":100,"ipam":{"type":"whereabouts","range":"10.56.0.0/16"}}'
""".replace('"type":"sriov"', '"type":"macvlan"')
"""As it is for SR-IOV, but for the type: macvlan goes on top of the link of the node's default route."""
POD = f"""\
apiVersion: v1
kind: Pod
metadata:
  name: trainer
  annotations:
    k8s.v1.cni.cncf.io/networks: sriov-rdma
spec:
  terminationGracePeriodSeconds: 5
  containers:
    - name: waits
      image: {images.WAITS}
      imagePullPolicy: Never
      resources:
        limits:
          {RESOURCE}: "1"
"""


@pytest.fixture
def default_route(plurimus: Plurimus) -> Iterator[None]:
    """A node has one; here it leads to the uplink."""
    ip("route", "add", "default", "dev", UPLINK)
    yield
    ip("route", "delete", "default", "dev", UPLINK)


@pytest.fixture
def device_plugin(plurimus: Plurimus, node: Node, admin: Client) -> Iterator[DevicePlugin]:
    """What tells kubelet of the node's devices."""
    with DevicePlugin(admin, node.name) as device_plugin:
        yield device_plugin


@pytest.fixture
def whereabouts(
    logs: list[Path], node: Node, plurimus: Plurimus, control_plane: ControlPlane, tmp_path: Path
) -> Iterator[Whereabouts]:
    """After Plurimus, so that it is removed before it."""
    logs.append(tmp_path)
    with Whereabouts(tmp_path, node, control_plane) as whereabouts:
        yield whereabouts


def test_the_quick_start_gives_a_pod_eth0_and_net1_with_an_address_of_the_whole_cluster(
    node: Node,
    plurimus: Plurimus,
    control_plane: ControlPlane,
    admin: Client,
    whereabouts: Whereabouts,
    device_plugin: DevicePlugin,
    default_route: None,
    namespace: str,
    tmp_path: Path,
) -> None:
    """F1, F27, F40, F45, F48, F51; spec section 9: whereabouts as IPAM, a device plugin."""
    before = plurimus.left()
    (tmp_path / "definition.yaml").write_text(DEFINITION)
    (tmp_path / "pod.yaml").write_text(POD)
    for name, said in (("definition", "networkattachmentdefinition"), ("pod", "pod/trainer")):
        applied = control_plane.kubectl("apply", "--filename", str(tmp_path / f"{name}.yaml"), namespace=namespace)
        assert applied.startswith(said)
        assert applied.endswith(" created\n")
    address = running(admin, "trainer", namespace)["podIP"]
    found = addresses(node.sandbox(namespace, "trainer").netns)
    assert found == {"eth0": [f"{address}/24"], "net1": ["10.56.0.1/16"]}
    assert [each["name"] for each in network_status(admin, "trainer", namespace)] == [
        "primary",
        f"{namespace}/sriov-rdma",
    ]
    described = control_plane.kubectl("describe", "pod", "trainer", namespace=namespace)
    assert f"Add net1 [10.56.0.1/16] from {namespace}/sriov-rdma" in described
    assert whereabouts.allocations() == [f"{namespace}/trainer"]
    config = plurimus.executed("sriov-rdma", node.sandbox(namespace, "trainer").id, "net1")
    assert [[config["deviceID"]]] == device_plugin.allocated
    assert (config["pciBusID"], config["vlan"]) == (config["deviceID"], 100)
    delete(admin, "trainer", namespace)
    plurimus.is_as(before)
    eventually(lambda: whereabouts.allocations() == [])
