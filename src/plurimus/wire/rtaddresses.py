"""Routing netlink: addresses that are put on an interface, and routes with what only the configuration has.

kernel: include/uapi/linux/{if_addr,if_link,ip,rtnetlink}.h; rtnetlink(7).
"""

from __future__ import annotations

from plurimus.wire import rtnetlink as rt
from plurimus.wire import rtrequests
from plurimus.wire.netlink import U32, attribute

_IFA_BROADCAST = 4
_RTA_PREFSRC = 7
_RTA_METRICS, _RTAX_MTU, _RTAX_ADVMSS = 8, 2, 8
_IFLA_AF_SPEC, _IFLA_INET_CONF, _IPV4_DEVCONF_ARP_NOTIFY = 26, 1, 22
_NESTED = 0x8000
_IFA_F_DADFAILED, _IFA_F_TENTATIVE = 0x08, 0x40
_MOST_WITH_BROADCAST = 30


def new_address(index: int, address: rt.IPInterface) -> bytes:
    """RTM_NEWADDR; an IPv4 network that has a broadcast address gets it."""
    return new_address_of(index, address.ip, address.network.prefixlen)


def new_address_of(index: int, address: rt.IPAddress, length: int) -> bytes:
    """The same for an address and its prefix length, which cost less to make than an interface of `ipaddress`."""
    head = rt.ADDRESS.pack(rt.FAMILIES[address.version], length, 0, rt.SCOPE_UNIVERSE, index)
    packed = address.packed
    made = head + attribute(rt.IFA_LOCAL, packed) + attribute(rt.IFA_ADDRESS, packed)
    if address.version == 4 and length <= _MOST_WITH_BROADCAST:
        broadcast = int(address) | (1 << (address.max_prefixlen - length)) - 1
        made += attribute(_IFA_BROADCAST, broadcast.to_bytes(4, "big"))
    return made


def new_route(route: rt.Route, *, mtu: int = 0, advmss: int = 0, source: rt.IPAddress | None = None) -> bytes:
    """RTM_NEWROUTE with metrics, both in bytes; 0 leaves one to the kernel.

    What is sent by the route without an address of its own has `source`.
    """
    metrics = [(kind, value) for kind, value in ((_RTAX_MTU, mtu), (_RTAX_ADVMSS, advmss)) if value]
    inner = b"".join(attribute(kind, U32.pack(value)) for kind, value in metrics)
    made = rtrequests.new_route(route) + (attribute(_RTA_METRICS | _NESTED, inner) if inner else b"")
    return made + (attribute(_RTA_PREFSRC, source.packed) if source is not None else b"")


def notify(index: int) -> bytes:
    """RTM_SETLINK that sets the parameter `arp_notify` of an interface, for a tenth of what writing its file costs."""
    parameters = attribute(_IPV4_DEVCONF_ARP_NOTIFY, U32.pack(1))
    family = attribute(rt.FAMILIES[4] | _NESTED, attribute(_IFLA_INET_CONF | _NESTED, parameters))
    return rt.LINK.pack(0, 0, index, 0, 0) + attribute(_IFLA_AF_SPEC | _NESTED, family)


def is_tentative(address: rt.Address) -> bool:
    """Whether the kernel still looks for another holder of it."""
    return bool(address.flags & _IFA_F_TENTATIVE) and not is_duplicate(address)


def is_duplicate(address: rt.Address) -> bool:
    """Whether another holder was found."""
    return bool(address.flags & _IFA_F_DADFAILED)
