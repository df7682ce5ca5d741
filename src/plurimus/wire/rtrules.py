"""Routing netlink: policy rules, and whole routes as they are moved from one table to another.

A route that is moved keeps what `rtnetlink.Route` has no field for: source address, metrics, preference.

kernel: include/uapi/linux/fib_rules.h, net/core/fib_rules.c; rtnetlink(7).
"""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass, field

from plurimus.wire import rtnetlink as rt
from plurimus.wire.netlink import U32, Attributes, WireError, attribute, attributes, number, split

RTM_NEWRULE, RTM_DELRULE, RTM_GETRULE = 32, 33, 34

_RULE = struct.Struct("=BBBBBBBBI")
_FRA_DST, _FRA_SRC, _FRA_PRIORITY, _FRA_TABLE = 1, 2, 6, 15
_TO_TABLE = 1
_RTA_SRC, _RTA_PREFSRC = 2, 7
_RTNH_F_ONLINK = 0x4
"""The one flag of a route that may be asked for; the others say how it fares."""
_VERSIONS = {number: version for version, number in rt.FAMILIES.items()}
_BITS = {4: 32, 6: 128}


@dataclass(frozen=True, slots=True)
class Rule:
    """Packets from `source` (None: all) are routed by `table`; of several rules the lowest `priority` counts first.

    A `priority` of None is the kernel's to choose: one below the lowest there is, apart from that of the local table.
    `payload` is a rule that was read, whole.
    """

    family: int
    table: int
    source: rt.IPNetwork | None = None
    priority: int | None = None
    payload: bytes = field(default=b"", repr=False, compare=False)

    @property
    def host(self) -> rt.IPAddress | None:
        """The one address packets come from; None for a rule about many."""
        if self.source is None or self.source.prefixlen != self.source.max_prefixlen:
            return None
        return self.source.network_address


@dataclass(frozen=True, slots=True)
class WholeRoute:
    """A route as it was read; `oif` is 0 for one with several next hops, and `gateway` of the route's own family."""

    family: int
    table: int
    oif: int
    dst: rt.IPNetwork | None
    gateway: rt.IPAddress | None
    source: rt.IPAddress | None
    payload: bytes = field(repr=False)


def dump_rules(family: int) -> bytes:
    """`family` is 4 or 6."""
    return _RULE.pack(rt.FAMILIES[family], 0, 0, 0, 0, 0, 0, 0, 0)


def new_rule(rule: Rule) -> bytes:
    """RTM_NEWRULE."""
    length = 0 if rule.source is None else rule.source.prefixlen
    table = rule.table if rule.table < 256 else 0
    parts = [_RULE.pack(rt.FAMILIES[rule.family], 0, length, 0, table, 0, 0, _TO_TABLE, 0)]
    parts.append(attribute(_FRA_TABLE, U32.pack(rule.table)))
    if rule.source is not None and length:
        parts.append(attribute(_FRA_SRC, rule.source.network_address.packed))
    if rule.priority is not None:
        parts.append(attribute(_FRA_PRIORITY, U32.pack(rule.priority)))
    return b"".join(parts)


def rule(payload: bytes) -> Rule | None:
    """The content of an answer to RTM_GETRULE; None for a family that is not IP, or a rule that leads to no table.

    Raises:
        WireError: the kernel would not send that.
    """
    (family, _, length, _, table, _, _, action, _), rest = split(_RULE, payload)
    version = _VERSIONS.get(family)
    if version is None or action != _TO_TABLE:
        return None
    source = _network(rest, _FRA_SRC, length, version)
    return Rule(version, number(rest, _FRA_TABLE) or table, source, number(rest, _FRA_PRIORITY), payload)


def route(payload: bytes) -> WholeRoute | None:
    """The content of RTM_NEWROUTE; None for a family that is not IP.

    Raises:
        WireError: the kernel would not send that.
    """
    (family, length, _, _, table, _, _, _, _), rest = split(rt.ROUTE, payload)
    version = _VERSIONS.get(family)
    if version is None:
        return None
    return WholeRoute(
        version,
        number(rest, rt.RTA_TABLE) or table,
        0 if rt.RTA_MULTIPATH in rest else number(rest, rt.RTA_OIF),
        _network(rest, rt.RTA_DST, length, version),
        _address(rest, rt.RTA_GATEWAY, version),
        _address(rest, _RTA_PREFSRC, version),
        payload,
    )


def get_route(source: rt.IPAddress, destination: rt.IPAddress) -> bytes:
    """RTM_GETROUTE for what has these two addresses, which are of one family."""
    bits = _BITS[source.version]
    head = rt.ROUTE.pack(rt.FAMILIES[source.version], bits, bits, 0, 0, 0, 0, 0, 0)
    return head + attribute(rt.RTA_DST, destination.packed) + attribute(_RTA_SRC, source.packed)


def moved(found: WholeRoute, table: int) -> bytes:
    """The same route in another table, to be asked for; what the kernel says of its state is left out."""
    return _with(found, {rt.RTA_TABLE: U32.pack(table)}, table)


def sourced(found: WholeRoute, source: rt.IPAddress) -> bytes:
    """The same route where it is, to be asked for; what is sent by it without an address of its own has `source`."""
    return _with(found, {_RTA_PREFSRC: source.packed}, found.table)


def _with(found: WholeRoute, changes: Attributes, table: int) -> bytes:
    family, to, source, tos, _, protocol, scope, kind, flags = rt.ROUTE.unpack_from(found.payload)
    number = table if table < 256 else 0
    head = rt.ROUTE.pack(family, to, source, tos, number, protocol, scope, kind, flags & _RTNH_F_ONLINK)
    rest = {**attributes(found.payload[rt.ROUTE.size :]), **changes}
    return head + b"".join(attribute(kind, value) for kind, value in rest.items())


def _network(rest: Attributes, kind: int, length: int, version: int) -> rt.IPNetwork | None:
    address = _address(rest, kind, version)
    if address is None:
        return None
    if length > _BITS[version]:
        raise WireError(f"an IPv{version} prefix of {length} bits")
    return ipaddress.ip_network((address, length), strict=False)


def _address(rest: Attributes, kind: int, version: int) -> rt.IPAddress | None:
    packed = rest.get(kind)
    if packed is None:
        return None
    if len(packed) * 8 != _BITS[version]:
        raise WireError(f"an IPv{version} address of {len(packed)} bytes")
    return ipaddress.ip_address(packed)
