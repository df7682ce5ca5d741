"""CNI results: read from any version, written in any version.

Inside Plurimus a result has the shape of 1.1.0, whatever version it came in or goes out as.
Keys nobody here knows are dropped, as the reference library does.

CNI spec, "Result types"; spec section 1.4.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from typing import Any

import msgspec

from plurimus.cni import gojson, version
from plurimus.cni.errors import AttachmentError, Code


class Interface(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """A link a plugin made or took; `sandbox` is a namespace path, empty for one on the host."""

    name: str
    mac: str = ""
    mtu: int = 0
    sandbox: str = ""
    socket_path: str = ""
    pci_id: str = msgspec.field(default="", name="pciID")


class IPConfig(msgspec.Struct, frozen=True, omit_defaults=True):
    """One address with its prefix length; `interface` is an index into `Result.interfaces`."""

    address: str
    interface: int | None = None
    gateway: str = ""


class Route(msgspec.Struct, frozen=True, omit_defaults=True):
    """One route; `dst` is a prefix, `gw` an address or empty."""

    dst: str
    gw: str = ""
    mtu: int = 0
    advmss: int = 0
    priority: int = 0
    table: int | None = None
    scope: int | None = None

    def default_family(self) -> int | None:
        """4 or 6 if this is a default route of that family, else None."""
        return _default_family(self.dst)


class DNS(msgspec.Struct, frozen=True, omit_defaults=True):
    nameservers: list[str] = []
    domain: str = ""
    search: list[str] = []
    options: list[str] = []


class Result(msgspec.Struct, frozen=True):
    """A result; `cni_version` is the version it was written in, its shape is always 1.1.0's."""

    cni_version: str = ""
    interfaces: tuple[Interface, ...] = ()
    ips: tuple[IPConfig, ...] = ()
    routes: tuple[Route, ...] = ()
    dns: DNS = DNS()

    def ips_of(self, ifname: str) -> list[IPConfig]:
        """The addresses of an interface; one that names no interface, or none there is, counts as of any."""
        names = [interface.name for interface in self.interfaces]
        return [
            ip
            for ip in self.ips
            if ip.interface is None or not 0 <= ip.interface < len(names) or names[ip.interface] == ifname
        ]

    def next_hop(self, route: Route) -> str:
        """The gateway of `route`, which is that of an address where it has no `gw` of its own (CNI spec, "Success").

        Empty for a route that leads straight to the link.
        """
        if route.gw or route.scope:
            return route.gw
        is_ipv6 = ":" in route.dst
        return next((ip.gateway for ip in self.ips if ip.gateway and (":" in ip.address) == is_ipv6), "")


@functools.lru_cache(maxsize=1024)
def _default_family(dst: str) -> int | None:
    network = ipaddress.ip_interface(dst).network
    return network.version if network.prefixlen == 0 else None


_LEGACY = ("0.1.0", "0.2.0")


class _Label(msgspec.Struct, frozen=True, rename="camel"):
    cni_version: str = ""


class _Current(msgspec.Struct, frozen=True, rename="camel"):
    interfaces: list[Interface] = []
    ips: list[IPConfig] = []
    routes: list[Route] = []
    dns: DNS = DNS()


class _LegacyIP(msgspec.Struct, frozen=True):
    ip: str
    gateway: str = ""
    routes: list[Route] = []


class _Legacy(msgspec.Struct, frozen=True):
    ip4: _LegacyIP | None = None
    ip6: _LegacyIP | None = None
    dns: DNS = DNS()


def parse(source: bytes | dict[str, Any] | None, *, default_version: str) -> Result:
    """Read what a plugin printed; `default_version` counts where it names none.

    JSON `null` is an empty result, as in the reference library.

    Raises:
        AttachmentError: code 6 (malformed) or 1 (unknown version); subject and plugin are the caller's to add.
    """
    try:
        raw = gojson.decode(source) if isinstance(source, bytes) else source
        document = {} if raw is None else raw
        label = gojson.convert(document, _Label).cni_version or default_version or version.OLDEST
        if label not in version.SUPPORTED:
            raise AttachmentError(
                f"the result has the unknown version {label!r}, expected one of {', '.join(version.SUPPORTED)}",
                code=Code.INCOMPATIBLE_VERSION,
            )
        if label in _LEGACY:
            return _from_legacy(label, gojson.convert(document, _Legacy))
        current = gojson.convert(document, _Current)
        return _checked(
            Result(label, tuple(current.interfaces), tuple(current.ips), tuple(current.routes), current.dns)
        )
    except ValueError as error:
        raise AttachmentError(f"the result is malformed: {error}", code=Code.DECODING_FAILURE) from error


def dump(result: Result, to: str) -> dict[str, Any]:
    """The result in version `to` (empty means 0.1.0), keys in the order the reference library prints them.

    Raises:
        AttachmentError: code 1; `to` is unknown, or older than the result, which lacks the address it needs there.
    """
    to = to or version.OLDEST
    if to not in version.SUPPORTED:
        raise AttachmentError(
            f"cannot convert: a result of version {result.cni_version!r} has no form in version {to!r}, "
            f"expected one of {', '.join(version.SUPPORTED)}",
            code=Code.INCOMPATIBLE_VERSION,
        )
    if to in _LEGACY:
        return _to_legacy(result, to)
    document: dict[str, Any] = {"cniVersion": to}
    if version.parse(to) >= (1, 0, 0):  # the reference library takes these through a map, so keys are sorted
        ordered = msgspec.to_builtins(result, order="sorted")
        lists = {key: list(ordered[key]) for key in ("interfaces", "ips", "routes") if ordered[key]}
        return document | ({"dns": ordered["dns"]} if ordered["dns"] else {}) | lists
    builtin: dict[str, Any] = msgspec.to_builtins(result)
    if result.interfaces:
        document["interfaces"] = [_only(each, "name", "mac", "sandbox") for each in builtin["interfaces"]]
    if result.ips:
        document["ips"] = [_ip(ip) for ip in result.ips]
    if result.routes:
        document["routes"] = list(builtin["routes"])
    return document | {"dns": builtin["dns"]}


