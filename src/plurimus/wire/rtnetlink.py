"""Routing netlink: links, addresses and routes as values, requests as bytes.

kernel: include/uapi/linux/{rtnetlink,if_link,if_addr}.h; rtnetlink(7).
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from plurimus.wire.netlink import Attributes, WireError, attribute, attributes

RTM_NEWLINK, RTM_GETLINK = 16, 18
RTM_NEWADDR, RTM_GETADDR = 20, 22
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26

IFF_UP = 0x1
MAIN_TABLE = 254

_LINK = struct.Struct("=BxHiII")
_ADDRESS = struct.Struct("=BBBBi")
_ROUTE = struct.Struct("=BBBBBBBBI")
_NEXTHOP = struct.Struct("=HBBi")
_U32 = struct.Struct("=I")

_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MTU, _IFLA_LINK, _IFLA_MASTER = 1, 3, 4, 5, 10
_IFLA_LINKINFO, _IFLA_INFO_KIND = 18, 1
_IFA_ADDRESS, _IFA_LOCAL, _IFA_FLAGS = 1, 2, 8
_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_PRIORITY, _RTA_MULTIPATH, _RTA_TABLE = 1, 4, 5, 6, 9, 15
_RTN_UNICAST, _RTPROT_BOOT, _SCOPE_LINK = 1, 3, 253
_FAMILIES = {4: 2, 6: 10}

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPInterface = ipaddress.IPv4Interface | ipaddress.IPv6Interface
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Link:
    """An interface; `mac` is empty where it has none, `master` and `parent` are indexes or 0."""

    index: int
    name: str
    kind: str = ""
    mac: str = ""
    mtu: int = 0
    flags: int = 0
    master: int = 0
    parent: int = 0

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
    """One next hop of a route; `dst` is None where the kernel names no destination."""

    family: int
    dst: IPNetwork | None
    gateway: IPAddress | None = None
    oif: int | None = None
    table: int = MAIN_TABLE
    priority: int = 0
    protocol: int = _RTPROT_BOOT
    scope: int = 0
    type: int = _RTN_UNICAST

    @property
    def is_default(self) -> bool:
        """Whether it leads everywhere: no destination, or one of length 0 (S1)."""
        return self.dst is None or self.dst.prefixlen == 0


def get_link(name: str) -> bytes:
    """The payload of RTM_GETLINK for one name."""
    return _LINK.pack(0, 0, 0, 0, 0) + attribute(_IFLA_IFNAME, name.encode() + b"\0")


def set_link_up(index: int) -> bytes:
    """The payload of RTM_NEWLINK that sets an interface up."""
    return _LINK.pack(0, 0, index, IFF_UP, IFF_UP)


def dump_links() -> bytes:
    return _LINK.pack(0, 0, 0, 0, 0)


def dump_addresses() -> bytes:
    return _ADDRESS.pack(0, 0, 0, 0, 0)


def dump_routes(family: int = 0) -> bytes:
    """`family` is 4, 6 or 0 for both."""
    return _ROUTE.pack(_FAMILIES.get(family, 0), 0, 0, 0, 0, 0, 0, 0, 0)


def route(wanted: Route) -> bytes:
    """The payload of RTM_NEWROUTE or RTM_DELROUTE for exactly this route."""
    table = wanted.table if wanted.table < 256 else 0
    scope = wanted.scope
    if wanted.family == 4 and wanted.gateway is None and not scope:
        scope = _SCOPE_LINK
    head = _ROUTE.pack(
        _FAMILIES[wanted.family],
        wanted.dst.prefixlen if wanted.dst is not None else 0,
        0,
        0,
        table,
        wanted.protocol,
        scope,
        wanted.type,
        0,
    )
    parts = [head, attribute(_RTA_TABLE, _U32.pack(wanted.table))]
    if not wanted.is_default and wanted.dst is not None:
        parts.append(attribute(_RTA_DST, wanted.dst.network_address.packed))
    if wanted.gateway is not None:
        parts.append(attribute(_RTA_GATEWAY, wanted.gateway.packed))
    if wanted.oif is not None:
        parts.append(attribute(_RTA_OIF, _U32.pack(wanted.oif)))
    if wanted.priority:
        parts.append(attribute(_RTA_PRIORITY, _U32.pack(wanted.priority)))
    return b"".join(parts)


def parse_link(payload: bytes) -> Link:
    """The content of RTM_NEWLINK."""
    (_, _, index, flags, _), rest = _head(_LINK, payload)
    info = attributes(rest.get(_IFLA_LINKINFO, b""))
    return Link(
        index=index,
        name=_text(rest.get(_IFLA_IFNAME, b"")),
        kind=_text(info.get(_IFLA_INFO_KIND, b"")),
        mac=rest.get(_IFLA_ADDRESS, b"").hex(":"),
        mtu=_number(rest, _IFLA_MTU),
        flags=flags,
        master=_number(rest, _IFLA_MASTER),
        parent=_number(rest, _IFLA_LINK),
    )


def parse_address(payload: bytes) -> Address | None:
    """The content of RTM_NEWADDR; None for a family that is not IP."""
    (family, length, flags, scope, index), rest = _head(_ADDRESS, payload)
    packed = rest.get(_IFA_LOCAL) or rest.get(_IFA_ADDRESS)
    if family not in _FAMILIES.values() or packed is None:
        return None
    address = ipaddress.ip_interface((_address(packed), length)) if length <= 8 * len(packed) else None
    if address is None:
        raise WireError(f"an address with prefix length {length}")
    return Address(index, address, scope, _number(rest, _IFA_FLAGS) or flags)


def parse_routes(payload: bytes) -> Iterator[Route]:
    """The next hops in one RTM_NEWROUTE; none for a family that is not IP."""
    (af, length, _, _, table, protocol, scope, kind, _), rest = _head(_ROUTE, payload)
    family = {number: version for version, number in _FAMILIES.items()}.get(af)
    if family is None:
        return
    common = {
        "dst": _network(rest, length),
        "table": _number(rest, _RTA_TABLE) or table,
        "priority": _number(rest, _RTA_PRIORITY),
        "protocol": protocol,
        "scope": scope,
        "type": kind,
    }
    for gateway, oif in _hops(rest):
        yield Route(family, gateway=gateway, oif=oif, **common)  # type: ignore[arg-type] # the keys above


def _hops(rest: Attributes) -> Iterator[tuple[IPAddress | None, int | None]]:
    """Gateway and interface of each next hop."""
    if _RTA_MULTIPATH not in rest:
        oif = _number(rest, _RTA_OIF)
        yield _gateway(rest), oif or None
        return
    data = rest[_RTA_MULTIPATH]
    while len(data) >= _NEXTHOP.size:
        length, _, _, oif = _NEXTHOP.unpack_from(data)
        if not _NEXTHOP.size <= length <= len(data):
            raise WireError(f"a next hop of {length} bytes in {len(data)}")
        yield _gateway(attributes(data[_NEXTHOP.size : length])), oif
        data = data[(length + 3) & ~3 :]


def _head(form: struct.Struct, payload: bytes) -> tuple[tuple[int, ...], dict[int, bytes]]:
    if len(payload) < form.size:
        raise WireError(f"{len(payload)} bytes where {form.size} are the least")
    return form.unpack_from(payload), attributes(payload[form.size :])


def _network(rest: Attributes, length: int) -> IPNetwork | None:
    packed = rest.get(_RTA_DST)
    if packed is None:
        return None
    if length > 8 * len(packed):
        raise WireError(f"a destination with prefix length {length}")
    return ipaddress.ip_network((_address(packed), length), strict=False)


def _gateway(rest: Attributes) -> IPAddress | None:
    packed = rest.get(_RTA_GATEWAY)
    return None if packed is None else _address(packed)


def _address(packed: bytes) -> IPAddress:
    if len(packed) not in (4, 16):
        raise WireError(f"an address of {len(packed)} bytes")
    return ipaddress.ip_address(packed)


def _number(rest: Attributes, kind: int) -> int:
    value = rest.get(kind, b"")
    if len(value) not in (0, _U32.size):
        raise WireError(f"attribute {kind} has {len(value)} bytes, expected 4")
    return int(_U32.unpack(value)[0]) if value else 0


def _text(value: bytes) -> str:
    return value.rstrip(b"\0").decode(errors="replace")
