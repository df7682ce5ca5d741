"""Routes on real interfaces: default routes are found, replaced and deleted one by one."""

from __future__ import annotations

import errno
import ipaddress
from collections.abc import Iterator
from typing import Any

import pytest
from pyroute2 import NetNS

from plurimus.adapters.netlink import Netlink, NetlinkError
from plurimus.wire.rtnetlink import Route

from .pods import POD, ip, ip_json, two_interfaces

pytestmark = pytest.mark.usefixtures("root")

GATEWAYS = {4: ("10.0.1.1", "10.0.2.1"), 6: ("fd01::1", "fd02::1")}


@pytest.fixture
def door(root: None) -> Iterator[Netlink]:
    with two_interfaces(), Netlink.open(POD) as netlink:
        yield netlink


def defaults(door: Netlink, family: int, name: str | None = None) -> list[Route]:
    """The default routes of the main table, of one interface or all."""
    oif = index(door, name) if name else None
    return [each for each in door.routes(family) if each.is_default and oif in (None, each.oif)]


def index(door: Netlink, name: str) -> int:
    link = door.link(name)
    assert link is not None
    return link.index


def route(door: Netlink, family: int, number: int, **more: Any) -> Route:
    gateway = ipaddress.ip_address(GATEWAYS[family][number - 1])
    return Route(family, None, gateway, index(door, f"net{number}"), **more)


def seen(family: int) -> set[tuple[str | None, str | None, int]]:
    """Gateway, interface and metric of each default next hop, as `ip` says."""
    found = set()
    for each in ip_json(f"-{family}", "route", "show", "default"):
        for hop in each.get("nexthops", [each]):
            gateway = hop.get("gateway") or hop.get("via", {}).get("host")
            found.add((gateway, hop.get("dev"), each.get("metric", 0)))
    return found


def test_routes_are_those_pyroute2_sees(door: Netlink) -> None:
    ip("route", "add", "default", "via", "10.0.1.1", "metric", "7")
    ip("-6", "route", "add", "default", "via", "fd01::1", "dev", "net1", "metric", "7")
    ip("route", "add", "10.7.0.0/16", "via", "10.0.2.1", "proto", "static")
    ip("route", "add", "unreachable", "10.8.0.0/16")
    ip("route", "add", "10.9.0.0/16", "dev", "net1", "table", "5000")
    with NetNS(POD) as oracle:
        theirs = {
            (
                *(each["family"], each.get("dst"), each["dst_len"], each.get("gateway"), each.get("oif")),
                *(each.get("table"), each.get("priority") or 0, each["proto"], each["scope"], each["type"]),
            )
            for each in oracle.get_routes()
        }
    for table in (254, 255, 5000):
        ours = {
            (
                *({4: 2, 6: 10}[each.family], str(each.dst.network_address) if each.dst else None),
                *(each.dst.prefixlen if each.dst else 0, str(each.gateway) if each.gateway else None, each.oif),
                *(each.table, each.priority, each.protocol, each.scope, each.type),
            )
            for each in door.routes(table=table)
        }
        assert ours
        assert ours == {each for each in theirs if each[5] == table}


@pytest.mark.parametrize("family", [4, 6])
def test_default_routes_of_a_link_are_found_whatever_their_metric(door: Netlink, family: int) -> None:
    for number, metric in ((1, 100), (1, 200), (2, 300)):
        door.add_route(route(door, family, number, priority=metric))
    assert [each.priority for each in defaults(door, family, "net1")] == [100, 200]
    assert [str(each.gateway) for each in defaults(door, family, "net2")] == [GATEWAYS[family][1]]


@pytest.mark.parametrize(("family", "zero"), [(4, "0.0.0.0/0"), (6, "::/0")])
def test_a_destination_of_length_0_is_the_default_route(door: Netlink, family: int, zero: str) -> None:
    gateway = ipaddress.ip_address(GATEWAYS[family][0])
    door.add_route(Route(family, ipaddress.ip_network(zero), gateway, index(door, "net1"), priority=9))
    assert seen(family) == {(GATEWAYS[family][0], "net1", 9)}
    (found,) = defaults(door, family)
    assert found.is_default


@pytest.mark.parametrize("family", [4, 6])
def test_a_route_that_exists_is_refused_and_can_be_replaced(door: Netlink, family: int) -> None:
    door.add_route(route(door, family, 1, priority=50))
    with pytest.raises(NetlinkError) as caught:
        door.add_route(route(door, family, 1, priority=50))
    assert caught.value.errno == errno.EEXIST
    door.add_route(route(door, family, 2, priority=50), replace=True)
    assert seen(family) == {(GATEWAYS[family][1], "net2", 50)}
    door.add_route(route(door, family, 1, priority=60), replace=True)  # none to replace: it is added
    assert seen(family) == {(GATEWAYS[family][1], "net2", 50), (GATEWAYS[family][0], "net1", 60)}


@pytest.mark.parametrize("family", [4, 6])
def test_one_of_two_metrics_is_deleted(door: Netlink, family: int) -> None:
    for metric in (100, 200):
        door.add_route(route(door, family, 1, priority=metric))
    door.delete_route(defaults(door, family)[1])
    assert seen(family) == {(GATEWAYS[family][0], "net1", 100)}


