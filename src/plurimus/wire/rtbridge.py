"""Routing netlink: what a bridge knows of its ports, and which VLANs they are in.

kernel: include/uapi/linux/{if_bridge,if_link}.h; net/bridge/br_netlink.c, net/core/rtnetlink.c (rtnl_bridge_setlink).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from plurimus.wire import rtnetlink as rt
from plurimus.wire.netlink import U32, WireError, attribute, attributes, each_attribute, split
from plurimus.wire.rtkinds import IFLA_INFO_DATA

RTM_DELADDR = 21
VLANS = range(1, 4095)
"""Those a frame may be in."""

_AF_BRIDGE = 7
_IFLA_PROTINFO, _IFLA_AF_SPEC = 12, 26
_IFLA_BRPORT_MODE, _IFLA_BRPORT_ISOLATED = 4, 33
_IFLA_BRIDGE_FLAGS, _IFLA_BRIDGE_VLAN_INFO = 0, 2
_MASTER = struct.pack("=H", 1)
"""The request is for the bridge, not for the port's own hardware."""
_PVID, _UNTAGGED, _RANGE_BEGIN, _RANGE_END = 0x2, 0x4, 0x8, 0x10
_IFLA_BR_BRIDGE_ID, _PRIORITY_SIZE = 11, 2
_NESTED = 0x8000
_SKIP_STATS, _VLAN_RANGES = U32.pack(1 << 3), U32.pack(1 << 2)
_VLAN_INFO = struct.Struct("=HH")


def set_port(index: int, *, hairpin: bool, isolated: bool) -> bytes:
    """RTM_SETLINK: whether frames may leave by the port they came in by, and reach other isolated ports."""
    settings = attribute(_IFLA_BRPORT_MODE, bytes([hairpin])) + attribute(_IFLA_BRPORT_ISOLATED, bytes([isolated]))
    return _about(index) + attribute(_IFLA_PROTINFO | _NESTED, settings)


def leave_vlans(index: int) -> bytes:
    """RTM_DELLINK: the port is in no VLAN any more; those it is not in are passed over."""
    return _vlans(index, _range(VLANS[0], VLANS[-1]))


def join_vlans(index: int, untagged: int, tagged: Iterable[int]) -> bytes:
    """RTM_SETLINK: frames without a tag are of the VLAN `untagged` (0: of none new), those of `tagged` keep theirs."""
    entries = [_VLAN_INFO.pack(_PVID | _UNTAGGED, untagged)] if untagged else []
    for first, last in _ranges(tagged):
        entries += _range(first, last)
    return _vlans(index, entries)


def get_bridge(index: int) -> bytes:
    """RTM_GETLINK for one bridge."""
    return rt.LINK.pack(0, 0, index, 0, 0) + attribute(rt.IFLA_EXT_MASK, _SKIP_STATS)


def identities(payloads: Iterable[bytes]) -> list[bytes]:
    """By which MAC each of the bridges in RTM_NEWLINK is known to others; all zeros before it had a port.

    Raises:
        WireError: the kernel would not send that.
    """
    found = []
    for payload in payloads:
        info = attributes(attributes(payload[rt.LINK.size :]).get(rt.IFLA_LINKINFO, b""))
        identity = attributes(info.get(IFLA_INFO_DATA, b"")).get(_IFLA_BR_BRIDGE_ID, b"")
        found.append(identity[_PRIORITY_SIZE:])
    return found


def dump_addresses(index: int, family: int) -> bytes:
    """RTM_GETADDR for one interface; kernels before 4.20 tell all the same those of every one."""
    return rt.ADDRESS.pack(rt.FAMILIES[family], 0, 0, 0, index)


def dump_vlans() -> bytes:
    """RTM_GETLINK for all ports of all bridges, with the VLANs they are in as ranges."""
    return rt.LINK.pack(_AF_BRIDGE, 0, 0, 0, 0) + attribute(rt.IFLA_EXT_MASK, _VLAN_RANGES)


def untagged_vlans(payloads: Iterable[bytes]) -> list[tuple[int, int]]:
    """The indexes of those in RTM_NEWLINK that have a VLAN for what comes without a tag, and which.

    Raises:
        WireError: the kernel would not send that.
    """
    found = []
    for payload in payloads:
        (_, _, index, _, _), told = split(rt.LINK, payload)
        for kind, entry in each_attribute(told.get(_IFLA_AF_SPEC, b"")):
            if kind != _IFLA_BRIDGE_VLAN_INFO:
                continue
            if len(entry) != _VLAN_INFO.size:
                raise WireError(f"a VLAN of {len(entry)} bytes")
            flags, vlan = _VLAN_INFO.unpack(entry)
            if flags & _PVID:
                found.append((index, vlan))
    return found


def _about(index: int) -> bytes:
    return rt.LINK.pack(_AF_BRIDGE, 0, index, 0, 0)


def _vlans(index: int, entries: Iterable[bytes]) -> bytes:
    spec = attribute(_IFLA_BRIDGE_FLAGS, _MASTER)
    spec += b"".join(attribute(_IFLA_BRIDGE_VLAN_INFO, entry) for entry in entries)
    return _about(index) + attribute(_IFLA_AF_SPEC | _NESTED, spec)


def _range(first: int, last: int) -> list[bytes]:
    if first == last:
        return [_VLAN_INFO.pack(0, first)]
    return [_VLAN_INFO.pack(_RANGE_BEGIN, first), _VLAN_INFO.pack(_RANGE_END, last)]


def _ranges(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """First and last of each run of numbers, ascending."""
    run: list[int] = []
    for number in sorted(set(numbers)):
        if run and number == run[-1] + 1:
            run.append(number)
            continue
        if run:
            yield run[0], run[-1]
        run = [number]
    if run:
        yield run[0], run[-1]
