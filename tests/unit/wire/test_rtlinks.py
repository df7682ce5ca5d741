"""Interfaces as devices, and what is done to them, with pyroute2 as the other side."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from plurimus.wire import rtlinks
from plurimus.wire.netlink import WireError, attribute
from plurimus.wire.rtlinks import Device

from .test_rtnetlink import decoded, encoded

NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="/:%"), min_size=1, max_size=15)


@given(NAMES, st.lists(NAMES, max_size=3))
def test_a_device_is_understood_with_its_place_and_all_its_names(name: str, others: list[str]) -> None:
    names = {"attrs": [("IFLA_ALT_IFNAME", other) for other in others]}
    told = [
        ("IFLA_IFNAME", name), ("IFLA_ADDRESS", "02:00:00:00:00:01"),
        ("IFLA_PHYS_PORT_NAME", "p0"), ("IFLA_PARENT_DEV_NAME", "0000:01:10.0"), ("IFLA_PROP_LIST", names),
        ("IFLA_IFALIAS", "ens5"),
    ]  # fmt: skip
    payload = encoded(ifinfmsg, {"index": 3, "flags": 0x41, "change": 0, "attrs": told})
    found = rtlinks.device(payload + attribute(54, bytes.fromhex("020000000002")))
    assert (found.name, found.link.index, found.link.mac) == (name, 3, "02:00:00:00:00:01")
    assert (found.parent, found.permanent, found.port) == ("0000:01:10.0", "02:00:00:00:00:02", "p0")
    assert (found.alternatives, found.alias) == (tuple(others), "ens5")
    assert found.is_running


def test_a_device_that_is_down_or_without_carrier_does_not_run() -> None:
    for flags in (0, 0x1, 0x40):
        assert not rtlinks.device(encoded(ifinfmsg, {"index": 3, "flags": flags, "change": 0, "attrs": []})).is_running


def test_requests_are_what_pyroute2_reads_in_them() -> None:
    mac, mtu = decoded(ifinfmsg, rtlinks.set_mac(3, b"\2\0\0\0\0\1")), decoded(ifinfmsg, rtlinks.set_mtu(3, 9000))
    renamed, moved = decoded(ifinfmsg, rtlinks.rename(3, "net1")), decoded(ifinfmsg, rtlinks.move(3, 12, "net1"))
    assert {message["index"] for message in (mac, mtu, renamed, moved)} == {3}
    assert {message["change"] for message in (mac, mtu, renamed, moved)} == {0}
    assert mac.get_attr("IFLA_ADDRESS") == "02:00:00:00:00:01"
    assert mtu.get_attr("IFLA_MTU") == 9000
    assert renamed.get_attr("IFLA_IFNAME") == "net1"
    assert (moved.get_attr("IFLA_NET_NS_FD"), moved.get_attr("IFLA_IFNAME")) == (12, "net1")
    named = decoded(ifinfmsg, rtlinks.alternative_name(3, "rail-of-gpu-0"))
    assert named.get_attr("IFLA_PROP_LIST").get_attr("IFLA_ALT_IFNAME") == "rail-of-gpu-0"
    asked = decoded(ifinfmsg, rtlinks.get_device(3))
    assert (asked["index"], asked.get_attr("IFLA_EXT_MASK")) == (3, 8)


@pytest.mark.parametrize("name", ["", "a" * 16, "net1\0"])
def test_what_is_no_name_is_refused(name: str) -> None:
    for make in (lambda: rtlinks.rename(3, name), lambda: rtlinks.move(3, 12, name)):
        with pytest.raises(WireError, match="cannot be the name"):
            make()


@given(st.binary(max_size=120))
def test_bytes_that_are_no_device_are_an_error_or_understood(data: bytes) -> None:
    with contextlib.suppress(WireError):
        assert isinstance(rtlinks.device(data), Device)
