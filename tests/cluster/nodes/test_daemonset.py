"""Plurimus as its manifest deploys it: one `kubectl apply`, the image built here, a daemon in a container."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import objects
from tests.cluster.client import Client
from tests.cluster.controlplane import ControlPlane
from tests.cluster.node import Node
from tests.node.snapshot import ip, ip_json

from .daemonset import DaemonSet
from .deviceplugin import DevicePlugin, needing, wanting
from .places import default_places
from .pods import addresses, delete, network_status, pod, running

CAPABILITIES = {
    "DAC_OVERRIDE": 1, "NET_ADMIN": 12, "NET_RAW": 13, "SYS_CHROOT": 18, "SYS_PTRACE": 19, "SYS_ADMIN": 21,
}.values()  # fmt: skip
"""By their numbers in the kernel."""


@pytest.fixture(scope="module")
def plurimus(
    logs: list[Path], control_plane: ControlPlane, node: Node, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DaemonSet]:
    """In place of the one that is installed by hand."""
    folder = tmp_path_factory.mktemp("daemonset")
    logs.append(folder)
    with default_places(folder / "places", node), DaemonSet(folder, node, control_plane) as daemonset:
        yield daemonset


def test_the_quick_start_works_with_nothing_applied_but_the_manifest(
    node: Node, plurimus: DaemonSet, admin: Client, namespace: str
) -> None:
    """F1, F2, F27, F40, F63, F83; spec section 8.1."""
    plurimus.network("rail", namespace)
    before = plurimus.left()
    objects.create(admin, pod("trainer", namespace, "rail"))
    address = running(admin, "trainer", namespace)["podIP"]
    found = addresses(node.sandbox(namespace, "trainer").netns)
    assert found == {"eth0": [f"{address}/24"], "net1": ["10.10.0.2/16"]}
    assert [each["name"] for each in network_status(admin, "trainer", namespace)] == ["primary", f"{namespace}/rail"]
    delete(admin, "trainer", namespace)
    plurimus.is_as(before)


def test_the_doctor_in_the_daemons_container_finds_nothing_wrong(plurimus: DaemonSet) -> None:
    """The daemon's own view: its file, socket, identity, and the host's folders."""
    findings = json.loads(plurimus.inside("plurimus", "doctor", "--output", "json"))
    assert {each["level"] for each in findings} == {"ok"}, findings


def test_pods_go_on_while_the_daemon_set_is_updated_and_are_deleted_by_the_next_daemon(
    node: Node, plurimus: DaemonSet, admin: Client, namespace: str
) -> None:
    """F2, S3: the node's CNI configuration and what is known of its pods stay where they are."""
    plurimus.network("rail", namespace)
    before = plurimus.left()
    objects.create(admin, pod("old", namespace, "rail"))
    running(admin, "old", namespace)
    old = node.sandbox(namespace, "old"), addresses(node.sandbox(namespace, "old").netns)
    (replaced,) = plurimus.pods()
    plurimus.update(annotation="new")
    (replacing,) = plurimus.pods()
    assert replacing["metadata"]["uid"] != replaced["metadata"]["uid"]
    objects.create(admin, pod("new", namespace, "rail"))
    running(admin, "new", namespace)
    assert (node.sandbox(namespace, "old"), addresses(node.sandbox(namespace, "old").netns)) == old
    assert addresses(node.sandbox(namespace, "new").netns).keys() == old[1].keys() == {"eth0", "net1"}
    for name in ("old", "new"):
        delete(admin, name, namespace)
    plurimus.is_as(before)


def test_the_daemon_is_ready_and_alive_while_the_api_server_is_away(
    plurimus: DaemonSet, control_plane: ControlPlane, node: Node
) -> None:
    """F62: what its probes ask, as a kubelet that cannot tell anybody would."""
    container = plurimus.container()
    control_plane.apiserver.stop()
    try:
        for path in ("/readyz", "/healthz"):
            words = ["plurimus-shim", "--ask", path, "/host/run/multus"]
            assert node.containerd.ctr("tasks", "exec", "--exec-id", f"ask{path[1:]}", container, *words) == ""
    finally:
        control_plane.apiserver.start()


def test_plugins_that_set_sysctls_routes_and_rules_work_in_the_daemons_container(
    node: Node, plurimus: DaemonSet, admin: Client, namespace: str
) -> None:
    """F63: below the host's root, with the capabilities of the manifest and no more."""
    ranges = {"ranges": [[{"subnet": "10.10.0.0/16"}]], "dataDir": str(plurimus.ipam / namespace)}
    ipam = {"type": "host-local", "routes": [{"dst": "192.0.2.0/24"}], **ranges}
    bridge = {"type": "bridge", "bridge": "second0", "isGateway": True, "ipMasq": True, "ipam": ipam}
    tuning = {"type": "tuning", "sysctl": {"net.ipv4.conf.IFNAME.arp_filter": "1"}, "mac": "02:00:00:00:00:07"}
    config = {"cniVersion": "1.0.0", "name": "second", "plugins": [bridge, tuning, {"type": "sbr"}]}
    before = plurimus.left()
    objects.create(admin, objects.network("second", namespace, json.dumps(config)))
    objects.create(admin, pod("trainer", namespace, "second"))
    running(admin, "trainer", namespace)
    netns = node.sandbox(namespace, "trainer").netns
    assert addresses(netns)["net1"] == ["10.10.0.2/16"]
    (link,) = [each for each in ip_json("link", namespace=netns) if each["ifname"] == "net1"]
    assert link["address"] == "02:00:00:00:00:07"
    shown = subprocess.run(
        ["ip", "netns", "exec", netns, "cat", "/proc/sys/net/ipv4/conf/net1/arp_filter"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert shown.stdout == "1\n"
    assert any(rule.get("src") == "10.10.0.2" for rule in ip_json("rule", namespace=netns))
    delete(admin, "trainer", namespace)
    ip("link", "delete", "second0")
    plurimus.is_as(before)


def test_the_daemons_container_has_the_capabilities_of_the_manifest_alone(plurimus: DaemonSet) -> None:
    """Spec section 8.1: Multus' container is privileged."""
    status = dict(line.split(":\t", 1) for line in plurimus.inside("cat", "/proc/self/status").splitlines())
    assert int(status["CapEff"], 16) == sum(1 << number for number in CAPABILITIES)
    assert set(plurimus.inside("ls", "/dev").split()) & {"kmsg", "mem", "net", "vda", "vfio"} == set()


def test_a_device_goes_to_the_network_from_within_a_container(
    node: Node, plurimus: DaemonSet, admin: Client, namespace: str
) -> None:
    """F48, F51, F63: kubelet is asked below the root of the host."""
    before = plurimus.left()
    objects.create(admin, needing(objects.network("rail", namespace, plurimus.macvlan(namespace))))
    with DevicePlugin(admin, node.name) as device_plugin:
        objects.create(admin, wanting("trainer", namespace, "rail", 1))
        running(admin, "trainer", namespace)
    config = plurimus.executed("rail", node.sandbox(namespace, "trainer").id, "net1")
    assert [[config["deviceID"]]] == device_plugin.allocated
    delete(admin, "trainer", namespace)
    plurimus.is_as(before)
