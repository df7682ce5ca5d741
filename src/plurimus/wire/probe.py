"""Packets that ask who has an address, and whether somebody answers.

What is sent below ARP and IPv6 has no Ethernet header: the kernel makes it.

RFC 826 and RFC 5227 section 2.1 (ARP probes), RFC 4861 sections 4.3 and 4.4, RFC 4862 section 5.4.2 (neighbour
solicitations for duplicate address detection), RFC 792 and RFC 4443 (echo).
"""

from __future__ import annotations

import ipaddress
import struct

ETH_P_ARP, ETH_P_IPV6 = 0x0806, 0x86DD

_ARP = struct.Struct("!HHBBH6s4s6s4s")
_ETHERNET, _IPV4, _REQUEST = 1, 0x0800, 1
_ARP_LENGTHS = (6, 4)
_IPV6 = struct.Struct("!IHBB16s16s")
_VERSION_6, _ICMPV6, _MOST_HOPS = 6 << 28, 58, 255
_NEIGHBOUR = struct.Struct("!BBHI16s")
_SOLICITATION, _ADVERTISEMENT = 135, 136
_ECHO = struct.Struct("!BBHHH")
_ECHO_REQUEST = {4: 8, 6: 128}
_ECHO_REPLY = {4: 0, 6: 129}
_SOLICITED_NODE = bytes.fromhex("ff0200000000000000000001ff")
_NOBODY = bytes(16)


def arp_probe(mac: bytes, address: ipaddress.IPv4Address) -> bytes:
    """An ARP request for `address` by somebody who has none, so that no neighbour learns anything from it."""
    return _ARP.pack(_ETHERNET, _IPV4, *_ARP_LENGTHS, _REQUEST, mac, bytes(4), bytes(6), address.packed)


def arp_sender(data: bytes) -> tuple[bytes, ipaddress.IPv4Address] | None:
    """Who sent an ARP packet, by MAC and address; None for anything else."""
    if len(data) < _ARP.size:
        return None
    hardware, protocol, *lengths, _, mac, packed, _, _ = _ARP.unpack_from(data)
    if (hardware, protocol, tuple(lengths)) != (_ETHERNET, _IPV4, _ARP_LENGTHS):
        return None
    return mac, ipaddress.IPv4Address(packed)


def solicitation(address: ipaddress.IPv6Address) -> bytes:
    """A whole IPv6 packet that asks for `address`, from nobody: what a host sends before it takes an address."""
    target = address.packed
    to = _SOLICITED_NODE + target[-3:]
    body = _NEIGHBOUR.pack(_SOLICITATION, 0, 0, 0, target)
    pseudo = _NOBODY + to + struct.pack("!II", len(body), _ICMPV6)
    body = _NEIGHBOUR.pack(_SOLICITATION, 0, checksum(pseudo + body), 0, target)
    return _IPV6.pack(_VERSION_6, len(body), _ICMPV6, _MOST_HOPS, _NOBODY, to) + body


def solicited_mac(address: ipaddress.IPv6Address) -> bytes:
    """The Ethernet group a solicitation for `address` goes to."""
    return b"\x33\x33\xff" + address.packed[-3:]


def advertised(data: bytes) -> ipaddress.IPv6Address | None:
    """The address a neighbour advertisement is about, in a whole IPv6 packet; None for anything else."""
    if len(data) < _IPV6.size + _NEIGHBOUR.size:
        return None
    head, _, following, hops, _, _ = _IPV6.unpack_from(data)
    kind, code, _, _, target = _NEIGHBOUR.unpack_from(data, _IPV6.size)
    if (head >> 28, following, hops, kind, code) != (6, _ICMPV6, _MOST_HOPS, _ADVERTISEMENT, 0):
        return None
    return ipaddress.IPv6Address(target)


def echo_request(family: int, identifier: int, sequence: int, content: bytes = b"") -> bytes:
    """An ICMP echo request; the checksum of IPv6 is the kernel's, which knows the addresses."""
    kind = _ECHO_REQUEST[family]
    packet = _ECHO.pack(kind, 0, 0, identifier, sequence) + content
    return packet if family == 6 else _ECHO.pack(kind, 0, checksum(packet), identifier, sequence) + content


def echo_reply(family: int, data: bytes) -> tuple[int, int] | None:
    """Identifier and sequence number of an echo reply as a raw socket hands it out; None for anything else.

    With IPv4 the header comes first.
    """
    if family == 4:
        if not data or data[0] >> 4 != 4:
            return None
        data = data[4 * (data[0] & 0xF) :]
    if len(data) < _ECHO.size:
        return None
    kind, code, _, identifier, sequence = _ECHO.unpack_from(data)
    return (identifier, sequence) if (kind, code) == (_ECHO_REPLY[family], 0) else None


def checksum(data: bytes) -> int:
    """The checksum of the Internet (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total = 0
    for (word,) in struct.iter_unpack("!H", data):
        total += word
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
