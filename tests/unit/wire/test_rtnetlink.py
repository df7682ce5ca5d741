"""Links, addresses and routes: what is asked and what is understood, with pyroute2 as the other side."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from plurimus.wire import rtanswers, rtrequests
from plurimus.wire.netlink import WireError, attribute
from plurimus.wire.rtnetlink import Address, Link, Route

HEADER = 16


def encoded(kind: type[Any], content: dict[str, Any]) -> bytes:
    """The payload pyroute2 makes of `content`."""
    message = kind()
    message.update(content)
    message.encode()
    return bytes(message.data)[HEADER:]


def decoded(kind: type[Any], payload: bytes) -> Any:
    """What pyroute2 reads in `payload`."""
    message = kind(bytes(HEADER) + payload)
    message.data = (HEADER + len(payload)).to_bytes(4, "little") + bytes(HEADER - 4) + payload
    message.decode()
    return message


def address_of(text: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address as a value: pyroute2 writes mapped ones another way."""
    return None if text is None else ipaddress.ip_address(text)


@st.composite
def some_routes(draw: st.DrawFn) -> Route:
    family = draw(st.sampled_from([4, 6]))
    size = 32 if family == 4 else 128
    dst = st.tuples(st.ip_addresses(v=family), st.integers(1, size)).map(
        lambda parts: ipaddress.ip_network(parts, strict=False)
    )
    number = st.integers(0, 0xFFFFFFFF)
    gateway = st.ip_addresses(v=family) if family == 6 else st.ip_addresses()
    return Route(
        family,
        draw(st.none() | dst),
        gateway=draw(st.none() | gateway),
        oif=draw(st.none() | st.integers(1, 2**31 - 1)),
        table=draw(st.integers(1, 0xFFFFFFFF)),
        priority=draw(number),
        protocol=draw(st.integers(0, 255)),
        scope=draw(st.integers(0, 255)),
        type=draw(st.integers(0, 255)),
    )


@given(some_routes())
def test_a_route_that_is_asked_for_reads_as_the_same_route(route: Route) -> None:
    assert list(rtanswers.routes(rtrequests.new_route(route))) == [route]


@given(some_routes().filter(lambda route: route.gateway is None or route.gateway.version == route.family))
def test_pyroute2_reads_the_same_route(route: Route) -> None:
    message = decoded(rtmsg, rtrequests.new_route(route))
    assert message["family"] == {4: 2, 6: 10}[route.family]
    assert message["dst_len"] == (route.dst.prefixlen if route.dst else 0)
    assert address_of(message.get("dst")) == (route.dst.network_address if route.dst else None)
    assert address_of(message.get("gateway")) == route.gateway
    assert message.get("oif") == route.oif
    assert message.get("table") == route.table
    assert (message.get("priority") or 0) == route.priority
    assert (message["proto"], message["scope"], message["type"]) == (route.protocol, route.scope, route.type)


@pytest.mark.parametrize("parse", [rtanswers.link, rtanswers.address, lambda data: list(rtanswers.routes(data))])
@given(head=st.sampled_from([b"", b"\x02", b"\x0a"]), data=st.binary(max_size=120))
def test_no_bytes_raise_anything_but_wire_error(parse: Callable[[bytes], object], head: bytes, data: bytes) -> None:
    try:
        parse(head + data)
    except WireError:
        return


@given(some_routes(), st.data())
def test_a_damaged_route_raises_nothing_but_wire_error(route: Route, data: st.DataObject) -> None:
    payload = bytearray(rtrequests.new_route(route))
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    try:
        list(rtanswers.routes(bytes(payload)))
        rtanswers.without_hop(bytes(payload), route)
    except WireError:
        return


@pytest.mark.parametrize(
    ("route", "scope"),
    [
        (Route(4, None, oif=2), 253),
        (Route(4, None, ipaddress.ip_address("10.0.0.1")), 0),
        (Route(4, None, type=2), 254),
        (Route(4, None, type=3), 253),
        (Route(4, None, type=7), 0),
        (Route(6, None, oif=2), 0),
        (Route(4, None, oif=2, scope=0), 0),
    ],
)
def test_a_scope_that_is_not_said_is_the_one_the_kernel_expects(route: Route, scope: int) -> None:
    assert decoded(rtmsg, rtrequests.new_route(route))["scope"] == scope


