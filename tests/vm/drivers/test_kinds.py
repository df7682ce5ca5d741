"""`ipvlan`, `vlan`, `dummy` and `macvlan` inside the daemon on a card, beside the plugins they stand for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from plurimus.adapters import netns
from plurimus.cni.errors import AttachmentError
from plurimus.drivers.dummy import Dummy
from plurimus.drivers.ipvlan import Ipvlan
from plurimus.drivers.lower import WithIpam
from plurimus.drivers.macvlan import Macvlan
from plurimus.drivers.vlan import Vlan
from tests.node.givers import TYPE, Giver
from tests.node.snapshot import ip, ip_json, kernel
from tests.node.twins import OURS, THEIRS, ours, path, theirs, twins
from tests.vm.inside.cards import Card

IPS = [{"address": "10.56.0.2/24", "gateway": "10.56.0.1"}]
STATIC = {"ipam": {"type": "static", "addresses": IPS, "routes": [{"dst": "10.9.0.0/16"}]}}
CONFS: list[dict[str, Any]] = [
    {"type": "vlan", "vlanId": 100, "mtu": 1400},
    {"type": "vlan", "vlanId": 0},
    {"type": "vlan", "vlanId": 4094},
    *({"type": "ipvlan", "mode": mode, "mtu": 1300} for mode in ("l2", "l3", "l3s")),
    {"type": "dummy"},
    {"type": "macvlan", "mode": "private", "bcqueuelen": 500},
]
DRIVERS: dict[str, type[WithIpam]] = {"dummy": Dummy, "ipvlan": Ipvlan, "macvlan": Macvlan, "vlan": Vlan}


@pytest.fixture(autouse=True)
def pair(card: Card) -> Iterator[None]:
    with twins():
        yield


def conf(card: Card, kind: str, **more: Any) -> dict[str, Any]:
    master = {} if kind == "dummy" else {"master": card.name}
    return {"cniVersion": "1.0.0", "name": "rail", "type": kind, **master, **more}


def giver() -> Giver:
    return Giver(ips=IPS, routes=[{"dst": "10.9.0.0/16"}])


def add(driver: WithIpam, wanted: dict[str, Any], ifname: str = "net1") -> dict[str, Any]:
    made: dict[str, Any] = json.loads(ours(driver, "ADD", wanted, ifname))
    return made


def link(ifname: str = "net1", namespace: str = OURS) -> dict[str, Any]:
    (found,) = ip_json("-details", "link", "show", ifname, namespace=namespace)
    return found


def names() -> set[str]:
    return set(kernel(OURS)["links"])


def facts(namespace: str) -> dict[str, Any]:
    """What must be the same on both sides; a MAC may be the kernel's choice."""
    found = kernel(namespace)
    net1 = link(namespace=namespace)
    keys = ("mtu", "txqlen", "flags", "linkinfo", "link_index")
    return {key: net1.get(key) for key in keys} | {key: found[key] for key in ("addresses", "routes")}


@pytest.mark.parametrize("wanted", CONFS, ids=lambda wanted: "-".join(map(str, wanted.values())))
def test_the_interface_is_the_plugins_and_either_deletes_what_the_other_made(
    card: Card, wanted: dict[str, Any]
) -> None:
    whole, driver = wanted | conf(card, wanted["type"]), DRIVERS[wanted["type"]](giver().ipam)
    printed = json.loads(theirs("ADD", whole | STATIC))
    seen = facts(THEIRS)
    ours(driver, "DEL", whole, name=THEIRS)  # before ours is made: of a VLAN there can be one
    assert "net1" not in kernel(THEIRS)["links"]
    made = add(driver, whole | TYPE)
    assert facts(OURS) == seen
    ours(driver, "CHECK", whole | TYPE | {"prevResult": made})
    for each in (made, printed):
        each["interfaces"][0] |= {"mac": "", "sandbox": ""}
    assert made == printed
    theirs("DEL", whole | STATIC, name=OURS)
    assert names() == {"lo"}


