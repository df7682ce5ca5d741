"""The driver of `sriov` on cards that have virtual functions, beside the plugin it stands for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plurimus.adapters import netns
from plurimus.cni.errors import AttachmentError
from tests.node.daemon import Node
from tests.node.snapshot import ip_json, run

from . import sriov
from .cards import Card, Vf, carries
from .sriov import call, is_home, request, state

RESOURCE = "intel.com/sriov_rdma"
PODS = ("pod-a", "pod-b")
STATIC = {
    "type": "static",
    "addresses": [{"address": "10.56.0.2/16"}],
    "routes": [{"dst": "10.99.0.0/16", "gw": "10.56.0.1"}],
}
SETTINGS = {"vlan": 100, "vlanQoS": 3, "spoofchk": "off", "trust": "on", "mac": "02:00:00:00:00:11", "max_tx_rate": 200}


@pytest.fixture(autouse=True)
def nothing_on_disk() -> Iterator[None]:
    yield
    sriov.forget()


@pytest.fixture
def pods() -> Iterator[tuple[str, ...]]:
    for pod in PODS:
        netns.create(f"/run/netns/{pod}")
    yield PODS
    for pod in PODS:
        netns.delete(f"/run/netns/{pod}")


def test_the_quick_start_gives_a_pod_a_function_and_takes_it_back(node: Node, vfs: list[Vf]) -> None:
    """F8, F31."""
    before = [state(vf) for vf in vfs]
    conf = {"cniVersion": "1.0.0", "type": "sriov", "vlan": 100, "ipam": node.host_local("10.56.0.0/16")}
    node.network("sriov-rdma", conf, **{"k8s.v1.cni.cncf.io/resourceName": RESOURCE})
    made = [node.sandbox("sriov-rdma", devices={RESOURCE: [vf.pci]}) for vf in vfs]
    for pod, vf, home in zip(made, vfs, before, strict=True):
        pod.add()
        link = vf.link(pod.name)
        assert (link["ifname"], link["address"]) == ("net1", home["address"])
        assert sriov.vlan(vf) == 100
        (status,) = [each for each in pod.network_status() if each["interface"] == "net1"]
        assert (status["mac"], status["ips"]) == (link["address"], ["10.56.0.2" if pod is made[0] else "10.56.0.3"])
    first, second = made
    for pod in made:
        carries("net1", pod.name)
    (address,) = second.addresses()["net1"]
    run("ip", "netns", "exec", first.name, "ping", "-c", "1", "-W", "10", "-I", "net1", address.partition("/")[0])
    for pod in made:
        pod.check()
        pod.delete()
    for vf, home in zip(vfs, before, strict=True):
        is_home(vf, home)


def test_driver_and_plugin_give_the_same_result_and_leave_the_same_state(vfs: list[Vf], pods: Any) -> None:
    vf, pod = vfs[0], pods[0]
    before, seen = state(vf), []
    for plugins in (sriov.driver(), sriov.plugin()):
        made = call(plugins, "ADD", vf, pod, ipam=STATIC, vlan=100)
        link = {key: vf.link(pod)[key] for key in ("ifname", "address", "mtu")}
        addresses = [each["local"] for each in ip_json("-4", "addr", "show", "net1", namespace=pod)[0]["addr_info"]]
        routes = [(route["dst"], route.get("gateway")) for route in ip_json("route", "show", namespace=pod)]
        seen.append((made, link, vf.settings(), addresses, routes))
        call(plugins, "DEL", vf, pod, ipam=STATIC, vlan=100)
        is_home(vf, before)
    assert seen[0] == seen[1]
    assert (seen[0][1]["ifname"], seen[0][3]) == ("net1", ["10.56.0.2"])


@pytest.mark.parametrize("adds", ["driver", "plugin"])
def test_what_one_of_both_added_the_other_deletes(vfs: list[Vf], pods: Any, adds: str) -> None:
    vf, pod, before = vfs[0], pods[0], state(vfs[0])
    both = {"driver": sriov.driver(), "plugin": sriov.plugin()}
    adder, other = both.pop(adds), both.popitem()[1]
    call(adder, "ADD", vf, pod, ipam=STATIC, vlan=100)
    assert sriov.vlan(vf) == 100
    call(other, "DEL", vf, pod, ipam=STATIC, vlan=100)
    assert state(vf) == before
    # this release of the plugin knows no files of allocations
    assert sriov.left() == ([f"pci/{vf.pci}"] if adds == "driver" else [])


def test_a_mac_is_the_pods_again_and_again_without_trust(vfs: list[Vf], pods: Any) -> None:
    vf, before = vfs[0], state(vfs[0])
    for number in range(3):
        mac = f"02:00:00:00:00:2{number}"
        made = call(sriov.driver(), "ADD", vf, pods[0], mac=mac)
        assert made["interfaces"][0]["mac"] == vf.link(pods[0])["address"] == mac
        call(sriov.driver(), "DEL", vf, pods[0], mac=mac)
        is_home(vf, before)


def test_an_mtu_is_set_and_goes_again(vfs: list[Vf], pods: Any) -> None:
    vf, before = vfs[0], state(vfs[0])
    made = call(sriov.driver(), "ADD", vf, pods[0], mtu=9000, cniVersion="1.1.0")
    assert made["interfaces"][0] | {"mac": ""} == {
        "name": "net1", "mac": "", "mtu": 9000, "sandbox": f"/run/netns/{pods[0]}", "pciID": vf.pci
    }  # fmt: skip
    call(sriov.driver(), "DEL", vf, pods[0])
    is_home(vf, before)


def test_routes_wait_until_an_ipv6_address_is_known_to_be_nobody_elses(vfs: list[Vf], pods: Any) -> None:
    ipam = {"type": "static", "addresses": [{"address": "fd56::2/64", "gateway": "fd56::1"}],
            "routes": [{"dst": "fd99::/64", "mtu": 1400}, {"dst": "::/0"}]}  # fmt: skip
    call(sriov.driver(), "ADD", vfs[0], pods[0], ipam=ipam, cniVersion="1.0.0")
    (route,) = ip_json("-6", "route", "show", "fd99::/64", namespace=pods[0])
    assert (route["gateway"], route["dev"]) == ("fd56::1", "net1")
    (address,) = [
        each
        for each in ip_json("addr", "show", "net1", namespace=pods[0])[0]["addr_info"]
        if each["local"] == "fd56::2"
    ]
    assert not address.get("dadfailed")
    call(sriov.driver(), "DEL", vfs[0], pods[0], ipam=ipam, cniVersion="1.0.0")


def test_all_functions_of_a_card_are_taken_and_given_back_at_the_same_time(card: Card) -> None:
    with card.functions(7) as vfs:
        before, plugins = [state(vf) for vf in vfs], sriov.driver()
        pods = [f"many{vf.index}" for vf in vfs]
        for pod in pods:
            netns.create(f"/run/netns/{pod}")
        try:
            both = list(zip(vfs, pods, strict=True))
            sriov.together(*(request(plugins, "ADD", vf, pod, vlan=100 + vf.index) for vf, pod in both))
            assert [sriov.vlan(vf) for vf in vfs] == list(range(100, 107))
            sriov.together(*(request(plugins, "DEL", vf, pod, vlan=100 + vf.index) for vf, pod in both))
        finally:
            for pod in pods:
                netns.delete(f"/run/netns/{pod}")
        for vf, home in zip(vfs, before, strict=True):
            is_home(vf, home)


def test_an_add_the_card_refuses_leaves_the_function_as_it_was(vfs: list[Vf], pods: Any) -> None:
    before = state(vfs[0])
    with pytest.raises(AttachmentError, match="link_state"):
        call(sriov.driver(), "ADD", vfs[0], pods[0], **SETTINGS, link_state="enable")
    is_home(vfs[0], before)


def test_a_function_in_use_is_given_to_nobody_else(vfs: list[Vf], pods: Any) -> None:
    plugins = sriov.driver()
    call(plugins, "ADD", vfs[0], pods[0])
    with pytest.raises(AttachmentError, match="already allocated"):
        call(plugins, "ADD", vfs[0], pods[1])
    assert vfs[0].link(pods[0])["ifname"] == "net1"
    call(plugins, "DEL", vfs[0], pods[0])


@pytest.fixture
def userspace(vfs: list[Vf]) -> Vf:
    """A function that a driver for programs has; the usual one, vfio-pci, wants an IOMMU, which this machine lacks."""
    run("modprobe", "uio_pci_generic")
    vf = vfs[0]
    device = Path("/sys/bus/pci/devices") / vf.pci
    (device / "driver/unbind").write_text(vf.pci)
    (device / "driver_override").write_text("uio_pci_generic")
    Path("/sys/bus/pci/drivers_probe").write_text(vf.pci)
    assert (device / "driver").readlink().name == "uio_pci_generic"
    return vf


def test_a_function_of_a_userspace_driver_is_set_and_stays_with_its_driver(userspace: Vf, pods: Any) -> None:
    before, mac = userspace.settings(), "02:00:00:00:00:11"
    made = call(sriov.driver(), "ADD", userspace, pods[0], ipam=STATIC, vlan=100, mac=mac)
    assert made["interfaces"] == [{"name": "net1", "mac": mac, "sandbox": f"/run/netns/{pods[0]}"}]
    assert (sriov.vlan(userspace), userspace.settings()["address"]) == (100, mac)
    assert [link["ifname"] for link in ip_json("link", "show", namespace=pods[0])] == ["lo"]
    call(sriov.driver(), "DEL", userspace, pods[0], ipam=STATIC, vlan=100, mac=mac)
    assert userspace.settings() == before
    assert sriov.left() == []
    assert userspace.host_names() == []
