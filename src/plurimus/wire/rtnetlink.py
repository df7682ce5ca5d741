"""Routing netlink: interfaces, addresses and routes as values, and the numbers they travel under.

What is asked is in `rtrequests`, what comes back in `rtanswers`.

kernel: include/uapi/linux/{rtnetlink,if_link,if_addr}.h; rtnetlink(7).
"""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass

RTM_NEWLINK, RTM_GETLINK = 16, 18
RTM_NEWADDR, RTM_GETADDR = 20, 22
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26

LINK = struct.Struct("=BxHiII")
ADDRESS = struct.Struct("=BBBBi")
ROUTE = struct.Struct("=BBBBBBBBI")
NEXTHOP = struct.Struct("=HBBi")
VIA = struct.Struct("=H")

IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_LINK, IFLA_MASTER = 1, 3, 4, 5, 10
IFLA_LINKINFO, IFLA_EXT_MASK, IFLA_LINK_NETNSID = 18, 29, 37
IFLA_INFO_KIND = 1
IFA_ADDRESS, IFA_LOCAL, IFA_FLAGS = 1, 2, 8
RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, RTA_MULTIPATH, RTA_TABLE, RTA_VIA = 1, 4, 5, 6, 9, 15, 18

IFF_UP = 0x1
MAIN_TABLE = 254
FAMILIES = {4: 2, 6: 10}
"""AF_INET and AF_INET6 by IP version."""
RTN_UNICAST, RTN_LOCAL, RTN_BROADCAST, RTN_ANYCAST, RTN_MULTICAST = 1, 2, 3, 4, 5
RTPROT_BOOT = 3
SCOPE_UNIVERSE, SCOPE_LINK, SCOPE_HOST = 0, 253, 254

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPInterface = ipaddress.IPv4Interface | ipaddress.IPv6Interface
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Link:
    """An interface; `mac` is empty where it has none, `master` and `parent` are indexes or 0.

    `parent` (a veth's peer, a macvlan's lower interface) is an index in the namespace with the ID
    `netnsid`, or in the interface's own where that is None.
    """

    index: int
    name: str
    kind: str = ""
    mac: str = ""
    mtu: int = 0
    flags: int = 0
    master: int = 0
    parent: int = 0
    netnsid: int | None = None

    @property
    def is_up(self) -> bool:
        """Whether it is set up by the administrator."""
        return bool(self.flags & IFF_UP)


@dataclass(frozen=True, slots=True)
class Address:
    """An address on the interface `index`, with its prefix length."""

    index: int
    address: IPInterface
    scope: int = 0
    flags: int = 0


@dataclass(frozen=True, slots=True)
class Route:
    """One next hop of a route; `dst` is None where the kernel names no destination.

    `gateway` may be of the other family (IPv4 by way of an IPv6 neighbour).  A `scope` of None is the
    one the kernel expects for such a route; a route that was read has a number.
    """

    family: int
    dst: IPNetwork | None
    gateway: IPAddress | None = None
    oif: int | None = None
    table: int = MAIN_TABLE
    priority: int = 0
    protocol: int = RTPROT_BOOT
    scope: int | None = None
    type: int = RTN_UNICAST

    @property
    def is_default(self) -> bool:
        """Whether it leads everywhere: no destination, or one of length 0 (S1)."""
        return self.dst is None or self.dst.prefixlen == 0

    def is_hop(self, other: Route) -> bool:
        """Whether both are the same next hop of the same route; what is not part of that is not compared."""
        return self._key() == other._key()

    def _key(self) -> tuple[object, ...]:
        dst = None if self.is_default else self.dst
        return self.family, dst, self.gateway, self.oif, self.table, self.priority, self.type
