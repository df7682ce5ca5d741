"""What a bridge that is its pods' gateway adds to what IPAM gave.

Plugins spec section 3.2, step 6.  Unlike there, a default route of IPAM's counts with and without a gateway of its own.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

import msgspec

from plurimus.cni.errors import AttachmentError
from plurimus.cni.result import IPConfig, Result, Route
from plurimus.drivers.bridge.conf import Settings
from plurimus.wire import rtnetlink as rt

_POD = 2
"""The pod's interface among those of the result: bridge, host's end, pod's end."""
_EVERYWHERE = {4: "0.0.0.0/0", 6: "::/0"}


def completed(given: Result, settings: Settings) -> Result:
    """The addresses with their gateways, and the routes with the default ones.

    Raises:
        AttachmentError: an address has a network without room for a gateway.
    """
    ips = tuple(
        msgspec.structs.replace(ip, interface=_POD, gateway=ip.gateway or (_first(ip) if settings.is_gateway else ""))
        for ip in given.ips
    )
    result = msgspec.structs.replace(given, ips=ips)
    routes = [*given.routes, *(_defaults(result) if settings.is_default_gateway else ())]
    return msgspec.structs.replace(result, routes=tuple(routes))


def addresses(result: Result) -> list[rt.IPInterface]:
    """What the bridge is to have so that pods reach it: their gateways, IPv4 first."""
    found = [ipaddress.ip_interface(f"{ip.gateway}/{ip.address.partition('/')[2]}") for ip in result.ips if ip.gateway]
    return sorted(dict.fromkeys(found), key=lambda each: each.version)


def conflicts(present: list[rt.IPInterface], wanted: rt.IPInterface) -> list[rt.IPInterface]:
    """Which addresses of a bridge, all of one family, are not to be beside `wanted`; none where it is there.

    A bridge has one IPv4 address, and IPv6 addresses of networks that do not overlap.
    """
    if wanted in present:
        return []
    return [each for each in present if wanted.version == 4 or each.network.overlaps(wanted.network)]


def _first(ip: IPConfig) -> str:
    network = ipaddress.ip_interface(ip.address).network
    if network.num_addresses == 1:
        raise AttachmentError(
            f"address {ip.address} has no gateway, and its network no second address that could be; have IPAM give one"
        )
    return str(network.network_address + 1)


def _defaults(result: Result) -> Iterator[Route]:
    """A default route for each family that has none yet."""
    families = {route.default_family() for route in result.routes}
    for ip in result.ips:
        family = ipaddress.ip_interface(ip.address).version
        if family not in families:
            families.add(family)
            yield Route(_EVERYWHERE[family], gw=ip.gateway)
