"""Policy rules and moved routes, with pyroute2 as the other side."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroute2.netlink.rtnl.fibmsg import fibmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from plurimus.wire import rtrequests, rtrules
from plurimus.wire.netlink import WireError
from plurimus.wire.rtnetlink import IPAddress, Route
from plurimus.wire.rtrules import Rule, WholeRoute

from .test_rtnetlink import address_of, decoded, encoded, some_routes

NUMBERS = st.integers(1, 0xFFFFFFFF)
ROUTES = some_routes().filter(lambda route: route.gateway is None or route.gateway.version == route.family)


@st.composite
def some_rules(draw: st.DrawFn) -> Rule:
    family = draw(st.sampled_from([4, 6]))
    size = 32 if family == 4 else 128
    source = st.tuples(st.ip_addresses(v=family), st.integers(1, size)).map(
        lambda parts: ipaddress.ip_network(parts, strict=False)
    )
    return Rule(family, draw(NUMBERS), draw(st.none() | source), draw(NUMBERS))


def whole(route: Route) -> WholeRoute:
    found = rtrules.route(rtrequests.new_route(route))
    assert found is not None
    return found


@given(some_rules())
def test_a_rule_that_is_asked_for_reads_as_the_same_rule(rule: Rule) -> None:
    assert rtrules.rule(rtrules.new_rule(rule)) == rule


@given(some_rules())
def test_pyroute2_reads_the_same_rule(rule: Rule) -> None:
    message = decoded(fibmsg, rtrules.new_rule(rule))
    assert message["family"] == {4: 2, 6: 10}[rule.family]
    assert message["src_len"] == (rule.source.prefixlen if rule.source else 0)
    assert address_of(message.get("src")) == (rule.source.network_address if rule.source else None)
    assert message.get("table") == rule.table
    assert message.get("priority") == rule.priority
    assert message["action"] == 1


@given(NUMBERS, NUMBERS, st.ip_addresses(v=4))
def test_a_rule_of_pyroute2_is_read(table: int, priority: int, source: ipaddress.IPv4Address) -> None:
    attrs = [("FRA_TABLE", table), ("FRA_SRC", str(source)), ("FRA_PRIORITY", priority), ("FRA_PROTOCOL", 3)]
    payload = encoded(fibmsg, {"family": 2, "src_len": 32, "action": 1, "attrs": attrs})
    rule = rtrules.rule(payload)
    assert rule == Rule(4, table, ipaddress.ip_network((source, 32)), priority)
    assert rule.host == source
    assert rule.payload == payload


def test_a_rule_about_a_network_is_about_no_host_and_one_that_leads_nowhere_is_none() -> None:
    network = Rule(4, 100, ipaddress.ip_network("10.0.0.0/24"))
    assert network.host is None
    assert Rule(4, 100).host is None
    assert rtrules.rule(encoded(fibmsg, {"family": 2, "action": 6, "attrs": []})) is None
    assert rtrules.rule(encoded(fibmsg, {"family": 7, "action": 1, "attrs": []})) is None


def test_a_priority_that_is_the_kernels_to_choose_is_not_asked_for() -> None:
    assert decoded(fibmsg, rtrules.new_rule(Rule(4, 100))).get("priority") is None


@given(ROUTES, NUMBERS)
def test_a_moved_route_is_the_same_in_another_table(route: Route, table: int) -> None:
    moved = rtrules.route(rtrules.moved(whole(route), table))
    assert moved is not None
    assert moved.payload == rtrules.moved(moved, table)
    assert decoded(rtmsg, moved.payload)["attrs"] != []
    assert replace(moved, payload=b"", table=0) == replace(whole(route), payload=b"", table=0)
    assert decoded(rtmsg, moved.payload).get("table") == table


@pytest.mark.parametrize(("flags", "asked"), [(0, 0), (0x1 | 0x10 | 0x200, 0), (0x4 | 0x10, 0x4)])
def test_a_moved_route_keeps_its_metrics_and_loses_what_is_the_kernels(flags: int, asked: int) -> None:
    attrs = [
        *(("RTA_TABLE", 254), ("RTA_DST", "10.1.0.0"), ("RTA_OIF", 3), ("RTA_PREFSRC", "10.1.0.2")),
        *(("RTA_METRICS", {"attrs": [("RTAX_MTU", 1300)]}), ("RTA_PRIORITY", 9)),
    ]
    head = {"family": 2, "dst_len": 16, "table": 254, "proto": 2, "scope": 253, "type": 1, "flags": flags}
    found = rtrules.route(encoded(rtmsg, {**head, "attrs": attrs}))
    assert found is not None
    assert (found.oif, found.source) == (3, ipaddress.ip_address("10.1.0.2"))
    message = decoded(rtmsg, rtrules.moved(found, 5000))
    assert (message["table"], message.get("table"), message["flags"]) == (0, 5000, asked)
    assert (message["proto"], message["scope"], message.get("priority")) == (2, 253, 9)
    assert message.get("prefsrc") == "10.1.0.2"
    assert message.get("metrics").get("mtu") == 1300


@given(ROUTES, st.ip_addresses(v=4), st.ip_addresses(v=6))
def test_a_route_can_be_given_a_source(route: Route, four: ipaddress.IPv4Address, six: ipaddress.IPv6Address) -> None:
    source = four if route.family == 4 else six
    found = rtrules.route(rtrules.sourced(whole(route), source))
    assert found is not None
    assert replace(found, payload=b"", source=None) == replace(whole(route), payload=b"")
    assert found.source == source


@pytest.mark.parametrize("parse", [rtrules.rule, rtrules.route])
@given(head=st.sampled_from([b"", b"\x02", b"\x0a"]), data=st.binary(max_size=120))
def test_no_bytes_raise_anything_but_wire_error(parse: Callable[[bytes], object], head: bytes, data: bytes) -> None:
    try:
        parse(head + data)
    except WireError:
        return


@given(some_rules(), st.data())
def test_a_damaged_rule_raises_nothing_but_wire_error(rule: Rule, data: st.DataObject) -> None:
    payload = bytearray(rtrules.new_rule(rule))
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    try:
        rtrules.rule(bytes(payload))
    except WireError:
        return


@given(
    st.one_of(
        st.tuples(st.ip_addresses(v=4), st.ip_addresses(v=4)), st.tuples(st.ip_addresses(v=6), st.ip_addresses(v=6))
    )
)
def test_the_route_between_two_addresses_is_asked_for(pair: tuple[IPAddress, IPAddress]) -> None:
    source, destination = pair
    message = decoded(rtmsg, rtrules.get_route(source, destination))
    bits = source.max_prefixlen
    assert (message["family"], message["src_len"], message["dst_len"]) == (2 if bits == 32 else 10, bits, bits)
    assert address_of(message.get("src")) == source
    assert address_of(message.get("dst")) == destination