def encode(result: Result, to: str) -> bytes:
    """The result as a plugin prints it: version `to`, 4 spaces, no newline at the end."""
    text = msgspec.json.format(msgspec.json.encode(dump(result, to)), indent=4).decode()
    return gojson.escape_html(text).encode()


def printed(result: Result, to: str) -> Result:
    """What `parse` makes of the result as `encode` prints it in version `to`; printed only where that changes it.

    Raises:
        AttachmentError: as these do.
    """
    if to not in version.SUPPORTED or version.parse(to) < (1, 0, 0):
        return parse(dump(result, to), default_version=to)
    try:
        return _checked(msgspec.structs.replace(result, cni_version=to))
    except ValueError as error:
        raise AttachmentError(f"the result is malformed: {error}", code=Code.DECODING_FAILURE) from error


def _ip(ip: IPConfig) -> dict[str, Any]:
    head: dict[str, Any] = {"version": str(ipaddress.ip_interface(ip.address).version)}
    if ip.interface is not None:
        head["interface"] = ip.interface
    head["address"] = ip.address
    return head | ({"gateway": ip.gateway} if ip.gateway else {})


def _only(document: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: document[key] for key in keys if key in document}


def _from_legacy(label: str, legacy: _Legacy) -> Result:
    families = [family for family in (legacy.ip4, legacy.ip6) if family]
    ips = tuple(IPConfig(family.ip, gateway=family.gateway) for family in families)
    routes = tuple(route for family in families for route in family.routes)
    return _checked(Result(label, (), ips, routes, legacy.dns))


def _to_legacy(result: Result, to: str) -> dict[str, Any]:
    """From a newer version, the first address of each family and its routes, of which only the next hop is kept."""
    newer = result.cni_version not in _LEGACY
    if newer and not result.ips:
        raise AttachmentError("cannot convert: no valid IP addresses", code=Code.INCOMPATIBLE_VERSION)
    document: dict[str, Any] = {"cniVersion": to}
    for family in (4, 6):
        ip = next((ip for ip in result.ips if ipaddress.ip_interface(ip.address).version == family), None)
        if ip is None:
            continue
        entry: dict[str, Any] = {"ip": ip.address} | ({"gateway": ip.gateway} if ip.gateway else {})
        routes = [msgspec.to_builtins(route) for route in result.routes
                  if ipaddress.ip_interface(route.dst).version == family]  # fmt: skip
        routes = [_only(route, "dst", "gw") for route in routes] if newer else routes
        document[f"ip{family}"] = entry | ({"routes": routes} if routes else {})
    return document | {"dns": msgspec.to_builtins(result.dns)}


def _checked(result: Result) -> Result:
    """The result with addresses in their one spelling.

    Raises:
        ValueError: an address or a prefix is wrong.
    """
    ips, routes = tuple(map(_spelled_ip, result.ips)), tuple(map(_spelled_route, result.routes))
    return msgspec.structs.replace(result, ips=ips, routes=routes)


def _spelled_ip(ip: IPConfig) -> IPConfig:
    address, gateway = canonical_cidr(ip.address), canonical_ip(ip.gateway)
    if (address, gateway) == (ip.address, ip.gateway):
        return ip
    return msgspec.structs.replace(ip, address=address, gateway=gateway)


def _spelled_route(route: Route) -> Route:
    dst, gw = canonical_cidr(route.dst), canonical_ip(route.gw)
    return route if (dst, gw) == (route.dst, route.gw) else msgspec.structs.replace(route, dst=dst, gw=gw)


_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_PLAIN = re.compile(rf"{_BYTE}(?:\.{_BYTE}){{3}}/(?:3[0-2]|[12]?[0-9])")
"""IPv4 as it is written everywhere, which has no other spelling."""


@functools.lru_cache(maxsize=1024)
def canonical_cidr(text: str) -> str:
    """`address/length` in its one spelling; a missing length, a zone or a bad octet is a ValueError.

    IPv4-mapped IPv6 counts as IPv4, its length from the 96th bit on.
    """
    if _PLAIN.fullmatch(text):
        return text
    if "%" in text or not text.rpartition("/")[2].isdigit() or "/" not in text:
        raise ValueError(f"{text!r} is no address with a prefix length")
    interface = ipaddress.ip_interface(text)
    mapped = interface.ip.ipv4_mapped if isinstance(interface, ipaddress.IPv6Interface) else None
    return f"{mapped}/{max(0, interface.network.prefixlen - 96)}" if mapped else str(interface)


@functools.lru_cache(maxsize=1024)
def canonical_ip(text: str) -> str:
    """An address in its one spelling (IPv4-mapped IPv6 counts as IPv4); empty stays empty."""
    if not text:
        return ""
    if "%" in text:
        raise ValueError(f"{text!r} has a zone")
    address = ipaddress.ip_address(text)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
