"""Packets that tell neighbours where an address is from now on.

RFC 826 and RFC 5227 section 3 (ARP), RFC 4861 sections 4.4 and 7.2.6 (neighbour advertisement).
"""

from __future__ import annotations

import ipaddress
import struct

_ARP = struct.Struct("!HHBBH6s4s6s4s")
_ETHERNET, _IPV4, _REQUEST = 1, 0x0800, 1
_ADVERTISEMENT = struct.Struct("!BBHI16sBB6s")
_NEIGHBOUR_ADVERTISEMENT, _OVERRIDE, _TARGET_LINK_LAYER_ADDRESS = 136, 0x20000000, 2
BROADCAST = b"\xff" * 6


def gratuitous_arp(mac: bytes, address: ipaddress.IPv4Address) -> bytes:
    """An ARP request for the sender's own address, without the Ethernet header; it goes to `BROADCAST`."""
    packed = address.packed
    return _ARP.pack(_ETHERNET, _IPV4, 6, 4, _REQUEST, mac, packed, BROADCAST, packed)


def neighbour_advertisement(mac: bytes, address: ipaddress.IPv6Address) -> bytes:
    """An unsolicited advertisement, without the IPv6 header; its checksum is left to the kernel."""
    return _ADVERTISEMENT.pack(
        _NEIGHBOUR_ADVERTISEMENT, 0, 0, _OVERRIDE, address.packed, _TARGET_LINK_LAYER_ADDRESS, 1, mac
    )
