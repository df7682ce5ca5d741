"""The network status of a pod: what each attachment became, as an annotation.

One element per interface in the pod's namespace, in the order of the delegates.  It is computed
from the results after default routes were moved, so it says what is true (S22).

Multi-network spec v1.3, section 5; spec section 3.4, whose text format is kept byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from plurimus.cni import gojson
from plurimus.cni.result import DNS, Interface, IPConfig, Result
from plurimus.model.deviceinfo import DeviceInfo


class NetworkStatus(msgspec.Struct, frozen=True, omit_defaults=True):
    """One element; addresses carry no prefix length, `dns` is always written."""

    name: str
    interface: str = ""
    ips: list[str] = []
    mac: str = ""
    mtu: int = 0
    default: bool = False
    dns: DNS | None = None
    device_info: dict[str, Any] | None = msgspec.field(default=None, name="device-info")
    gateway: list[str] = []


def elements(
    name: str, result: Result, *, is_default: bool, ifname: str, device_info: DeviceInfo | None = None
) -> list[NetworkStatus]:
    """The status elements of one attachment.

    `name` is the delegate's display name; `ifname` is the interface it was asked for, which an
    element of a result without interfaces carries (S21).  A result whose interfaces are all on the
    host gives one element without an interface.  `is_default` marks the attachment of
    the cluster-wide default network.  `device_info` is the same in every element.
    """
    told = dict(device_info.document) if device_info and device_info.document else None
    common: dict[str, Any] = {"dns": result.dns, "device_info": told, "gateway": _gateways(result)}
    interfaces = list(enumerate(result.interfaces))
    if not interfaces:
        ips = [_bare(ip) for ip in result.ips]
        return [NetworkStatus(name, ifname, ips, default=is_default, **common)]
    inside = [(index, link) for index, link in interfaces if link.sandbox]
    if len(interfaces) == 1 or not inside:
        link = inside[0][1] if inside else Interface("")
        ips = [_bare(ip) for ip in result.ips]
        return [NetworkStatus(name, link.name, ips, link.mac, link.mtu, is_default, **common)]
    default = _default_interface(result, inside) if is_default else None
    return [
        NetworkStatus(
            name,
            link.name,
            [_bare(ip) for ip in result.ips if _belongs(ip, index, last=position == len(inside) - 1)],
            link.mac,
            link.mtu,
            index == default,
            **common,
        )
        for position, (index, link) in enumerate(inside)
    ]


def annotation(statuses: Iterable[NetworkStatus]) -> str:
    """The value of the network-status annotation."""
    printed = [msgspec.json.format(msgspec.json.encode(status), indent=4).decode() for status in statuses]
    return gojson.escape_html(f"[{','.join(printed)}]")


def _bare(ip: IPConfig) -> str:
    return ip.address.partition("/")[0]  # results have addresses in their one spelling


def _belongs(ip: IPConfig, index: int, *, last: bool) -> bool:
    """An address without an index belongs to the last interface in the namespace."""
    return ip.interface == index if ip.interface is not None else last


def _gateways(result: Result) -> list[str]:
    """The gateways of default routes; a route that has none (a link route) adds nothing (S22)."""
    gateways = (result.next_hop(route) for route in result.routes if route.default_family() is not None)
    return [gateway for gateway in gateways if gateway]


def _default_interface(result: Result, inside: list[tuple[int, Interface]]) -> int:
    """The index of the interface the first address with a gateway is on, else the first inside."""
    for ip in result.ips:
        if ip.gateway and ip.interface is not None:
            return ip.interface
    return inside[0][0]
