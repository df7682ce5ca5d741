"""How pod and host reach each other by a wire: the addresses and routes at both of its ends.

Plugins spec section 4.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface, ip_network

from plurimus.adapters import sysctls
from plurimus.adapters.netlink import Netlink, Request
from plurimus.cni.errors import AttachmentError
from plurimus.cni.result import Result
from plurimus.drivers import addressing
from plurimus.drivers.call import Call
from plurimus.drivers.veth import HostEnd
from plurimus.wire import netlink as wire
from plurimus.wire import rtaddresses, rtrequests
from plurimus.wire import rtnetlink as rt

_FORWARDING = {4: "net/ipv4/ip_forward", 6: "net/ipv6/conf/all/forwarding"}
_NEW = wire.NLM_F_CREATE | wire.NLM_F_EXCL
_ANY_PROTOCOL, _ANY_SCOPE = 0, 255


@dataclass(frozen=True, slots=True)
class Hop:
    """An address of the pod, and the gateway the host is for it."""

    address: rt.IPInterface
    gateway: rt.IPAddress

    @property
    def of_gateway(self) -> rt.IPNetwork:
        return ip_network((self.gateway, self.gateway.max_prefixlen))

    @property
    def of_pod(self) -> rt.IPNetwork:
        return ip_network((self.address.ip, self.address.max_prefixlen))


def of(given: Result) -> list[Hop]:
    """The addresses with their gateways.

    Raises:
        AttachmentError: an address has none, or no network to reach it in.
    """
    found = []
    for ip in given.ips:
        address = ip_interface(ip.address)
        if not ip.gateway:
            raise AttachmentError(
                f"address {ip.address} has no gateway, which 'ptp' needs as the address of the host's end; have IPAM "
                "give one"
            )
        if address.network.num_addresses == 1:
            raise AttachmentError(
                f"address {ip.address} has no network around it, in which 'ptp' could have its gateway; have IPAM give "
                "one with a shorter prefix"
            )
        found.append(Hop(address, ip_address(ip.gateway)))
    return found


def route_host(host: Netlink, end: HostEnd, hops: Sequence[Hop]) -> None:
    """Have the host be the gateway, forward, and reach the pod by its wire."""
    sysctls.write_here({_FORWARDING[hop.address.version]: "1" for hop in hops})
    addresses = [ip_interface((hop.gateway, hop.gateway.max_prefixlen)) for hop in hops]
    what = f"adding address {{}} to {end.name}"
    host.change_all(
        [
            Request(what.format(each), rt.RTM_NEWADDR, _NEW, rtaddresses.new_address(end.index, each))
            for each in addresses
        ]
    )
    routes = [rt.Route(hop.address.version, hop.of_pod, oif=end.index, scope=rt.SCOPE_HOST) for hop in hops]
    for refused in host.batch([_new_route(route, f"to {route.dst} by {end.name}") for route in routes]):
        if refused is not None and refused.errno != errno.EEXIST:
            raise refused


def configure(call: Call, result: Result, hops: Sequence[Hop]) -> tuple[str, bool]:
    """The MAC of the pod's interface, and whether its addresses must settle before it gets its routes."""
    with Netlink.open() as pod:
        index, mac = addressing.index_and_mac(pod, call.netns, call.ifname)
        waits = addressing.put(pod, index, call.ifname, result)
        if not waits:
            pod.change_all(_swaps(index, call.ifname, hops))
        return mac, waits


def route_pod(call: Call, hops: Sequence[Hop]) -> None:
    with Netlink.open() as pod:
        pod.change_all(_swaps(addressing.index_of(pod, call.netns, call.ifname), call.ifname, hops))


def _swaps(index: int, ifname: str, hops: Sequence[Hop]) -> list[Request]:
    """Have everybody in the pod's networks be reached by the gateway, and only that by the link."""
    requests = []
    for hop in hops:
        family, network, source = hop.address.version, hop.address.network, hop.address.ip
        direct = rt.Route(family, network, oif=index, protocol=_ANY_PROTOCOL, scope=_ANY_SCOPE)
        requests += [
            Request(
                f"deleting the route to {network} by the link", rt.RTM_DELROUTE, 0, rtrequests.delete_route(direct)
            ),
            _new_route(
                rt.Route(family, hop.of_gateway, oif=index, scope=rt.SCOPE_LINK),
                f"to the gateway {hop.gateway}",
                source,
            ),
            _new_route(
                rt.Route(family, network, hop.gateway, index, scope=rt.SCOPE_UNIVERSE),
                f"to {network} via {hop.gateway} dev {ifname}",
                source,
            ),
        ]
    return requests


def _new_route(route: rt.Route, words: str, source: rt.IPAddress | None = None) -> Request:
    return Request(f"adding the route {words}", rt.RTM_NEWROUTE, _NEW, rtaddresses.new_route(route, source=source))
