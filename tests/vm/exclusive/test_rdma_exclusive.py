"""The driver of `rdma` in exclusive mode, up to the move.

Devices are of software, and no function has one, so where the driver looks a function's device up it is told.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from plurimus.adapters import netns
from plurimus.adapters import rdma as adapter
from plurimus.adapters.netlink import NetlinkError
from plurimus.adapters.netns import NamespaceError
from plurimus.adapters.rdmadevices import RdmaDevices
from plurimus.cni.errors import AttachmentError
from plurimus.drivers import call
from plurimus.drivers.call import Call
from plurimus.drivers.rdma.driver import Rdma
from plurimus.drivers.rdma.state import SavedDevices
from plurimus.wire import rdma as wire
from tests.node.daemon import Node
from tests.vm.inside import rdma
from tests.vm.inside.cards import Vf
from tests.vm.inside.sriov import is_home, state
from tests.vm.inside.test_rdma_driver import RESOURCE, rail

POD, VF = "/run/netns/exclusive", "0000:3b:02.3"


@pytest.fixture
def device(vfs: list[Vf]) -> Iterator[str]:
    """A device on the host, and a pod."""
    netns.create(POD)
    with rdma.soft("rxe-one", vfs[0].home_name) as name:
        yield name
    netns.delete(POD)
    assert rdma.names() == []


def request(verb: str) -> Call:
    conf = {
        "cniVersion": "1.0.0",
        "name": "rail",
        "type": "rdma",
        "deviceID": VF,
        "prevResult": {"cniVersion": "1.0.0"},
    }
    env = {"CNI_COMMAND": verb, "CNI_CONTAINERID": "pod", "CNI_NETNS": POD, "CNI_IFNAME": "net1"}
    return call.read(env, json.dumps(conf).encode(), ())


def test_a_pod_sees_no_device_of_the_host(device: str) -> None:
    devices = RdmaDevices(Path("/"))
    assert devices.mode() == wire.EXCLUSIVE
    assert (rdma.names(), rdma.names("exclusive")) == ([device], [])
    assert [port.state for port in devices.ports(device)] != []
    assert devices.ports(device, POD) == []
    with adapter.connect(POD) as netlink:
        assert adapter.devices(netlink) == []


def test_a_device_that_is_not_there_is_not_moved_and_nothing_stays_open(device: str) -> None:
    open_files = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - descriptors, not files
    with pytest.raises(NetlinkError, match="RDMA device none: it has gone meanwhile"):
        RdmaDevices(Path("/")).give("none", POD)
    with pytest.raises(NetlinkError, match="RDMA device rxe-one: it has gone meanwhile"):
        RdmaDevices(Path("/")).take_back(device, POD)
    with pytest.raises(NamespaceError, match="/run/netns/none"):
        RdmaDevices(Path("/")).give(device, "/run/netns/none")
    assert len(os.listdir("/proc/self/fd")) == open_files  # noqa: PTH208
    assert rdma.names() == [device]


def test_a_move_that_fails_leaves_the_device_at_home_and_nothing_on_disk(device: str, tmp_path: Path) -> None:
    class Refusing(rdma.Soft):
        def give(self, name: str, namespace: str) -> None:
            super().give(name, "/run/netns/none")

    driver = Rdma(Refusing({VF: device}), SavedDevices(tmp_path))
    with pytest.raises(AttachmentError, match=f"deviceID {VF}: network namespace /run/netns/none"):
        asyncio.run(driver.add(request("ADD")))
    assert rdma.names() == [device]
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    asyncio.run(driver.delete(request("DEL")))


def test_driver_and_plugin_fail_alike_without_an_rdma_device_and_the_function_goes_home(
    node: Node, vfs: list[Vf]
) -> None:
    (node.bin / "rdma-original").symlink_to(rdma.ORIGINAL)
    before = state(vfs[0])
    for kind in ("rdma", "rdma-original"):
        rail(node, {"type": kind})
        pod = node.sandbox("rail", devices={RESOURCE: [vfs[0].pci]})
        assert "no RDMA devices" in pod.call("ADD").refused(999)
        is_home(vfs[0], before)
        assert not list(Path("/var/lib/cni/rdma").glob("*"))


def test_the_doctor_names_the_mode(node: Node) -> None:
    rail(node, {"type": "rdma"})
    (finding,) = rdma.doctor(node)
    assert (finding["level"], finding["text"].partition(":")[0]) == ("ok", "exclusive mode")
