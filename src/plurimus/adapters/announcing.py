"""Packets sent from inside a namespace that tell neighbours where an address is from now on."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from collections.abc import Iterable

from plurimus.adapters import netns
from plurimus.wire import announce

_ETH_P_ARP = 0x0806
_ALL_NODES = "ff02::1"
_HOP_LIMIT = 255

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def send(namespace: str, ifname: str, mac: str, addresses: Iterable[Address]) -> None:
    """Announce each address once; what cannot be sent is passed over, since neighbours find out by asking, too."""
    packed = bytes.fromhex(mac.replace(":", ""))

    def inside() -> None:
        for address in addresses:
            with contextlib.suppress(OSError):
                if isinstance(address, ipaddress.IPv4Address):
                    _send_arp(ifname, announce.gratuitous_arp(packed, address))
                else:
                    _send_advertisement(ifname, address, announce.neighbour_advertisement(packed, address))

    netns.visit(namespace, inside)


def _send_arp(ifname: str, packet: bytes) -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_ARP)) as door:
        door.sendto(packet, (ifname, _ETH_P_ARP, 0, 0, announce.BROADCAST))


def _send_advertisement(ifname: str, source: ipaddress.IPv6Address, packet: bytes) -> None:
    index = socket.if_nametoindex(ifname)
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as door:
        door.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, _HOP_LIMIT)
        door.bind((str(source), 0, 0, index))
        door.sendto(packet, (_ALL_NODES, 0, 0, index))
