"""Links that are made, and what is read of them, with pyroute2 as the other side."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from plurimus.wire import rtdetails, rtkinds
from plurimus.wire import rtnetlink as rt
from plurimus.wire.netlink import WireError, attributes
from plurimus.wire.rtkinds import NewLink

from .test_rtnetlink import decoded, encoded

NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="/:%"), min_size=1, max_size=15)
U31 = st.integers(1, 2**31 - 1)
KINDS: list[tuple[str, bytes, dict[str, object]]] = [
    ("macvlan", rtkinds.macvlan("vepa"), {"IFLA_MACVLAN_MODE": "vepa"}),
    ("macvlan", rtkinds.macvlan("bridge"), {"IFLA_MACVLAN_MODE": "bridge"}),
    ("ipvlan", rtkinds.ipvlan("l3s"), {"IFLA_IPVLAN_MODE": 2}),
    ("vlan", rtkinds.vlan(4094), {"IFLA_VLAN_ID": 4094}),
    ("vrf", rtkinds.vrf(1001), {"IFLA_VRF_TABLE": 1001}),
    ("bridge", rtkinds.bridge(vlan_filtering=True), {"IFLA_BR_VLAN_FILTERING": 1}),
]
MODES = [("macvlan", "MACVLAN", "passthru", 8), ("ipvlan", "IPVLAN", "l3", 1), ("macvlan", "MACVLAN", "64", 64)]


def info(payload: bytes) -> Any:
    return decoded(ifinfmsg, payload).get_attr("IFLA_LINKINFO")


def details_of(kind: str, data: list[tuple[str, object]], **head: int) -> rtdetails.Details:
    linkinfo = {"attrs": [("IFLA_INFO_KIND", kind), ("IFLA_INFO_DATA", {"attrs": data})]}
    content = {"index": 3, "flags": head.get("flags", 0), "attrs": [("IFLA_LINKINFO", linkinfo)]}
    return rtdetails.details(encoded(ifinfmsg, content))


@given(NAMES, U31, U31, st.integers(1, 65535), st.integers(0, 2**31), st.binary(min_size=6, max_size=6), U31)
def test_what_every_link_has_is_what_pyroute2_reads(
    name: str, lower: int, fd: int, mtu: int, txqlen: int, mac: bytes, master: int
) -> None:
    link = NewLink("dummy", name, b"", lower, fd, mtu, mac, txqlen, master, up=True)
    made = decoded(ifinfmsg, rtkinds.new_link(link))
    assert (made["index"], made["flags"], made["change"]) == (0, 1, 1)
    names = ("IFNAME", "LINK", "NET_NS_FD", "MTU", "TXQLEN", "ADDRESS", "MASTER")
    wanted = (name, lower, fd, mtu, txqlen, mac.hex(":"), master)
    assert tuple(made.get_attr(f"IFLA_{each}") for each in names) == wanted
    assert made.get_attr("IFLA_LINKINFO").get_attr("IFLA_INFO_KIND") == "dummy"


def test_what_is_not_asked_for_is_left_to_the_kernel() -> None:
    made = decoded(ifinfmsg, rtkinds.new_link(NewLink("dummy", "net1")))
    assert (made["flags"], made["change"]) == (0, 0)
    assert [name for name, _ in made["attrs"]] == ["IFLA_IFNAME", "IFLA_LINKINFO"]
    assert made.get_attr("IFLA_LINKINFO").get_attr("IFLA_INFO_DATA") is None
    assert rtkinds.bridge(vlan_filtering=False) == b""


@pytest.mark.parametrize(("kind", "data", "wanted"), KINDS)
def test_what_a_kind_has_is_what_pyroute2_reads(kind: str, data: bytes, wanted: dict[str, object]) -> None:
    made = info(rtkinds.new_link(NewLink(kind, "net1", data)))
    assert made.get_attr("IFLA_INFO_KIND") == kind
    assert {name: value for name, value in made.get_attr("IFLA_INFO_DATA")["attrs"] if name != "UNKNOWN"} == wanted


def test_what_pyroute2_does_not_know_has_the_number_and_size_the_kernel_expects() -> None:
    assert attributes(rtkinds.ipvlan("l2", 1)) == {1: b"\0\0", 2: b"\1\0"}
    assert attributes(rtkinds.macvlan("bridge", 500)) == {1: b"\4\0\0\0", 7: b"\xf4\1\0\0"}


def test_the_other_end_of_a_veth_is_made_with_it() -> None:
    peer = NewLink("veth", "veth12345678", namespace=7, mtu=1400, txqlen=0)
    made = info(rtkinds.new_link(NewLink("veth", "eth0", rtkinds.veth(peer), mtu=1400)))
    there = made.get_attr("IFLA_INFO_DATA").get_attr("VETH_INFO_PEER")
    names = ("IFNAME", "NET_NS_FD", "MTU", "TXQLEN", "LINKINFO")
    assert [there.get_attr(f"IFLA_{each}") for each in names] == ["veth12345678", 7, 1400, 0, None]


@given(st.integers(1, 2**31 - 1))
def test_a_link_is_deleted_by_its_index(index: int) -> None:
    assert rtkinds.delete_link(index) == rt.LINK.pack(0, 0, index, 0, 0)


@pytest.mark.parametrize("name", ["", "a" * 16, "net1\0"])
def test_what_is_no_name_is_refused_at_either_end(name: str) -> None:
    with pytest.raises(WireError, match="cannot be the name"):
        rtkinds.new_link(NewLink("dummy", name))
    with pytest.raises(WireError, match="cannot be the name"):
        rtkinds.veth(NewLink("veth", name))


@pytest.mark.parametrize(("kind", "prefix", "mode", "value"), MODES)
def test_a_mode_is_read_by_its_name(kind: str, prefix: str, mode: str, value: int) -> None:
    assert details_of(kind, [(f"IFLA_{prefix}_MODE", value)]).mode == mode


def test_what_a_kind_has_is_read_of_that_kind_only() -> None:
    vlan = details_of("vlan", [("IFLA_VLAN_ID", 100)])
    vrf = details_of("vrf", [("IFLA_VRF_TABLE", 1001)])
    bridge = details_of("bridge", [("IFLA_BR_VLAN_FILTERING", 1)])
    seen = [(each.mode, each.vlan, each.table, each.filters_vlans) for each in (vlan, vrf, bridge)]
    assert seen == [("", 100, 0, False), ("", None, 1001, False), ("", None, 0, True)]


def test_what_every_link_has_is_read() -> None:
    told = [
        ("IFLA_IFNAME", "net1"), ("IFLA_TXQLEN", 500), ("IFLA_OPERSTATE", "UP"), ("IFLA_IFALIAS", "ens5"),
        ("IFLA_PROMISCUITY", 2),
    ]  # fmt: skip
    found = rtdetails.details(encoded(ifinfmsg, {"index": 3, "flags": 0x301, "attrs": told}))
    assert (found.link.name, found.txqlen, found.operstate, found.alias) == ("net1", 500, 6, "ens5")
    assert (found.promiscuity, found.is_promiscuous, found.takes_all_multicast, found.is_running) == (2, 1, 1, 1)
    bare = rtdetails.details(encoded(ifinfmsg, {"index": 3, "flags": 0}))
    assert bare == rtdetails.Details(rt.Link(3, ""))
    assert (bare.is_promiscuous, bare.takes_all_multicast, bare.is_running) == (0, 0, 0)


@given(st.sampled_from(KINDS), st.data())
def test_a_damaged_description_is_an_error_or_understood(
    kind: tuple[str, bytes, dict[str, object]], data: st.DataObject
) -> None:
    payload = bytearray(rtkinds.new_link(NewLink(kind[0], "net1", kind[1], txqlen=5, mtu=1400)))
    for _ in range(data.draw(st.integers(0, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(payload)))
    try:
        assert rtdetails.details(bytes(payload[:cut])).link.index >= -(2**31)
    except WireError:
        return