@pytest.mark.parametrize(
    ("dst", "default"), [(None, True), ("0.0.0.0/0", True), ("::/0", True), ("10.0.0.0/8", False), ("::/1", False)]
)
def test_a_default_route_has_no_destination_or_one_of_length_0(dst: str | None, default: bool) -> None:
    network = ipaddress.ip_network(dst) if dst else None
    assert Route(network.version if network else 4, network).is_default is default


def test_deleting_an_ipv6_route_without_gateway_says_that_there_is_none() -> None:
    gateway = ipaddress.ip_address("fd00::1")
    assert decoded(rtmsg, rtrequests.delete_route(Route(6, None, oif=2))).get("gateway") == "::"
    assert decoded(rtmsg, rtrequests.delete_route(Route(6, None, gateway))).get("gateway") == "fd00::1"
    assert decoded(rtmsg, rtrequests.delete_route(Route(4, None, oif=2))).get("gateway") is None


def test_a_link_that_pyroute2_describes_is_read() -> None:
    attrs = [
        ("IFLA_IFNAME", "net1"),
        ("IFLA_ADDRESS", "02:00:00:00:00:01"),
        ("IFLA_MTU", 1400),
        ("IFLA_LINK", 7),
        ("IFLA_MASTER", 9),
        ("IFLA_LINK_NETNSID", 0),
        ("IFLA_LINKINFO", {"attrs": [("IFLA_INFO_KIND", "macvlan")]}),
    ]
    found = rtanswers.link(encoded(ifinfmsg, {"index": 3, "flags": 0x1043, "attrs": attrs}))
    assert found == Link(3, "net1", "macvlan", "02:00:00:00:00:01", 1400, 0x1043, master=9, parent=7, netnsid=0)
    assert found.is_up


def test_a_link_without_attributes_has_neither_parent_nor_namespace() -> None:
    found = rtanswers.link(encoded(ifinfmsg, {"index": 1, "flags": 0}))
    assert (found, found.is_up) == (Link(1, ""), False)


@pytest.mark.parametrize("name", ["", "a" * 16, "net1\0x", "ä" * 8])
def test_what_no_interface_can_be_called_is_not_asked_for(name: str) -> None:
    with pytest.raises(WireError, match="name of an interface"):
        rtrequests.get_link(name)


def test_a_link_is_asked_for_by_name_without_statistics() -> None:
    message = decoded(ifinfmsg, rtrequests.get_link("a" * 15))
    assert (message.get("ifname"), message.get("ext_mask")) == ("a" * 15, 8)


@pytest.mark.parametrize(("up", "flags"), [(True, 1), (False, 0)])
def test_only_the_up_flag_of_a_link_is_changed(up: bool, flags: int) -> None:
    message = decoded(ifinfmsg, rtrequests.set_link(5, up=up))
    assert (message["index"], message["flags"], message["change"]) == (5, flags, 1)


@given(st.ip_addresses(), st.data(), st.integers(1, 2**31 - 1), st.integers(0, 255), st.integers(0, 0xFFFF))
def test_an_address_that_pyroute2_describes_is_read(
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address, data: st.DataObject, index: int, scope: int, flags: int
) -> None:
    length = data.draw(st.integers(0, ip.max_prefixlen))
    content = {"family": {4: 2, 6: 10}[ip.version], "prefixlen": length, "scope": scope, "index": index}
    attrs = [("IFA_ADDRESS", str(ip)), ("IFA_FLAGS", flags)]
    found = rtanswers.address(encoded(ifaddrmsg, {**content, "flags": flags & 0xFF, "attrs": attrs}))
    assert found == Address(index, ipaddress.ip_interface((ip, length)), scope, flags)


def test_the_near_end_of_a_point_to_point_address_counts() -> None:
    attrs = [("IFA_ADDRESS", "10.0.0.2"), ("IFA_LOCAL", "10.0.0.1")]
    found = rtanswers.address(encoded(ifaddrmsg, {"family": 2, "prefixlen": 32, "index": 2, "attrs": attrs}))
    assert found is not None
    assert str(found.address) == "10.0.0.1/32"


def test_other_families_are_passed_over() -> None:
    assert rtanswers.address(b"\x07" + bytes(7)) is None
    assert list(rtanswers.routes(b"\x07" + bytes(11))) == []


@pytest.mark.parametrize(("family", "other"), [(4, "fd00::1"), (6, "10.0.0.1")])
def test_an_address_of_the_other_family_is_malformed(family: int, other: str) -> None:
    payload = rtrequests.new_route(Route(family, None)) + attribute(5, ipaddress.ip_address(other).packed)
    with pytest.raises(WireError, match=f"IPv{family} address"):
        list(rtanswers.routes(payload))