def test_check_says_which_mode_or_number_differs(card: Card) -> None:
    made = add(Vlan(giver().ipam), conf(card, "vlan", vlanId=7, **TYPE))
    with pytest.raises(AttachmentError, match="interface net1: its VLAN is 7, expected 8"):
        ours(Vlan(giver().ipam), "CHECK", conf(card, "vlan", vlanId=8, prevResult=made, **TYPE))
    with pytest.raises(AttachmentError, match="interface net1: its MTU is 1500, expected 1400"):
        ours(Vlan(giver().ipam), "CHECK", conf(card, "vlan", vlanId=7, mtu=1400, prevResult=made, **TYPE))
    made = add(Ipvlan(giver().ipam), conf(card, "ipvlan", mode="l3", **TYPE), "net2")
    with pytest.raises(AttachmentError, match="interface net2: its mode is l3, expected l2"):
        ours(Ipvlan(giver().ipam), "CHECK", conf(card, "ipvlan", prevResult=made, **TYPE), "net2")
    made = add(Dummy(giver().ipam), conf(card, "dummy", **TYPE), "net3")
    ip("link", "set", "net3", "down", namespace=OURS)
    with pytest.raises(AttachmentError, match="interface net3: it is down"):
        ours(Dummy(giver().ipam), "CHECK", conf(card, "dummy", prevResult=made, **TYPE), "net3")


def test_a_vlan_that_is_taken_is_said_and_the_addresses_are_given_back(card: Card) -> None:
    first, second = giver(), giver()
    add(Vlan(first.ipam), conf(card, "vlan", vlanId=7, **TYPE))
    with pytest.raises(AttachmentError, match=r"making the vlan 'net2': .*exists"):
        add(Vlan(second.ipam), conf(card, "vlan", vlanId=7, **TYPE), "net2")
    assert (second.verbs, names()) == (["ADD", "DEL"], {"lo", "net1"})


@pytest.mark.parametrize("kind", ["dummy", "ipvlan", "vlan"])
def test_an_add_that_fails_leaves_nothing_and_a_delete_needs_no_namespace(card: Card, kind: str) -> None:
    twice = Giver(names, ips=IPS * 2)
    with pytest.raises(AttachmentError, match="adding address"):
        add(DRIVERS[kind](twice.ipam), conf(card, kind, **TYPE))
    assert twice.asked == [("ADD", {"lo"}), ("DEL", {"lo"})]
    given = giver()
    driver = DRIVERS[kind](given.ipam)
    add(driver, conf(card, kind, **TYPE))
    netns.delete(path(OURS))
    for _ in range(2):
        ours(driver, "DEL", conf(card, kind, **TYPE) | {"master": "gone0"})
    assert given.verbs == ["ADD", "DEL", "DEL"]


@pytest.mark.parametrize("kind", ["ipvlan", "vlan"])
def test_a_master_in_the_pod_is_looked_for_there(card: Card, kind: str) -> None:
    ip("link", "add", "inner", "type", "dummy", namespace=OURS)
    ip("link", "set", "inner", "up", namespace=OURS)
    wanted = conf(card, kind, linkInContainer=True, **TYPE) | {"master": "inner"}
    driver = DRIVERS[kind](giver().ipam)
    made = add(driver, wanted)
    assert (link()["link"], link()["address"]) == ("inner", link("inner")["address"])
    ours(driver, "CHECK", wanted | {"prevResult": made})
    ours(driver, "DEL", wanted)
    assert names() == {"lo", "inner"}


def test_an_ipvlan_behind_a_vlan_is_on_top_of_it_with_its_addresses(card: Card) -> None:
    add(Vlan(giver().ipam), conf(card, "vlan", vlanId=7, **TYPE))
    before = {"cniVersion": "1.0.0", "interfaces": [{"name": "net1", "sandbox": path(OURS)}], "ips": IPS}
    ip("addr", "flush", "dev", "net1", namespace=OURS)
    wanted = {key: value for key, value in conf(card, "ipvlan").items() if key != "master"}
    made = add(Ipvlan(Giver().ipam), wanted | {"linkInContainer": True, "prevResult": before}, "net2")
    assert (link("net2")["link"], made["ips"]) == ("net1", [{"interface": 0, **IPS[0]}])
    assert kernel(OURS)["addresses"]["net2"] == ["10.56.0.2/24"]
