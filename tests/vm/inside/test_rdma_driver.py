"""The driver of `rdma` in shared mode, which the machine has unless it is told otherwise: nothing can be moved."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from plurimus.adapters import netns
from plurimus.adapters import rdma as adapter
from plurimus.adapters.netlink import NetlinkError
from plurimus.adapters.rdmadevices import RdmaDevices
from plurimus.wire import rdma as wire
from tests.node.daemon import Node

from . import rdma
from .cards import Vf
from .sriov import is_home, state

RESOURCE = "intel.com/sriov_rdma"


def rail(node: Node, *chained: dict[str, Any]) -> None:
    """A network of functions with addresses and the plugins behind."""
    sriov = {"type": "sriov", "ipam": node.host_local("10.56.0.0/16")}
    conf = {"cniVersion": "1.0.0", "name": "rail", "plugins": [sriov, *chained]}
    node.network("rail", conf, **{"k8s.v1.cni.cncf.io/resourceName": RESOURCE})


def test_devices_and_ports_are_those_the_tool_lists(vfs: list[Vf]) -> None:
    """F31; made, found, renamed and removed over netlink."""
    with rdma.soft("rxe-one", vfs[0].home_name), rdma.soft("rxe-two", vfs[1].home_name), adapter.connect() as netlink:
        listed = {each["ifname"]: int(each["node_guid"].replace(":", ""), 16) for each in rdma.tool("dev")}
        found = adapter.devices(netlink)
        assert {device.name: device.node_guid for device in found} == listed
        assert {device.protocol for device in found} == {"roce"}
        ports = [port for device in found for port in adapter.ports(netlink, device)]
        links = [(each["ifname"], each["port"], each["state"], each["netdev"]) for each in rdma.tool("link")]
        assert [(port.device, port.number, port.state, port.netdev) for port in ports] == links
        device = adapter.find(netlink, "rxe-one")
        assert device is not None
        adapter.rename(netlink, device, "rxe-three")
        assert rdma.names() == ["rxe-three", "rxe-two"]
        with pytest.raises(NetlinkError, match="making RDMA device rxe-two"):
            adapter.add_link(netlink, "rxe-two", "rxe", vfs[0].home_name)
        adapter.delete_link(netlink, device)
        assert adapter.ports(netlink, device) == []
    assert rdma.names() == []


def test_the_kernel_moves_no_device_in_shared_mode_and_the_error_says_why(vfs: list[Vf]) -> None:
    netns.create("/run/netns/moved-to")
    devices = RdmaDevices(Path("/"))
    assert devices.mode() == wire.SHARED
    open_files = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - descriptors, not files
    with rdma.soft("rxe-one", vfs[0].home_name), pytest.raises(NetlinkError, match="shared netns mode") as refused:
        devices.give("rxe-one", "/run/netns/moved-to")
    assert "moving RDMA device rxe-one to the pod (/run/netns/moved-to)" in refused.value.msg
    assert len(os.listdir("/proc/self/fd")) == open_files  # noqa: PTH208
    netns.delete("/run/netns/moved-to")


def test_driver_and_plugin_refuse_shared_mode_and_the_function_goes_home(node: Node, vfs: list[Vf]) -> None:
    """F31; the plugin runs under another name, since the daemon has a driver for its own."""
    (node.bin / "rdma-original").symlink_to(rdma.ORIGINAL)
    before = state(vfs[0])
    for kind in ("rdma", "rdma-original"):
        rail(node, {"type": kind})
        pod = node.sandbox("rail", devices={RESOURCE: [vfs[0].pci]})
        assert "shared" in pod.call("ADD").refused(999)
        is_home(vfs[0], before)
        assert pod.recorded() == []
        assert not list(Path("/var/lib/cni/rdma").glob("*"))


def test_a_function_without_an_rdma_device_is_told_where_shared_mode_is_wanted(node: Node, vfs: list[Vf]) -> None:
    before = state(vfs[0])
    rail(node, {"type": "rdma", "sharedMode": "skip"})
    pod = node.sandbox("rail", devices={RESOURCE: [vfs[0].pci]})
    assert f"no RDMA devices found for deviceID {vfs[0].pci}" in pod.call("ADD").refused(999)
    is_home(vfs[0], before)


def test_the_doctor_names_the_mode_and_the_networks_it_fails(node: Node) -> None:
    (finding,) = rdma.doctor(node)
    assert (finding["level"], finding["text"].partition(",")[0].partition(":")[0]) == ("ok", "shared mode")
    rail(node, {"type": "rdma"})
    (finding,) = rdma.doctor(node)
    assert finding["level"] == "warning"
    assert "default/rail" in finding["text"]
    assert "netns_mode=0" in finding["todo"]
