"""`host-device` inside the daemon, beside the plugin it stands for; the host is the tests' own namespace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from plurimus.cni import result
from plurimus.cni.errors import AttachmentError, ConfigError

from .givers import TYPE
from .hostdevices import (
    MAC,
    NIC,
    WITH_ADDRESSES,
    alias,
    conf,
    driver,
    host,
    nics,  # noqa: F401 - nics is a fixture
    pool,
)
from .snapshot import ip, kernel
from .twins import OURS, THEIRS, ours, path, theirs

pytestmark = pytest.mark.usefixtures("root")


@pytest.mark.parametrize("state", ["up", "down"])
@pytest.mark.parametrize(
    "more", [{"device": NIC}, {"hwaddr": MAC.upper()}, {"device": NIC, "hwaddr": "02:00:00:00:00:99"}]
)
@pytest.mark.parametrize("version", ["0.3.1", "0.4.0", "1.0.0", "1.1.0"])
def test_pod_host_and_result_are_the_plugins(more: dict[str, Any], version: str, state: str) -> None:
    """Plugins spec, variants 54 and 55."""
    ip("link", "set", NIC, state)
    printed, pods, hosts = [], [], []
    for name, act in ((OURS, lambda *call: ours(driver(), *call)), (THEIRS, theirs)):
        made = act("ADD", conf(more, version))
        printed.append(made.replace(name, "pod"))
        pods.append((kernel(name)["links"]["net1"] | {"link_netnsid": 0}, alias("net1", name)))
        assert NIC not in host()["links"]
        act("DEL", conf(more, version))
        hosts.append(host())
        assert alias(NIC) is None
        ip("link", "set", NIC, state)
    assert printed[0] == printed[1]
    assert pods[0] == pods[1]
    assert pods[0][1] == NIC
    assert hosts[0] == hosts[1]


@pytest.mark.parametrize("by_us", [True, False])
def test_one_brings_home_what_the_other_gave(by_us: bool) -> None:
    before = host()
    if by_us:
        ours(driver(), "ADD", conf())
        theirs("DEL", conf(), name=OURS)
    else:
        theirs("ADD", conf(), name=OURS)
        ours(driver(), "DEL", conf())
    assert host() == before
    assert alias(NIC) is None


def test_addresses_are_put_on_it_and_given_back_once_it_is_home() -> None:
    """Plugins spec, variant 56; the plugin gives them back while the pod still has the interface."""
    giver = pool()
    given = conf({**WITH_ADDRESSES, "dns": {"domain": "here"}})
    made = result.parse(ours(driver(giver), "ADD", given).encode(), default_version="")
    assert (made.interfaces[0].name, made.interfaces[0].mac, made.interfaces[0].sandbox) == ("net1", MAC, path(OURS))
    assert [(each.address, each.interface) for each in made.ips] == [("10.0.0.2/24", 0)]
    assert made.dns.domain == "here"
    assert kernel(OURS)["addresses"]["net1"] == ["10.0.0.2/24"]
    assert "10.9.0.0/16 via 10.0.0.1 dev net1" in ip("route", "show", namespace=OURS)
    checked = {**given, "prevResult": result.dump(made, "1.0.0")}
    ours(driver(giver), "CHECK", checked)
    ours(driver(giver), "STATUS", given)
    ours(driver(giver), "GC", given)
    ip("addr", "flush", "dev", "net1", namespace=OURS)
    with pytest.raises(AttachmentError, match=r"net1 in .* has not the address 10\.0\.0\.2/24"):
        ours(driver(giver), "CHECK", checked)
    ours(driver(giver), "DEL", given)
    order = [("ADD", True), ("CHECK", False), ("STATUS", False), ("GC", False), ("CHECK", False), ("DEL", True)]
    assert giver.asked == order


@pytest.mark.parametrize("key", ["kernelpath", "pciBusID", "virtio", "deviceID", "auxiliary"])
def test_hardware_is_found_by_its_folder(key: str, tmp_path: Path) -> None:
    function = tmp_path / "sys/devices/pci0/0000:03:00.0"
    net = function / ("virtio3/net" if key == "virtio" else "net") / NIC
    net.mkdir(parents=True)
    bus = "auxiliary" if key == "auxiliary" else "pci"
    name = "mlx5_core.sf.4" if key == "auxiliary" else "0000:03:00.0"
    link = tmp_path / "sys/bus" / bus / "devices" / name
    link.parent.mkdir(parents=True)
    link.symlink_to(function)
    (function / "driver").symlink_to("../../../bus/pci/drivers/mlx5_core")
    more: dict[str, Any] = {
        "kernelpath": {"kernelpath": "/sys/devices/pci0/../pci0/0000:03:00.0"},
        "deviceID": {"runtimeConfig": {"deviceID": name}, "pciBusID": "0000:99:00.0"},
        "auxiliary": {"runtimeConfig": {"deviceID": name}},
    }.get(key, {"pciBusID": name})
    before = host()
    made = json.loads(ours(driver(root=tmp_path), "ADD", conf(more)))
    assert made["interfaces"] == [{"mac": MAC, "name": "net1", "sandbox": path(OURS)}]
    assert alias("net1", OURS) == NIC
    ours(driver(root=tmp_path), "DEL", conf(more))
    assert host() == before


@pytest.mark.parametrize("program", ["vfio-pci", "uio_pci_generic", "igb_uio"])
def test_a_function_of_a_program_has_addresses_in_the_result_only(program: str, tmp_path: Path) -> None:
    function = tmp_path / "sys/bus/pci/devices/0000:03:00.0"
    function.mkdir(parents=True)
    (function / "driver").symlink_to(f"../../../drivers/{program}")
    giver = pool()
    given = conf({"pciBusID": "0000:03:00.0", **TYPE})
    before, pod = host(), kernel(OURS)
    made = json.loads(ours(driver(giver, tmp_path), "ADD", given))
    assert made["interfaces"] == [{"name": "net1", "sandbox": path(OURS)}]
    assert [each["address"] for each in made["ips"]] == ["10.0.0.2/24"]
    ours(driver(giver, tmp_path), "CHECK", {**given, "prevResult": made})
    ours(driver(giver, tmp_path), "DEL", given)
    assert (host(), kernel(OURS)) == (before, pod)
    assert giver.verbs == ["ADD", "CHECK", "DEL"]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"x": 1}, 'specify either "device", "hwaddr", "kernelpath" or "pciBusID"'),
        ({"device": "nope"}, "failed to find host device: this node has no interface called 'nope'"),
        ({"device": "a/b"}, "'device' is 'a/b'"),
        ({"hwaddr": "02:00:00:00:00:99"}, "no interface with the MAC 02:00:00:00:00:99"),
        ({"hwaddr": "zz"}, "MAC 'zz' is none"),
        ({"kernelpath": "/sys/devices/nope"}, "no interface of /sys/devices/nope"),
        ({"kernelpath": "devices/x"}, "must be absolute and begin with /sys/devices/"),
        ({"kernelpath": "/sys/devices/../../etc"}, "must be absolute and begin with /sys/devices/"),
        ({"pciBusID": "0000:ff:1f.7"}, "PCI function 0000:ff:1f.7 is not there"),
        ({"pciBusID": "../../../class/net/lo"}, "is not there"),
        ({"runtimeConfig": {"deviceID": "x"}}, "runtime config DeviceID x not found or unsupported"),
        ({"runtimeConfig": {"deviceID": "../devices"}}, "not found or unsupported"),
    ],
)
def test_what_nobody_can_find_is_an_error_and_no_matter_for_deletion(more: dict[str, Any], says: str) -> None:
    giver = pool()
    before = host()
    with pytest.raises((ConfigError, AttachmentError), match=says):
        ours(driver(giver), "ADD", conf({**more, **TYPE}))
    for name in (OURS, "gone"):
        ours(driver(giver), "DEL", conf({**more, **TYPE}), name=name)
    assert host() == before
    assert giver.verbs == ["DEL", "DEL"]


def test_check_wants_the_interface_with_its_mac() -> None:
    made = json.loads(ours(driver(), "ADD", conf()))
    ours(driver(), "CHECK", {**conf(), "prevResult": made})
    with pytest.raises(ConfigError, match="'prevResult' is missing"):
        ours(driver(), "CHECK", conf())
    ip("link", "set", "net1", "address", "02:00:00:00:00:99", namespace=OURS)
    with pytest.raises(AttachmentError, match="has the MAC 02:00:00:00:00:99, expected 02:00:00:00:00:07"):
        ours(driver(), "CHECK", {**conf(), "prevResult": made})
    ip("link", "delete", "net1", namespace=OURS)
    with pytest.raises(AttachmentError, match="net1 is not in"):
        ours(driver(), "CHECK", {**conf(), "prevResult": made})