@pytest.mark.parametrize("family", [4, 6])
def test_deleting_what_is_not_there_fails_and_takes_nothing_else(door: Netlink, family: int) -> None:
    door.add_route(route(door, family, 1, priority=100))
    for other in (route(door, family, 2, priority=100), route(door, family, 1, priority=101)):
        with pytest.raises(NetlinkError) as caught:
            door.delete_route(other)
        assert caught.value.errno == errno.ESRCH
    assert seen(family) == {(GATEWAYS[family][0], "net1", 100)}


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("gone", [1, 2])
def test_one_next_hop_of_several_is_deleted_and_the_others_stay(door: Netlink, family: int, gone: int) -> None:
    hops = [f"nexthop via {gateway} dev net{number}" for number, gateway in enumerate(GATEWAYS[family], 1)]
    ip(f"-{family}", *f"route add default metric 100 {' '.join(hops)}".split())
    assert len(defaults(door, family)) == 2
    (hop,) = defaults(door, family, f"net{gone}")
    door.delete_route(hop)
    kept = 3 - gone
    assert seen(family) == {(GATEWAYS[family][kept - 1], f"net{kept}", 100)}
    door.delete_route(*defaults(door, family))
    assert seen(family) == set()


def test_two_ipv6_default_routes_of_one_metric_become_next_hops_of_one(door: Netlink) -> None:
    door.add_route(route(door, 6, 1))
    door.append_route(route(door, 6, 2))
    assert len(ip_json("-6", "route", "show", "default")[0]["nexthops"]) == 2
    assert [each.priority for each in defaults(door, 6)] == [1024, 1024]
    door.delete_route(*defaults(door, 6, "net1"))
    assert seen(6) == {("fd02::1", "net2", 1024)}


def test_the_other_next_hops_keep_source_and_weight(door: Netlink) -> None:
    first, second, third = (
        f"nexthop via {gateway} dev {name} weight {weight}"
        for gateway, name, weight in (("10.0.1.1", "net1", 3), ("10.0.2.1", "net2", 2), ("10.0.1.9", "net1", 5))
    )
    words = f"route add default metric 50 src 10.0.1.2 mtu 1300 {first} {second} {third}"
    ip(*words.split())
    door.delete_route(*defaults(door, 4, "net2"))
    (left,) = ip_json("route", "show", "default")
    assert (left["prefsrc"], left["metrics"]) == ("10.0.1.2", [{"mtu": 1300}])
    assert [(hop["gateway"], hop["weight"]) for hop in left["nexthops"]] == [("10.0.1.1", 3), ("10.0.1.9", 5)]


@pytest.mark.parametrize("single", [1, 2])
@pytest.mark.parametrize("gone", [1, 2])
def test_other_routes_beside_a_shared_one_are_left_alone(door: Netlink, single: int, gone: int) -> None:
    hops = [f"nexthop via {gateway} dev net{number}" for number, gateway in enumerate(GATEWAYS[4], 1)]
    door.add_route(route(door, 4, single))
    ip(*f"route append default {' '.join(hops)}".split())
    before = defaults(door, 4)
    hop = defaults(door, 4, f"net{gone}")[-1]
    door.delete_route(hop)
    after = defaults(door, 4)
    # equal next hops cannot be told apart, so both may go; what is not asked for never does
    assert after.count(hop) < before.count(hop)
    assert {each for each in after if each != hop} == {each for each in before if each != hop}


def test_an_ipv6_route_without_gateway_is_deleted_and_no_other(door: Netlink) -> None:
    for number in (1, 2):
        door.append_route(route(door, 6, number, priority=100))
    door.append_route(Route(6, None, oif=index(door, "net1"), priority=100))
    (plain,) = [each for each in defaults(door, 6) if each.gateway is None]
    door.delete_route(plain)
    assert seen(6) == {("fd01::1", "net1", 100), ("fd02::1", "net2", 100)}


@pytest.mark.parametrize(
    "words", ["dev net1", "dev net1 scope global", "via inet6 fe80::1 dev net1", "via 10.0.1.1 onlink dev net1"]
)
def test_every_kind_of_ipv4_default_route_can_be_deleted(door: Netlink, words: str) -> None:
    ip("-4", "route", "add", "default", *words.split())
    (found,) = defaults(door, 4)
    door.delete_route(found)
    assert seen(4) == set()


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("kind", ["unreachable", "blackhole"])
def test_a_default_route_that_leads_nowhere_can_be_deleted(door: Netlink, family: int, kind: str) -> None:
    ip(f"-{family}", "route", "add", kind, "default", "metric", "9")
    door.delete_route(*defaults(door, family))
    assert ip_json(f"-{family}", "route", "show", "type", kind) == []


def test_an_ipv4_route_by_way_of_an_ipv6_neighbour_is_made_and_read(door: Netlink) -> None:
    wanted = Route(4, None, ipaddress.ip_address("fe80::1"), index(door, "net1"), priority=3, scope=0)
    door.add_route(wanted)
    assert seen(4) == {("fe80::1", "net1", 3)}
    assert defaults(door, 4) == [wanted]


def test_a_route_of_another_table_is_only_there(door: Netlink) -> None:
    door.add_route(route(door, 4, 1, table=5000))
    assert defaults(door, 4) == []
    (found,) = door.routes(4, table=5000)
    door.delete_route(found)
    assert door.routes(4, table=5000) == []
