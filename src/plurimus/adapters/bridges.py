"""Bridges, their ports and their addresses, by netlink.

Requests are to be sent by a routing socket in the namespace of the bridge, and say in an error what was tried.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from plurimus.adapters.netlink import Netlink, Request
from plurimus.wire import netlink as wire
from plurimus.wire import rtaddresses, rtanswers, rtbridge, rtlinks
from plurimus.wire import rtnetlink as rt
from plurimus.wire.rtkinds import RTM_DELLINK

IFF_PROMISC = 0x100
"""The flag of an interface that takes all frames."""


def addresses(netlink: Netlink, index: int, family: int) -> list[rt.IPInterface]:
    """The addresses of one family, 4 or 6, on the interface."""
    payload = rtbridge.dump_addresses(index, family)
    found = netlink.read(f"addresses of interface {index}", rt.RTM_GETADDR, wire.NLM_F_DUMP, payload, _addresses)
    return [each.address for each in found if each.index == index]


def address(index: int, wanted: rt.IPInterface) -> Request:
    """What adds an address; refused with EEXIST where it is there."""
    what = f"adding address {wanted} to interface {index}"
    flags = wire.NLM_F_CREATE | wire.NLM_F_EXCL
    return Request(what, rt.RTM_NEWADDR, flags, rtaddresses.new_address(index, wanted))


def no_address(index: int, unwanted: rt.IPInterface) -> Request:
    """What deletes an address; refused with EADDRNOTAVAIL where it is gone."""
    what = f"deleting address {unwanted} of interface {index}"
    return Request(what, rtbridge.RTM_DELADDR, 0, rtaddresses.new_address(index, unwanted))


def mac(index: int, wanted: bytes) -> Request:
    """What gives an interface its MAC, which for a bridge no longer follows its ports then."""
    what = f"setting the MAC of interface {index} to {wanted.hex(':')}"
    return Request(what, rtlinks.RTM_SETLINK, 0, rtlinks.set_mac(index, wanted))


def flags(index: int, wanted: int) -> Request:
    """What sets flags of an interface; its others stay."""
    payload = rt.LINK.pack(0, 0, index, wanted, wanted)
    return Request(f"setting flags {wanted:#x} of interface {index}", rt.RTM_NEWLINK, 0, payload)


def macs(netlink: Netlink, index: int, wanted: bytes) -> list[Request]:
    """What gives a bridge its MAC for good.

    A bridge calls itself by its MAC, but one that never had a port does so only once that has changed.
    """
    what = f"bridge {index}"
    known = netlink.read(what, rt.RTM_GETLINK, 0, rtbridge.get_bridge(index), rtbridge.identities)
    if any(known) and not any(known[0]):
        other = wanted[:-1] + bytes([wanted[-1] ^ 1])
        return [mac(index, other), mac(index, wanted)]
    return [mac(index, wanted)]


def port(index: int, *, hairpin: bool, isolated: bool) -> Request:
    """What sets how frames leave by a port."""
    payload = rtbridge.set_port(index, hairpin=hairpin, isolated=isolated)
    return Request(f"setting port {index} of the bridge", rtlinks.RTM_SETLINK, 0, payload)


def no_vlans(index: int) -> Request:
    """What takes a port out of all VLANs."""
    return Request(f"taking port {index} out of its VLANs", RTM_DELLINK, 0, rtbridge.leave_vlans(index))


def vlans(index: int, untagged: int, tagged: Collection[int]) -> Request:
    """What puts a port into a VLAN without tags (0: none), and into others with tags."""
    payload = rtbridge.join_vlans(index, untagged, tagged)
    return Request(f"putting port {index} into VLANs", rtlinks.RTM_SETLINK, 0, payload)


def untagged_vlan(netlink: Netlink, index: int) -> int:
    """The VLAN of what comes without a tag by a port; 0 where there is none.  The kernel tells of all ports at once."""
    what = f"VLANs of port {index}"
    found = netlink.read(what, rt.RTM_GETLINK, wire.NLM_F_DUMP, rtbridge.dump_vlans(), rtbridge.untagged_vlans)
    return dict(found).get(index, 0)


def _addresses(payloads: Iterable[bytes]) -> list[rt.Address]:
    return [found for payload in payloads if (found := rtanswers.address(payload)) is not None]
