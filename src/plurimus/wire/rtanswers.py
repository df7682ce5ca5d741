"""Routing netlink: the payloads of answers, as values.

Every function raises WireError, and nothing else, for bytes the kernel would not send.

kernel: rtnetlink(7).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import replace

from plurimus.wire import rtnetlink as rt
from plurimus.wire.netlink import Attributes, WireError, attribute, attributes, number, split, text

_VERSIONS = {number: version for version, number in rt.FAMILIES.items()}
_SIZES = {4: 4, 6: 16}
_HOP_FLAGS = 0x6
"""RTNH_F_PERVASIVE and RTNH_F_ONLINK: what may be asked for; the others say how the next hop fares."""


def link(payload: bytes) -> rt.Link:
    """The content of RTM_NEWLINK."""
    return link_and_rest(payload)[0]


def link_and_rest(payload: bytes) -> tuple[rt.Link, dict[int, bytes]]:
    """The content of RTM_NEWLINK, and all its attributes."""
    (_, _, index, flags, _), rest = split(rt.LINK, payload)
    info = attributes(rest.get(rt.IFLA_LINKINFO, b""))
    found = rt.Link(
        index=index,
        name=text(rest.get(rt.IFLA_IFNAME, b"")),
        kind=text(info.get(rt.IFLA_INFO_KIND, b"")),
        mac=rest.get(rt.IFLA_ADDRESS, b"").hex(":"),
        mtu=number(rest, rt.IFLA_MTU),
        flags=flags,
        master=number(rest, rt.IFLA_MASTER),
        parent=number(rest, rt.IFLA_LINK),
        netnsid=number(rest, rt.IFLA_LINK_NETNSID) if rt.IFLA_LINK_NETNSID in rest else None,
    )
    return found, rest


def address(payload: bytes) -> rt.Address | None:
    """The content of RTM_NEWADDR; None for a family that is not IP."""
    (family, length, flags, scope, index), rest = split(rt.ADDRESS, payload)
    version = _VERSIONS.get(family)
    packed = rest.get(rt.IFA_LOCAL) or rest.get(rt.IFA_ADDRESS)
    if version is None or packed is None:
        return None
    found = ipaddress.ip_interface((_ip(packed, version), _prefix(length, version)))
    return rt.Address(index, found, scope, number(rest, rt.IFA_FLAGS) or flags)


def routes(payload: bytes) -> Iterator[rt.Route]:
    """The next hops in one RTM_NEWROUTE; none for a family that is not IP."""
    (family, length, _, _, table, protocol, scope, kind, _), rest = split(rt.ROUTE, payload)
    version = _VERSIONS.get(family)
    if version is None:
        return
    whole = rt.Route(
        version,
        _network(rest, length, version),
        table=number(rest, rt.RTA_TABLE) or table,
        priority=number(rest, rt.RTA_PRIORITY),
        protocol=protocol,
        scope=scope,
        type=kind,
    )
    if rt.RTA_MULTIPATH not in rest:
        yield replace(whole, gateway=_gateway(rest, version), oif=number(rest, rt.RTA_OIF) or None)
        return
    for _, oif, inner in _hops(rest[rt.RTA_MULTIPATH]):
        yield replace(whole, gateway=_gateway(attributes(inner), version), oif=oif or None)


def without_hop(payload: bytes, hop: rt.Route) -> bytes | None:
    """The RTM_NEWROUTE `payload` of a route with several next hops, to be asked for again without `hop`.

    All else of the route (source address, metrics, weights) stays.  None where the route has not
    several, or `hop` is none of them.
    """
    found = list(routes(payload))
    kept = [not hop.is_hop(each) for each in found]
    if len(found) < 2 or all(kept):
        return None
    head, rest = payload[: rt.ROUTE.size], attributes(payload[rt.ROUTE.size :])
    hops = [each for each, stays in zip(_hops(rest[rt.RTA_MULTIPATH]), kept, strict=True) if stays]
    rest[rt.RTA_MULTIPATH] = b"".join(
        rt.NEXTHOP.pack(rt.NEXTHOP.size + len(inner), flags & _HOP_FLAGS, weight, oif) + inner
        for (flags, weight), oif, inner in hops
    )
    return head[:-4] + bytes(4) + b"".join(attribute(kind, value) for kind, value in rest.items())


def _hops(data: bytes) -> Iterator[tuple[tuple[int, int], int, bytes]]:
    """Flags and weight, interface, and attributes of each next hop."""
    while len(data) >= rt.NEXTHOP.size:
        length, flags, weight, oif = rt.NEXTHOP.unpack_from(data)
        if not rt.NEXTHOP.size <= length <= len(data):
            raise WireError(f"a next hop of {length} bytes in {len(data)}")
        yield (flags, weight), oif, data[rt.NEXTHOP.size : length]
        data = data[(length + 3) & ~3 :]


def _network(rest: Attributes, length: int, version: int) -> rt.IPNetwork | None:
    packed = rest.get(rt.RTA_DST)
    if packed is None:
        return None
    return ipaddress.ip_network((_ip(packed, version), _prefix(length, version)), strict=False)


def _gateway(rest: Attributes, version: int) -> rt.IPAddress | None:
    if rt.RTA_GATEWAY in rest:
        return _ip(rest[rt.RTA_GATEWAY], version)
    if rt.RTA_VIA not in rest:
        return None
    via = rest[rt.RTA_VIA]
    family = rt.VIA.unpack_from(via)[0] if len(via) >= rt.VIA.size else 0
    if family not in _VERSIONS:
        raise WireError(f"a gateway of family {family}")
    return _ip(via[rt.VIA.size :], _VERSIONS[family])


def _prefix(length: int, version: int) -> int:
    if length > 8 * _SIZES[version]:
        raise WireError(f"an IPv{version} prefix of {length} bits")
    return length


def _ip(packed: bytes, version: int) -> rt.IPAddress:
    if len(packed) != _SIZES[version]:
        raise WireError(f"an IPv{version} address of {len(packed)} bytes")
    return ipaddress.ip_address(packed)
