"""Devices of device plugins and of claims on a real node: kubelet, scheduler and the claims' controller as they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster import objects
from tests.cluster.claims import claiming, device, template
from tests.cluster.client import Client, Object
from tests.cluster.controlplane import ControlPlane
from tests.cluster.node import Node
from tests.cluster.waiting import eventually

from .deviceplugin import RESOURCE, DevicePlugin, needing, wanting
from .dradriver import CLASS, DraDriver
from .plurimus import Plurimus
from .pods import delete, network_status, pod, running, said, starting

STORAGE = "intel.com/sriov_storage"
ONE, TWO, THREE = "0000:41:00.1", "0000:41:00.2", "0000:41:00.3"
TWICE = "0000:81:00.7"
"""One that the device plugin has, too."""


@pytest.fixture(scope="module")
def rails(plurimus: Plurimus, node: Node, control_plane: ControlPlane) -> Iterator[DevicePlugin]:
    with DevicePlugin(control_plane.admin, node.name) as device_plugin:
        yield device_plugin


@pytest.fixture(scope="module")
def driver(rails: DevicePlugin, node: Node, control_plane: ControlPlane) -> Iterator[DraDriver]:
    """Its devices are of the device plugin's resource; one is no network's, and one the device plugin has, too."""
    devices = [device(f"vf-{number}", each, RESOURCE) for number, each in enumerate((ONE, TWO, TWICE))]
    unfit = device("unfit", THREE, RESOURCE)
    del unfit["attributes"]["k8s.cni.cncf.io/resourceName"]
    with DraDriver(control_plane.admin, node.name, *devices, unfit) as driver:
        yield driver


def network(plurimus: Plurimus, admin: Client, namespace: str, name: str, resource: str = RESOURCE) -> None:
    objects.create(admin, needing(objects.network(name, namespace, plurimus.macvlan(namespace)), resource))


def given(plurimus: Plurimus, node: Node, namespace: str, name: str, *networks: str) -> list[str]:
    """The device that each network of a pod was made with, in the order of its interfaces."""
    sandbox = node.sandbox(namespace, name).id
    configs = [plurimus.executed(name, sandbox, f"net{index}") for index, name in enumerate(networks, 1)]
    return [config["deviceID"] for config in configs]


def test_two_containers_with_two_resources_each(
    node: Node, plurimus: Plurimus, admin: Client, namespace: str, rails: DevicePlugin
) -> None:
    """F51, S7, S8: by themselves in the order of the containers, else as the annotation says."""
    for name, resource in (("rail", RESOURCE), ("disk", STORAGE)):
        network(plurimus, admin, namespace, name, resource)
    disks = {"0000:51:00.1": [0], "0000:51:00.2": [0], "0000:51:00.3": [0]}
    with DevicePlugin(admin, node.name, STORAGE, disks) as storage:
        before = len(rails.allocated)
        each = {RESOURCE: 1, STORAGE: 1}
        objects.create(admin, wanting("trainer", namespace, "disk,rail,disk,rail", each, each))
        running(admin, "trainer", namespace)
        (rail0,), (rail1,) = rails.allocated[before:]
        (disk0,), (disk1,) = storage.allocated
        assert given(plurimus, node, namespace, "trainer", "disk", "rail", "disk", "rail") == [
            disk0,
            rail0,
            disk1,
            rail1,
        ]
        delete(admin, "trainer", namespace)
        before = len(rails.allocated)
        named = [{"name": "rail", "container": "c1"}, {"name": "disk"}, {"name": "rail"}]
        objects.create(admin, wanting("second", namespace, named, each, each))
        running(admin, "second", namespace)
        (rail0,), (rail1,) = rails.allocated[before:]
        disk0 = storage.allocated[2][0]
        assert given(plurimus, node, namespace, "second", "rail", "disk", "rail") == [rail1, disk0, rail0]
        delete(admin, "second", namespace)


def both(name: str, namespace: str, networks: Any, plugin: int, containers: dict[str, list[str]]) -> Object:
    """A pod the first of whose containers requests devices of the plugin; all use claims of the template `vfs`."""
    made = claiming(name, namespace, containers, {"vfs": None})
    made["metadata"]["annotations"] = pod("x", namespace, networks)["metadata"]["annotations"]
    if plugin:
        made["spec"]["containers"][0]["resources"]["limits"] = {RESOURCE: str(plugin)}
    return made


def test_devices_of_claims_come_behind_those_of_the_device_plugin(
    node: Node, plurimus: Plurimus, admin: Client, namespace: str, rails: DevicePlugin, driver: DraDriver
) -> None:
    """F53, F55, S7: of one resource; the annotation names containers and devices of either."""
    network(plurimus, admin, namespace, "rail")
    objects.create(admin, template("vfs", namespace, CLASS, TWO, ONE))
    containers = {"loader": [], "trainer": ["vfs"]}
    before = len(rails.allocated)
    objects.create(admin, both("trainer", namespace, "rail,rail,rail", 1, containers))
    running(admin, "trainer", namespace)
    ((mine,),) = rails.allocated[before:]
    assert given(plurimus, node, namespace, "trainer", "rail", "rail", "rail") == [mine, TWO, ONE]
    assert len(driver.prepared) == 1
    assert [each["interface"] for each in network_status(admin, "trainer", namespace)] == [
        "eth0",
        "net1",
        "net2",
        "net3",
    ]
    delete(admin, "trainer", namespace)
    eventually(lambda: driver.prepared == set())
    named = [{"name": "rail", "container": "trainer"}, {"name": "rail", "deviceID": TWO}, {"name": "rail"}]
    before = len(rails.allocated)
    objects.create(admin, both("second", namespace, named, 1, containers))
    running(admin, "second", namespace)
    mine = rails.allocated[before][0]
    assert given(plurimus, node, namespace, "second", "rail", "rail", "rail") == [ONE, TWO, mine]
    delete(admin, "second", namespace)


def test_a_device_that_both_tell_is_given_once(
    plurimus: Plurimus, admin: Client, namespace: str, rails: DevicePlugin, driver: DraDriver
) -> None:
    """S8, S9: a function that is claimed and plugged at once is still one."""
    network(plurimus, admin, namespace, "rail")
    objects.create(admin, template("vfs", namespace, CLASS, TWICE))
    before = len(rails.allocated)
    objects.create(admin, both("trainer", namespace, "rail,rail", 1, {"trainer": ["vfs"]}))
    _, _, text = said(admin, "trainer", namespace, "FailedCreatePodSandBox")
    assert rails.allocated[before:] == [[TWICE]]
    assert f"pod {namespace}/trainer has 1 allocated and asks for 2" in text
    assert starting(admin, "trainer", namespace)


def test_a_claimed_device_that_is_no_networks_is_said_and_nothing_is_attached(
    plurimus: Plurimus, admin: Client, namespace: str, driver: DraDriver
) -> None:
    """S9, S48: network, resource, pod, claim, driver, and what to check."""
    before = plurimus.left()
    network(plurimus, admin, namespace, "rail")
    objects.create(admin, template("vfs", namespace, CLASS, THREE))
    objects.create(admin, both("trainer", namespace, "rail", 0, {"trainer": ["vfs"]}))
    _, _, text = said(admin, "trainer", namespace, "FailedCreatePodSandBox")
    (claim,) = [each.removeprefix(f"{namespace}/") for each in driver.prepared if each.startswith(f"{namespace}/")]
    for part in (
        f"network '{namespace}/rail' needs a device of '{RESOURCE}': pod {namespace}/trainer has 0 allocated",
        f"claim {namespace}/{claim}: unfit of driver sriov.example.com: no attribute k8s.cni.cncf.io/resourceName",
        "check the driver's configuration",
    ):
        assert part in text
    delete(admin, "trainer", namespace)
    plurimus.is_as(before)
