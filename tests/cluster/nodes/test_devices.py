"""Devices that kubelet allocated: which network gets which, and what its plugins learn of it."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from plurimus.adapters.grpc import call
from plurimus.adapters.podresources import FOLDER, SOCKET, KubeletDevices
from plurimus.core.plan import DEVICE_INFO_DIR
from plurimus.model.pod import Pod
from plurimus.wire import podresources
from tests.allocations import by_resource
from tests.cluster import objects
from tests.cluster.client import Client
from tests.cluster.controlplane import ControlPlane
from tests.cluster.node import Node

from .deviceplugin import DEVICES, RESOURCE, DevicePlugin, needing, wanting
from .plurimus import Plurimus
from .pods import addresses, delete, network_status, running


@pytest.fixture(scope="module")
def device_plugin(plurimus: Plurimus, node: Node, control_plane: ControlPlane) -> Iterator[DevicePlugin]:
    with DevicePlugin(control_plane.admin, node.name) as device_plugin:
        yield device_plugin


@pytest.fixture
def information() -> Iterator[Path]:
    """The folder of device information, in which the device plugin has told of its devices."""
    folder = Path(DEVICE_INFO_DIR).parent
    (folder / "dp").mkdir(parents=True)
    for each in DEVICES:
        name = f"{RESOURCE}-{each}-device.json".replace("/", "-")
        (folder / "dp" / name).write_text(json.dumps({"pci": {"pci-address": each}, "version": "1.1.0", "type": "pci"}))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def calls(node: Node, plurimus: Plurimus, tmp_path: Path) -> Iterator[Path]:
    """What the executables macvlan and tuning read on stdin, in files named `verb.sandbox.interface.type`."""
    spied = {}
    for kind in ("macvlan", "tuning"):
        plugin = node.bin / kind
        spied[plugin] = real = plugin.readlink()
        plugin.unlink()
        there = f"{tmp_path}/$CNI_COMMAND.$CNI_CONTAINERID.$CNI_IFNAME.{kind}"
        plugin.write_text(f"#!/bin/sh\n/bin/cat > {there}\nexec {real} < {there}\n")
        plugin.chmod(0o755)
    with plurimus.configured(executables=["macvlan", "tuning"]):
        yield tmp_path
    for plugin, real in spied.items():
        plugin.unlink()
        plugin.symlink_to(real)


def rail(plurimus: Plurimus, admin: Client, namespace: str) -> None:
    """A network of two plugins, each attachment of which takes a device."""
    macvlan = json.loads(plurimus.macvlan(namespace)) | {"capabilities": {"deviceID": True, "CNIDeviceInfoFile": True}}
    plugins = [macvlan, {"type": "tuning", "deviceID": "of-the-definition"}]
    config = {"cniVersion": "1.0.0", "name": "rail", "plugins": plugins}
    objects.create(admin, needing(objects.network("rail", namespace, json.dumps(config))))


def read(calls: Path, verb: str, sandbox: str, ifname: str, kind: str) -> dict[str, Any]:
    conf: dict[str, Any] = json.loads((calls / f"{verb}.{sandbox}.{ifname}.{kind}").read_text())
    return conf


def test_every_plugin_of_a_network_learns_the_device_and_two_pods_have_two(
    node: Node,
    plurimus: Plurimus,
    admin: Client,
    namespace: str,
    device_plugin: DevicePlugin,
    calls: Path,
    information: Path,
) -> None:
    """F42, F48, F49, F50, F51, S8.  Spec sections 4.4, 4.6 and 5.5."""
    before = len(device_plugin.allocated)
    rail(plurimus, admin, namespace)
    for name in ("first", "second"):
        objects.create(admin, wanting(name, namespace, "rail", 1))
    given = set()
    for name in ("first", "second"):
        running(admin, name, namespace)
        sandbox = node.sandbox(namespace, name).id
        for verb, kind in (("ADD", "macvlan"), ("ADD", "tuning")):
            conf = read(calls, verb, sandbox, "net1", kind)
            assert conf["deviceID"] == conf["pciBusID"]
            given.add(conf["deviceID"])
        macvlan, tuning = (read(calls, "ADD", sandbox, "net1", kind) for kind in ("macvlan", "tuning"))
        info = f"/var/run/k8s.cni.cncf.io/devinfo/cni/{namespace}-rail-{sandbox}_net1"
        assert macvlan["runtimeConfig"] == {"deviceID": macvlan["deviceID"], "CNIDeviceInfoFile": info}
        assert tuning["deviceID"] == macvlan["deviceID"]
        assert "runtimeConfig" not in tuning
        status = network_status(admin, name, namespace)
        assert [(each["name"], each["interface"]) for each in status[1:]] == [(f"{namespace}/rail", "net1")]
        told = status[1]["device-info"]
        assert told == {"type": "pci", "version": "1.1.0", "pci": {"pci-address": macvlan["deviceID"]}}
        assert json.loads(Path(info).read_text()) == told
    assert sorted(given) == sorted(chain(*device_plugin.allocated[before:]))
    assert len(given) == 2
    for name in ("first", "second"):
        delete(admin, name, namespace)
    assert list((information / "cni").iterdir()) == []
    assert len(list((information / "dp").iterdir())) == len(DEVICES)


async def test_each_container_gives_its_devices_in_turn(
    node: Node, plurimus: Plurimus, admin: Client, namespace: str, device_plugin: DevicePlugin, calls: Path
) -> None:
    """F51, F52, F87, S7, S8; kubelet's list of all pods and its file tell the same as its answer for one."""
    before = len(device_plugin.allocated)
    rail(plurimus, admin, namespace)
    made = objects.create(admin, wanting("trainer", namespace, "rail,rail,rail", 1, 2))
    running(admin, "trainer", namespace)
    allocated = device_plugin.allocated[before:]
    assert [len(each) for each in allocated] == [1, 2]
    # so it is seen where they are sorted as one
    assert allocated[0] > allocated[1]
    sandbox = node.sandbox(namespace, "trainer")
    read_by = [read(calls, "ADD", sandbox.id, f"net{index}", "macvlan")["deviceID"] for index in (1, 2, 3)]
    assert read_by == [*allocated[0], *allocated[1]]
    assert addresses(sandbox.netns).keys() == {"eth0", "net1", "net2", "net3"}
    trainer = Pod(namespace, "trainer", made["metadata"]["uid"])
    listed = podresources.listed(
        await call(Path(FOLDER) / SOCKET, podresources.LIST, b"", seconds=60), namespace, "trainer"
    )
    request = podresources.get_request(namespace, "trainer")
    got = podresources.got(await call(Path(FOLDER) / SOCKET, podresources.GET, request, seconds=60))
    assert [sorted(set(each.devices)) for each in got.containers] == [
        [(RESOURCE, (device,)) for device in each] for each in allocated
    ]
    assert [[sorted(each.devices) for each in one.containers] for one in listed] == [
        [sorted(each.devices) for each in got.containers]
    ]
    # more at once than kubelet takes: it refuses most of them at first
    kubelet = KubeletDevices([Path("/")], timeout=60)
    answers = await asyncio.gather(*(kubelet.allocated(trainer) for _ in range(60)))
    assert [by_resource(each) for each in answers] == [{RESOURCE: read_by}] * 60
    without_socket = calls / FOLDER.lstrip("/")
    without_socket.mkdir(parents=True)
    (without_socket / "device-plugins").symlink_to(Path(FOLDER) / "device-plugins")
    assert by_resource(await KubeletDevices([calls], timeout=60).allocated(trainer)) == {RESOURCE: read_by}
