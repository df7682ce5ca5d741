"""Plugins for link kinds that a machine's own kernel may lack, as a second network on a card of the node."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.node.daemon import Node
from tests.node.runtime import Sandbox
from tests.node.snapshot import files, ip, ip_json, kernel

from .cards import Card, cards

BOND = "bond0"


def attach(node: Node, *plugins: dict[str, Any], **more: Any) -> tuple[Sandbox, dict[str, Any], dict[str, Any]]:
    """A pod whose net1 is made by a chain, with `more` in its list; its net1, and what was before."""
    node.network("second", {"cniVersion": "1.0.0", "plugins": plugins, **more})
    pod = node.sandbox("second")
    before = node.snapshot()
    pod.add()
    return pod, pod.links()["net1"], before


def checked_and_gone(pod: Sandbox, before: dict[str, Any]) -> None:
    pod.check()
    pod.delete()
    pod.node.is_as(before)


def told(pod: Sandbox) -> tuple[str, list[str]]:
    """Name and addresses of net1 in the network status."""
    status = pod.network_status()[1]
    return status["interface"], status["ips"]


def test_vlan_tags_the_frames_of_a_card(node: Node, card: Card) -> None:
    """F8."""
    conf = {"type": "vlan", "master": card.name, "vlanId": 100, "mtu": 1400, "ipam": node.host_local("10.56.0.0/24")}
    pod, link, before = attach(node, conf)
    assert (link["linkinfo"]["info_kind"], link["linkinfo"]["info_data"]["id"]) == ("vlan", 100)
    assert (link["mtu"], link["link_index"]) == (1400, node.links()[card.name]["ifindex"])
    assert pod.addresses()["net1"] == ["10.56.0.2/24"]
    assert told(pod) == ("net1", ["10.56.0.2"])
    checked_and_gone(pod, before)


@pytest.mark.parametrize("mode", ["l2", "l3", "l3s"])
def test_ipvlan_shares_the_address_of_a_card(node: Node, card: Card, mode: str) -> None:
    """F8."""
    conf = {"type": "ipvlan", "master": card.name, "mode": mode, "ipam": node.host_local("10.57.0.0/24")}
    pod, link, before = attach(node, conf)
    assert (link["linkinfo"]["info_kind"], link["linkinfo"]["info_data"]["mode"]) == ("ipvlan", mode)
    assert link["address"] == node.links()[card.name]["address"]
    assert pod.addresses()["net1"] == ["10.57.0.2/24"]
    checked_and_gone(pod, before)


def test_dummy_gives_an_interface_without_a_wire(node: Node) -> None:
    """F8."""
    pod, link, before = attach(node, {"type": "dummy", "ipam": node.host_local("10.58.0.0/24")})
    assert (link["linkinfo"]["info_kind"], "UP" in link["flags"]) == ("dummy", True)
    assert pod.addresses()["net1"] == ["10.58.0.2/24"]
    assert [each["interface"] for each in pod.network_status()] == ["eth0", "net1"]
    checked_and_gone(pod, before)


def test_vrf_puts_an_interface_into_a_table_of_its_own(node: Node, card: Card) -> None:
    """F8."""
    vlan = {"type": "vlan", "master": card.name, "vlanId": 101, "ipam": node.host_local("10.59.0.0/24")}
    # the vlan plugin looks for its routes in the main table, where they are no more
    pod, link, before = attach(node, vlan, {"type": "vrf", "vrfname": "blue", "table": 77}, disableCheck=True)
    vrf = pod.links()["blue"]
    assert (vrf["linkinfo"]["info_kind"], vrf["linkinfo"]["info_data"]["table"]) == ("vrf", 77)
    assert link["master"] == "blue"
    routes = [route for route in pod.ip_json("route", "show", "table", "77") if route["dst"] == "10.59.0.0/24"]
    assert [route["dev"] for route in routes] == ["net1"]
    pod.check()
    pod.delete()
    # with a namespace's first VRF the kernel makes its rule for all of them, and keeps that
    rules, inside = kernel(pod.name)["rules"], before[f"namespace {pod.name}"]
    assert {rule["priority"] for rule in rules if rule not in inside["rules"]} == {1000}
    node.is_as(before | {f"namespace {pod.name}": inside | {"rules": rules}})


@pytest.fixture
def bond() -> Iterator[str]:
    """Two cards as one, the second waiting for the first to fail."""
    members = [card.name for card in cards()[:2]]
    ip("link", "add", BOND, "type", "bond", "mode", "active-backup", "miimon", "100")
    for member in members:
        ip("link", "set", member, "down")
        ip("link", "set", member, "master", BOND)
    ip("link", "set", BOND, "up", "addrgenmode", "none")
    yield BOND
    ip("link", "delete", BOND)
    for member in members:
        ip("link", "set", member, "up")


@pytest.mark.parametrize("kind", ["vlan", "macvlan", "ipvlan"])
def test_a_bond_of_two_cards_is_a_master_like_a_card(node: Node, bond: str, kind: str) -> None:
    """F8."""
    more = {"vlanId": 102} if kind == "vlan" else {}
    conf = {"type": kind, "master": bond, "ipam": node.host_local("10.60.0.0/24"), **more}
    pod, link, before = attach(node, conf)
    assert (link["linkinfo"]["info_kind"], link["link_index"]) == (kind, node.links()[bond]["ifindex"])
    (master,) = ip_json("-details", "link", "show", bond)
    assert master["linkinfo"]["info_data"]["mode"] == "active-backup"
    assert pod.addresses()["net1"] == ["10.60.0.2/24"]
    checked_and_gone(pod, before)


def test_two_pods_of_a_vlan_keep_their_own_interfaces(node: Node, card: Card) -> None:
    """S33: two interfaces of one master and one tag cannot be; the second pod fails, and the first is as it was."""
    conf = {"type": "vlan", "master": card.name, "vlanId": 103, "ipam": node.host_local("10.61.0.0/24")}
    first, _, _ = attach(node, conf)
    second = node.sandbox("second")
    words = second.call("ADD").refused(999)
    assert "default/" + second.pod in words
    assert "second" in words
    assert "net1" in first.links()
    assert second.links() == {}
    assert [name for name in files(node.ipam) if name.startswith("second/10.61.0.")] == ["second/10.61.0.2"]
    first.delete()
