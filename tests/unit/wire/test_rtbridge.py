"""What a bridge is told of its ports, with pyroute2 as the other side."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from plurimus.wire import rtbridge
from plurimus.wire import rtnetlink as rt
from plurimus.wire.netlink import WireError, attribute

from .test_rtnetlink import decoded

AF_BRIDGE, MASTER = 7, 1
PVID, UNTAGGED, RANGE_BEGIN, RANGE_END = 2, 4, 8, 16
INDEXES = st.integers(1, 2**31 - 1)
VLANS = st.sets(st.integers(1, 4094), max_size=40) | st.sets(st.integers(100, 120))


def infos(payload: bytes) -> list[tuple[int, int]]:
    """Flags and ID of each VLAN in a request for the bridge."""
    message = decoded(ifinfmsg, payload)
    spec = message.get_attr("IFLA_AF_SPEC")
    assert message["family"] == AF_BRIDGE
    assert dict(spec["attrs"])["IFLA_BRIDGE_VLAN_FLAGS"] == MASTER
    return [(info["flags"], info["vid"]) for name, info in spec["attrs"] if name == "IFLA_BRIDGE_VLAN_INFO"]


def meant(entries: list[tuple[int, int]]) -> set[int]:
    """The VLANs, as the kernel reads ranges: each begins with one entry and ends with the next."""
    found: set[int] = set()
    begun: int | None = None
    for flags, vid in entries:
        if flags & RANGE_BEGIN:
            assert begun is None
            begun = vid
        elif flags & RANGE_END:
            assert begun is not None
            assert begun < vid
            found.update(range(begun, vid + 1))
            begun = None
        else:
            assert begun is None
            found.add(vid)
    assert begun is None
    return found


@given(INDEXES, st.booleans(), st.booleans())
def test_a_port_is_set_as_pyroute2_reads_it(index: int, hairpin: bool, isolated: bool) -> None:
    message: Any = decoded(ifinfmsg, rtbridge.set_port(index, hairpin=hairpin, isolated=isolated))
    assert (message["family"], message["index"], message["change"]) == (AF_BRIDGE, index, 0)
    settings = dict(message.get_attr("IFLA_PROTINFO")["attrs"])
    assert {name: int(value) for name, value in settings.items()} == {
        "IFLA_BRPORT_MODE": hairpin, "IFLA_BRPORT_ISOLATED": isolated,
    }  # fmt: skip


@given(INDEXES, st.just(0) | st.integers(1, 4094), VLANS)
def test_a_port_joins_one_vlan_untagged_and_the_others_tagged(index: int, untagged: int, tagged: set[int]) -> None:
    entries = infos(rtbridge.join_vlans(index, untagged, tagged))
    assert [vid for flags, vid in entries if flags & PVID] == ([untagged] if untagged else [])
    assert all(flags & UNTAGGED for flags, _ in entries if flags & PVID)
    assert meant([(flags, vid) for flags, vid in entries if not flags & PVID]) == tagged
    assert len(entries) <= 1 + 2 * len(tagged)


def test_a_whole_trunk_is_two_entries() -> None:
    assert infos(rtbridge.join_vlans(7, 1, range(2, 4095))) == [
        (PVID | UNTAGGED, 1), (RANGE_BEGIN, 2), (RANGE_END, 4094),
    ]  # fmt: skip


@given(INDEXES)
def test_a_port_leaves_all_vlans(index: int) -> None:
    assert meant(infos(rtbridge.leave_vlans(index))) == set(range(1, 4095))


@given(INDEXES, st.sampled_from([4, 6]))
def test_the_addresses_of_one_interface_are_asked_for(index: int, family: int) -> None:
    message = decoded(ifaddrmsg, rtbridge.dump_addresses(index, family))
    assert (message["index"], message["family"]) == (index, {4: 2, 6: 10}[family])
    assert (message["prefixlen"], message["flags"], message["scope"], message["attrs"]) == (0, 0, 0, [])


@given(st.binary(min_size=6, max_size=6), st.integers(0, 0xFFFF))
def test_a_bridge_calls_itself_by_a_mac(mac: bytes, priority: int) -> None:
    info = attribute(1, b"bridge") + attribute(
        2, attribute(1, bytes(4)) + attribute(11, priority.to_bytes(2, "big") + mac)
    )
    assert rtbridge.identities([rt.LINK.pack(0, 0, 7, 0, 0) + attribute(18, info)]) == [mac]
    assert rtbridge.identities([rt.LINK.pack(0, 0, 7, 0, 0)]) == [b""]


@given(INDEXES)
def test_one_bridge_is_asked_for(index: int) -> None:
    message = decoded(ifinfmsg, rtbridge.get_bridge(index))
    assert (message["index"], message["family"], message.get_attr("IFLA_EXT_MASK")) == (index, 0, 8)


def test_the_vlans_of_all_ports_are_asked_for_as_ranges() -> None:
    message = decoded(ifinfmsg, rtbridge.dump_vlans())
    assert (message["family"], message["index"], message.get_attr("IFLA_EXT_MASK")) == (AF_BRIDGE, 0, 4)


@given(INDEXES, st.just(0) | st.integers(1, 4094), VLANS)
def test_the_vlan_of_what_comes_without_a_tag_is_found_among_the_others(
    index: int, untagged: int, tagged: set[int]
) -> None:
    """The kernel tells of a port as it is told of it."""
    payload = rtbridge.join_vlans(index, untagged, tagged)
    assert rtbridge.untagged_vlans([payload]) == ([(index, untagged)] if untagged else [])


@given(st.binary(max_size=60))
def test_what_no_kernel_sends_is_a_wire_error_at_most(payload: bytes) -> None:
    for parse in (rtbridge.identities, rtbridge.untagged_vlans):
        try:
            parse([payload])
        except WireError:
            continue
