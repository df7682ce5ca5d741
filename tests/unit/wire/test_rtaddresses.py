"""Addresses and routes with metrics, with pyroute2 as the other side."""

from __future__ import annotations

import ipaddress

import pytest
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from plurimus.wire import rtaddresses, rtrequests
from plurimus.wire.netlink import attributes
from plurimus.wire.rtnetlink import Address, Route

from .test_rtnetlink import decoded


@pytest.mark.parametrize(
    ("text", "broadcast"),
    [
        ("10.0.0.2/24", "10.0.0.255"), ("10.0.0.2/30", "10.0.0.3"), ("10.0.0.2/31", None), ("10.0.0.2/32", None),
        ("fd00::2/64", None),
    ],
)  # fmt: skip
def test_an_address_has_a_broadcast_address_where_its_network_has_one(text: str, broadcast: str | None) -> None:
    message = decoded(ifaddrmsg, rtaddresses.new_address(3, ipaddress.ip_interface(text)))
    address, _, length = text.partition("/")
    assert (message["index"], message["prefixlen"], message["scope"], message["flags"]) == (3, int(length), 0, 0)
    assert message.get_attr("IFA_LOCAL") == message.get_attr("IFA_ADDRESS") == address
    assert message.get_attr("IFA_BROADCAST") == broadcast


def test_a_route_has_the_metrics_that_were_asked_for() -> None:
    route = Route(4, ipaddress.ip_network("10.9.0.0/16"), oif=3)
    assert rtaddresses.new_route(route) == rtrequests.new_route(route)
    metrics = decoded(rtmsg, rtaddresses.new_route(route, mtu=1400, advmss=1300)).get_attr("RTA_METRICS")
    assert (metrics.get_attr("RTAX_MTU"), metrics.get_attr("RTAX_ADVMSS")) == (1400, 1300)
    only = decoded(rtmsg, rtaddresses.new_route(route, mtu=1400)).get_attr("RTA_METRICS")
    assert only.get_attr("RTAX_ADVMSS") is None


def test_an_address_that_another_has_is_not_tentative_any_more() -> None:
    address = ipaddress.ip_interface("fd00::2/64")
    seen = [(rtaddresses.is_tentative(each), rtaddresses.is_duplicate(each))
            for each in (Address(3, address, flags=flags) for flags in (0x80, 0x40, 0x48))]  # fmt: skip
    assert seen == [(False, False), (True, False), (False, True)]


def test_the_parameter_that_tells_neighbours_is_that_of_ipv4_alone() -> None:
    message = decoded(ifinfmsg, rtaddresses.notify(3))
    assert (message["index"], message["change"]) == (3, 0)
    family = attributes(message.get_attr("IFLA_AF_SPEC").get_attr("AF_INET"))  # pyroute2 leaves it as it is
    assert attributes(attributes(family[2])[1]) == {22: b"\1\0\0\0"}
