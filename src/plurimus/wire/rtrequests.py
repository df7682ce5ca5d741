"""Routing netlink: the payloads of requests.

kernel: rtnetlink(7), net/ipv4/fib_semantics.c and net/ipv6/route.c for what a deletion matches.
"""

from __future__ import annotations

from plurimus.wire import rtnetlink as rt
from plurimus.wire.netlink import U32, WireError, attribute

_NAME_SIZE = 16
_SKIP_STATS = U32.pack(1 << 3)
_NOBODY = bytes(16)


def get_link(name: str) -> bytes:
    """RTM_GETLINK for one name, without statistics.

    Raises:
        WireError: no interface can be called that; the kernel would cut it at a NUL and find another.
    """
    packed = name.encode(errors="surrogatepass")
    if not 0 < len(packed) < _NAME_SIZE or 0 in packed:
        raise WireError(f"{name!r} cannot be the name of an interface")
    return dump_links() + attribute(rt.IFLA_IFNAME, packed + b"\0")


def dump_links() -> bytes:
    return rt.LINK.pack(0, 0, 0, 0, 0) + attribute(rt.IFLA_EXT_MASK, _SKIP_STATS)


def set_link(index: int, *, up: bool) -> bytes:
    """RTM_NEWLINK that sets an interface up or down."""
    return rt.LINK.pack(0, 0, index, rt.IFF_UP if up else 0, rt.IFF_UP)


def dump_addresses() -> bytes:
    return rt.ADDRESS.pack(0, 0, 0, 0, 0)


def dump_routes(family: int) -> bytes:
    """`family` is 4 or 6; the kernel names the routes of all tables."""
    return rt.ROUTE.pack(rt.FAMILIES[family], 0, 0, 0, 0, 0, 0, 0, 0)


def new_route(route: rt.Route) -> bytes:
    """RTM_NEWROUTE; whether it adds, replaces or appends is said by the flags of the message."""
    return _route(route)


def delete_route(route: rt.Route) -> bytes:
    """RTM_DELROUTE for exactly this next hop.

    The kernel takes an IPv6 route without a gateway for one with any gateway, and removes all next
    hops of that; the unspecified address as a gateway says that there is none.
    """
    nobody = route.family == 6 and route.gateway is None
    return _route(route) + (attribute(rt.RTA_GATEWAY, _NOBODY) if nobody else b"")


def _route(route: rt.Route) -> bytes:
    table = route.table if route.table < 256 else 0
    length = route.dst.prefixlen if route.dst is not None else 0
    family = rt.FAMILIES[route.family]
    head = rt.ROUTE.pack(family, length, 0, 0, table, route.protocol, _scope(route), route.type, 0)
    parts = [head, attribute(rt.RTA_TABLE, U32.pack(route.table))]
    if length and route.dst is not None:
        parts.append(attribute(rt.RTA_DST, route.dst.network_address.packed))
    if route.gateway is not None:
        parts.append(_gateway(route.family, route.gateway))
    if route.oif is not None:
        parts.append(attribute(rt.RTA_OIF, U32.pack(route.oif)))
    if route.priority:
        parts.append(attribute(rt.RTA_PRIORITY, U32.pack(route.priority)))
    return b"".join(parts)


def _gateway(family: int, gateway: rt.IPAddress) -> bytes:
    if gateway.version == family:
        return attribute(rt.RTA_GATEWAY, gateway.packed)
    return attribute(rt.RTA_VIA, rt.VIA.pack(rt.FAMILIES[gateway.version]) + gateway.packed)


def _scope(route: rt.Route) -> int:
    """What the kernel expects where the route does not say; IPv6 has no scopes."""
    if route.scope is not None:
        return route.scope
    if route.family == 6:
        return rt.SCOPE_UNIVERSE
    if route.type == rt.RTN_LOCAL:
        return rt.SCOPE_HOST
    if route.type in (rt.RTN_BROADCAST, rt.RTN_ANYCAST, rt.RTN_MULTICAST):
        return rt.SCOPE_LINK
    return rt.SCOPE_LINK if route.type == rt.RTN_UNICAST and route.gateway is None else rt.SCOPE_UNIVERSE
