"""Which attachments may be made side by side: those that cannot matter to each other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurimus.cni import conf
from plurimus.core import order
from plurimus.core.plan import Attachment


def attachment(ifname: str, *plugins: dict[str, Any], default: bool = False, ips: tuple[str, ...] = ()) -> Attachment:
    config = conf.parse({"cniVersion": "1.0.0", "name": ifname, "plugins": list(plugins) or [macvlan()]})
    return Attachment(ifname, config, ifname, capability_args={"ips": list(ips)} if ips else {}, is_default=default)


def macvlan(**ipam: Any) -> dict[str, Any]:
    return {"type": "macvlan", "master": "nic0", "ipam": {"type": "host-local", **ipam} if ipam else {}}


def names(*attachments: Attachment) -> list[str]:
    """The groups, readable: the interfaces of a group joined by +."""
    return ["+".join(one.ifname for one in group) for group in order.groups(attachments)]


RAILS = [macvlan(subnet=f"10.0.{rail}.0/24", routes=[{"dst": f"10.{rail}.0.0/16"}]) for rail in range(4)]


def test_the_default_network_goes_first_and_the_rails_at_once() -> None:
    eth0 = attachment("eth0", {"type": "bridge"}, default=True)
    rails = [attachment(f"net{number}", rail) for number, rail in enumerate(RAILS, 1)]
    assert names(eth0, *rails) == ["eth0", "net1+net2+net3+net4"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(macvlan(subnet="10.0.0.0/24"), macvlan(subnet="10.0.0.0/24"), id="one-subnet"),
        pytest.param(macvlan(subnet="10.0.0.0/24"), macvlan(ranges=[[{"subnet": "10.0.0.0/24"}]]), id="in-ranges"),
        pytest.param(macvlan(subnet="10.0.0.5/24"), macvlan(subnet="10.0.0.0/24"), id="spelled-otherwise"),
        pytest.param(
            macvlan(subnet="10.0.0.0/24", routes=[{"dst": "0.0.0.0/0"}]),
            macvlan(subnet="10.0.1.0/24", routes=[{"dst": "0.0.0.0/0"}]),
            id="two-default-routes",
        ),
        pytest.param(
            macvlan(subnet="10.0.0.0/24", routes=[{"dst": "0.0.0.0/0"}]),
            {"type": "bridge", "isDefaultGateway": True},
            id="default-gateway",
        ),
        pytest.param(
            {"type": "macvlan", "ipam": {"type": "static", "addresses": [{"address": "10.0.0.5/24"}]}},
            macvlan(subnet="10.0.0.0/24"),
            id="static",
        ),
        pytest.param(
            {"type": "sriov", "ipam": {"type": "whereabouts", "range": "10.0.0.2-10.0.0.9/24"}},
            {"type": "sriov", "ipam": {"type": "whereabouts", "ipRanges": [{"range": "10.0.0.0/24"}]}},
            id="whereabouts",
        ),
    ],
)  # fmt: skip
def test_of_two_routes_to_one_destination_the_earlier_counts(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert names(attachment("net1", first), attachment("net2", second)) == ["net1", "net2"]


def test_networks_of_one_name_share_leases_which_are_given_in_turn() -> None:
    """Which address comes next depends on the one given last, whichever network that was for."""
    first, second = attachment("net1", RAILS[0]), attachment("net2", RAILS[1])
    assert names(first, second) == ["net1+net2"]
    assert names(first, replace(second, config=replace(second.config, name=first.config.name))) == ["net1", "net2"]
    static = attachment("net2", {"type": "macvlan", "ipam": {"type": "static"}})
    assert names(first, replace(static, config=replace(static.config, name=first.config.name))) == ["net1+net2"]


def bridge(name: str | None = None, **more: Any) -> dict[str, Any]:
    return {"type": "bridge", **({} if name is None else {"bridge": name}), **more}


def on(master: str, kind: str = "macvlan", **more: Any) -> dict[str, Any]:
    return {"type": kind, "master": master, **more}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(bridge("br0"), on("br0"), id="made-and-used"),
        pytest.param(on("br0", "ipvlan"), bridge("br0"), id="used-and-made"),
        pytest.param(bridge("br0", mtu=1400), bridge("br0", mtu=9000), id="made-twice"),
        pytest.param(bridge(), on("cni0"), id="made-under-the-usual-name"),
        pytest.param(bridge("br0", vlan=7, isGateway=True), on("br0.7"), id="the-gateway-of-a-vlan"),
        pytest.param(on("nic0"), {"type": "host-device", "device": "nic0"}, id="moved"),
        pytest.param({"type": "host-device", "device": "nic0"}, on("nic0", "vlan", vlanId=5), id="gone"),
        pytest.param(on("nic0", "vlan", vlanId=5), on("nic0", "vlan", vlanId=5), id="one-vlan-twice"),
        pytest.param(bridge("br0"), {"type": "macvlan", "Master": "br0"}, id="in-gos-way"),
    ],
)
def test_who_makes_or_moves_an_interface_of_the_node_goes_before_or_after_who_is_on_it(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    """The first pod of a node finds no bridge: who is on it needs the one who makes it before it."""
    assert names(attachment("net1", first), attachment("net2", second)) == ["net1", "net2"]


def test_who_is_on_one_interface_of_the_node_or_makes_another_goes_beside() -> None:
    several = [on("nic0"), on("nic0", "ipvlan"), on("nic0", "vlan", vlanId=5), on("nic0", "vlan"), bridge("br0"),
               bridge("br1"), {"type": "host-device", "device": "nic1"}, {"type": "macvlan"}]  # fmt: skip
    assert len(names(*(attachment(f"net{number}", each) for number, each in enumerate(several)))) == 1


def test_a_plugin_of_the_node_goes_beside_others_where_the_administrator_says_that_it_may() -> None:
    own = [{"type": "our-own", "ipam": {"type": "host-local", "subnet": f"10.7.{n}.0/24"}} for n in range(2)]
    both = [attachment("net1", own[0]), attachment("net2", own[1]), attachment("net3", {"type": "another"})]
    assert names(*both) == ["net1", "net2", "net3"]
    assert [len(group) for group in order.groups(both, ["our-own"])] == [2, 1]
    same = [attachment("net1", own[0]), attachment("net2", own[0])]
    assert [len(group) for group in order.groups(same, ["our-own"])] == [1, 1]


def test_addresses_a_pod_asks_for_count_as_destinations() -> None:
    first = attachment("net1", macvlan(subnet="10.0.0.0/24"), ips=("10.9.0.5/24",))
    assert names(first, attachment("net2", macvlan(subnet="10.9.0.0/24"))) == ["net1", "net2"]
    asked = {"type": "macvlan", "ipam": {"type": "static"}, "args": {"cni": {"ips": ["10.9.0.5/24"]}}}
    assert names(attachment("net1", asked), attachment("net2", macvlan(subnet="10.9.0.0/24"))) == ["net1", "net2"]


def test_an_address_the_runtime_names_is_the_destination_of_all_it_names_it_to() -> None:
    static = {"type": "macvlan", "ipam": {"type": "static"}}
    both = [replace(attachment(name, static), args=(("IP", "10.9.0.5/24,fd00::5/64"),)) for name in ("net1", "net2")]
    assert names(*both) == ["net1", "net2"]


@pytest.mark.parametrize(
    "plugin",
    [
        pytest.param({"type": "our-own"}, id="a-plugin-nobody-knows"),
        pytest.param({"type": "macvlan", "ipam": {"type": "dhcp"}}, id="routes-known-to-dhcp-only"),
        pytest.param({"type": "tuning", "sysctl": {"net.ipv4.conf.all.arp_ignore": "1"}}, id="sysctls-of-the-pod"),
        pytest.param({"type": "macvlan", "ipam": {"type": "static", "addresses": "wrong"}}, id="malformed"),
        pytest.param(
            {"type": "tuning", "sysctl": {"net.ipv4.conf.IFNAME.arp_ignore": "1", "net.core.somaxconn": "9"}},
            id="one-sysctl-of-the-pod",
        ),
        pytest.param(
            {"type": "tuning", "args": {"cni": {"sysctl": {"net.core.somaxconn": "9"}}}}, id="sysctls-the-pod-asks-for"
        ),
        pytest.param({"type": "macvlan", "linkInContainer": True, "master": "net1"}, id="on-another-interface"),
        pytest.param({"type": "ipvlan", "LinkInContainer": True}, id="on-another-interface-in-gos-way"),
        pytest.param({"type": "bridge", "isdefaultgateway": True}, id="default-gateway-in-gos-way"),
        pytest.param({"type": "macvlan", "ipam": {"type": "host-local", "Subnet": "10.0.1.0/24"}}, id="in-gos-way"),
        pytest.param(macvlan(ranges=[[{"SUBNET": "10.0.1.0/24"}]]), id="range-in-gos-way"),
        pytest.param(
            {"type": "macvlan", "ipam": {"type": "static"}, "runtimeConfig": {"ips": ["10.0.0.5/24"]}},
            id="addresses-a-runtime-would-give",
        ),
        pytest.param({"type": "macvlan", "ipam": {"type": "whereabouts"}}, id="range-known-to-a-file-only"),
        pytest.param(macvlan(subnet="no subnet"), id="no-subnet"),
    ],
)  # fmt: skip
def test_what_is_not_known_to_be_harmless_waits_and_is_waited_for(plugin: dict[str, Any]) -> None:
    around = [attachment("net1", RAILS[0]), attachment("net2", RAILS[1], plugin), attachment("net3", RAILS[2])]
    assert names(*around) == ["net1", "net2", "net3"]


def test_kernel_parameters_of_its_own_interface_are_nobody_elses() -> None:
    own = {
        "type": "tuning",
        "sysctl": {"net.ipv4.conf.IFNAME.arp_ignore": "1", "net/ipv6/neigh/IFNAME/mcast_solicit": "1"},
    }
    assert names(attachment("net1", RAILS[0], own), attachment("net2", RAILS[1], own)) == ["net1+net2"]


@pytest.mark.parametrize("kind", ["sbr", "vrf"])
def test_who_takes_the_next_table_goes_in_turn_beside_the_others(kind: str) -> None:
    chains = [[rail, {"type": kind}] for rail in RAILS]
    assert names(*(attachment(f"net{number}", *chain) for number, chain in enumerate(chains))) == [
        "net0+net1+net2+net3"
    ]
    assert [order.in_turn(plugin) for plugin in conf.parse({"name": "n", "plugins": chains[0]}).plugins] == [
        False,
        True,
    ]


@pytest.mark.parametrize("kind", ["sbr", "vrf"])
@pytest.mark.parametrize("first", [True, False])
def test_a_table_that_is_named_is_not_taken_by_another_meanwhile(kind: str, first: bool) -> None:
    naming = attachment("net1", macvlan(subnet="10.0.1.0/24", routes=[{"dst": "10.1.0.0/16", "table": 100}]))
    taking = attachment("net2", RAILS[2], {"type": kind})
    pair = [naming, taking] if first else [taking, naming]
    assert names(*pair) == [one.ifname for one in pair]
    assert names(naming, attachment("net3", RAILS[3])) == ["net1+net3"]


@given(st.lists(st.sampled_from([*RAILS, {"type": "sbr"}, {"type": "macvlan"}]), max_size=8), st.booleans())
def test_groups_keep_the_order_and_lose_nobody(plugins: list[dict[str, Any]], default: bool) -> None:
    attachments = [attachment(f"net{i}", one, default=default and i == 0) for i, one in enumerate(plugins)]
    assert [one for group in order.groups(attachments) for one in group] == attachments


@given(st.lists(st.sampled_from(RAILS), min_size=1, max_size=8))
def test_no_group_has_two_ways_to_one_destination(plugins: list[dict[str, Any]]) -> None:
    for group in order.groups([attachment(f"net{i}", one) for i, one in enumerate(plugins)]):
        subnets = [one.config.plugins[0]["ipam"]["subnet"] for one in group]
        assert len(set(subnets)) == len(subnets)
