"""`macvlan` inside the daemon, on a veth of a namespace for the test."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plurimus.adapters import netns
from plurimus.cni.errors import AttachmentError, Code, ConfigError, RequestError
from plurimus.drivers.macvlan import Macvlan

from .givers import TYPE, Giver
from .macvlans import (
    IPS,
    MAC,
    add,
    conf,
    names,
    pair,  # noqa: F401 - pair is a fixture
    there,
)
from .snapshot import ip, ip_json, kernel
from .twins import OURS, ours, path, read

pytestmark = pytest.mark.usefixtures("root")


def test_a_network_without_ipam_is_an_interface_that_is_up() -> None:
    made, link = add(), there()
    assert made == {
        "cniVersion": "1.1.0", "interfaces": [{"name": "net1", "mac": link["address"], "sandbox": path(OURS)}]
    }  # fmt: skip
    assert (link["linkinfo"]["info_kind"], link["linkinfo"]["info_data"]["mode"]) == ("macvlan", "bridge")
    assert (link["mtu"], "UP" in link["flags"]) == (1600, True)
    assert read(OURS, "net/ipv4/conf/net1/arp_notify") == "0"


def test_addresses_and_routes_are_ipams_and_dns_is_the_configurations() -> None:
    routes = [{"dst": "0.0.0.0/0"}, {"dst": "10.9.0.0/16", "gw": "10.56.0.9"}]
    given = Giver(ips=IPS, routes=routes, dns={"nameservers": ["10.0.0.1"]})
    made = add(given, dns={"nameservers": ["10.0.0.2"]}, **TYPE)
    assert (made["ips"], made["routes"]) == ([{"interface": 0, **IPS[0]}], routes)
    assert made["dns"] == {"nameservers": ["10.0.0.2"]}
    state = kernel(OURS)
    assert state["addresses"]["net1"] == ["10.56.0.2/24"]
    assert {(route["dst"], route.get("gateway")) for _, route in state["routes"]} >= {
        ("default", "10.56.0.1"), ("10.9.0.0/16", "10.56.0.9")
    }  # fmt: skip
    for parameter in ("ipv4/conf/net1/arp_notify", "ipv6/conf/net1/ndisc_notify"):
        assert read(OURS, f"net/{parameter}") == "1"


def test_what_the_configuration_asks_of_the_interface_is_done() -> None:
    add(mode="vepa", mtu=1400, mac=MAC, bcqueuelen=500)
    link = there()
    assert (link["mtu"], link["address"]) == (1400, MAC)
    data = link["linkinfo"]["info_data"]
    assert (data["mode"], data.get("bcqueuelen", 500)) == ("vepa", 500)


@pytest.mark.parametrize("mode", ["bridge", "private", "vepa", "passthru"])
def test_every_mode_is_made_and_checked(mode: str) -> None:
    made = add(mode=mode)
    assert there()["linkinfo"]["info_data"]["mode"] == mode
    ours(Macvlan(Giver().ipam), "CHECK", conf(mode=mode, prevResult=made))
    other = "vepa" if mode != "vepa" else "private"
    with pytest.raises(AttachmentError, match=f"its mode is {mode}, expected {other}"):
        ours(Macvlan(Giver().ipam), "CHECK", conf(mode=other, prevResult=made))


def test_the_capability_comes_before_the_argument_and_that_before_the_configuration() -> None:
    driver = Macvlan(Giver().ipam)
    macs = [f"02:00:00:00:00:0{number}" for number in range(3)]
    wanted = conf(mac=macs[0].upper(), runtimeConfig={"mac": macs[2]})
    assert macs[2] in ours(driver, "ADD", wanted, "net1", CNI_ARGS=f"IgnoreUnknown=1;MAC={macs[1]}")
    del wanted["runtimeConfig"]
    assert macs[1] in ours(driver, "ADD", wanted, "net2", CNI_ARGS=f"IgnoreUnknown=1;MAC={macs[1]}")
    assert macs[0] in ours(driver, "ADD", wanted, "net3")


def test_the_interface_of_the_default_route_is_the_master_where_none_is_named() -> None:
    wanted = {key: value for key, value in conf().items() if key != "master"}
    driver = Macvlan(Giver().ipam)
    with pytest.raises(AttachmentError, match=r"no default route on this node .* name one by 'master'"):
        ours(driver, "ADD", wanted)
    with pytest.raises(AttachmentError, match="no default route") as unready:
        ours(driver, "STATUS", wanted)
    assert unready.value.code == Code.PLUGIN_NOT_AVAILABLE
    ip("addr", "add", "10.57.0.2/24", "dev", "rail0")
    ip("route", "add", "default", "via", "10.57.0.1")
    ours(driver, "STATUS", wanted)
    made = json.loads(ours(driver, "ADD", wanted))
    (rail,) = ip_json("link", "show", "rail0")
    assert there()["link_index"] == rail["ifindex"]
    ours(driver, "CHECK", wanted | {"prevResult": made})


def test_a_master_in_the_pod_is_looked_for_there() -> None:
    ip("link", "add", "eth0", "type", "veth", "peer", "name", "eth0-peer", namespace=OURS)
    wanted = {"master": "eth0", "linkInContainer": True}
    made = add(**wanted)
    assert (there()["link"], "link_netnsid" in there()) == ("eth0", False)
    driver = Macvlan(Giver().ipam)
    ours(driver, "CHECK", conf(**wanted, prevResult=made))
    with pytest.raises(AttachmentError, match=f"'master' is 'rail0': Link not found in {path(OURS)}"):
        ours(driver, "ADD", conf(linkInContainer=True), "net2")
    ours(driver, "STATUS", conf(**wanted))


def test_a_master_is_found_by_a_long_name_too() -> None:
    ip("link", "property", "add", "dev", "rail0", "altname", "the-rail-of-the-gpu-0")
    add(master="the-rail-of-the-gpu-0")
    with pytest.raises(AttachmentError, match="'the-rail-of-the-gpu-1'"):
        add(master="the-rail-of-the-gpu-1")


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"mode": "switch"}, "'mode' is 'switch', expected one of private, vepa, bridge, passthru"),
        ({"mtu": 9000}, "'mtu' is 9000, expected 0 to 1600, the MTU of 'rail0'"),
        ({"mtu": -1}, "'mtu' is -1"),
        ({"bcqueuelen": -1}, "'bcqueuelen' is -1"),
        ({"bcqueuelen": 2**32}, "'bcqueuelen' is 4294967296"),
        ({"mac": "zz"}, "MAC 'zz' is none"),
        ({"mac": "01:00:00:00:00:01"}, "cannot be this interface's: it is a group's"),
        ({"mac": "02:00:00:00:00:00:00:01"}, "or has other than 6 octets"),
        ({"master": "rail9"}, "'master' is 'rail9': Link not found on this node"),
        ({"mtu": "1400"}, "network configuration 'rail': .*mtu"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_done(wanted: dict[str, Any], words: str) -> None:
    given = Giver(ips=IPS)
    with pytest.raises((ConfigError, AttachmentError), match=words):
        add(given, **wanted, **TYPE)
    assert (given.asked, names()) == ([], {"lo"})


def test_a_pod_that_asks_for_a_mac_that_is_none_is_told_so() -> None:
    with pytest.raises(RequestError, match="the MAC that is asked for is none"):
        add(runtimeConfig={"mac": "zz"})


def test_a_namespace_that_is_not_there_is_refused_before_ipam_is_asked() -> None:
    given = Giver(ips=IPS)
    with pytest.raises(netns.NamespaceError, match="nowhere cannot be opened") as refused:
        ours(Macvlan(given.ipam), "ADD", conf(**TYPE), name="nowhere")
    assert (given.asked, refused.value.code) == ([], Code.INVALID_NETNS)


def test_a_name_of_the_host_is_as_good_as_any_in_the_pod() -> None:
    ip("link", "add", "net1", "type", "veth", "peer", "name", "net1-peer")
    try:
        before = kernel()["links"]
        add(mac=MAC)
        assert (there()["address"], names()) == (MAC, {"lo", "net1"})
        assert kernel()["links"] == before
        with pytest.raises(AttachmentError, match="File exists"):
            add()
        assert (there()["address"], names()) == (MAC, {"lo", "net1"})
    finally:
        ip("link", "delete", "net1")


def test_check_says_what_is_not_as_it_was_made() -> None:
    given = Giver(ips=IPS, routes=[{"dst": "10.9.0.0/16", "table": 101}])
    driver, made = Macvlan(given.ipam), add(given, **TYPE)
    wanted = conf(**TYPE, prevResult=made)
    ours(driver, "CHECK", wanted)
    assert given.verbs == ["ADD", "CHECK"]
    with pytest.raises(AttachmentError, match=r"it is on interface .*, expected .*'rail0-peer'"):
        ours(driver, "CHECK", wanted | {"master": "rail0-peer"})
    with pytest.raises(AttachmentError, match="'master' is 'rail9'"):
        ours(driver, "CHECK", wanted | {"master": "rail9"})
    with pytest.raises(ConfigError, match="'prevResult' is missing"):
        ours(driver, "CHECK", conf(**TYPE))
    given.fails = {"CHECK"}
    with pytest.raises(AttachmentError, match="the giver fails at CHECK"):
        ours(driver, "CHECK", wanted)
    ip("addr", "flush", "dev", "net1", namespace=OURS)
    with pytest.raises(AttachmentError, match=r"has not the address 10\.56\.0\.2/24"):
        ours(driver, "CHECK", wanted)


def test_status_and_gc_are_ipams_too() -> None:
    given = Giver()
    driver = Macvlan(given.ipam)
    ours(driver, "STATUS", conf(**TYPE))
    ours(driver, "GC", conf(**TYPE, **{"cni.dev/valid-attachments": []}))
    assert given.verbs == ["STATUS", "GC"]
    with pytest.raises(AttachmentError, match="'rail9'") as unready:
        ours(driver, "STATUS", conf(**TYPE) | {"master": "rail9"})
    assert (unready.value.code, given.verbs[2:]) == (Code.PLUGIN_NOT_AVAILABLE, [])


@pytest.mark.parametrize("version", ["0.1.0", "0.2.0", "0.3.1", "0.4.0", "1.0.0"])
def test_the_result_has_the_form_of_its_version(version: str) -> None:
    made = add(Giver(ips=IPS), version=version, **TYPE)
    assert made["cniVersion"] == version
    if version < "0.3":
        assert made["ip4"] == {"ip": "10.56.0.2/24", "gateway": "10.56.0.1"}
    else:
        assert made["interfaces"][0]["name"] == "net1"
