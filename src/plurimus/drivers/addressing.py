"""The addresses and routes of a result, put on an interface and compared with it.

Plugins spec section 1.3; RDMA spec section 1.3, step 7.  Unlike there, `mtu` and `advmss` of a route have an effect.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Iterable

from plurimus.adapters import sysctls
from plurimus.adapters.netlink import Netlink, NetlinkError
from plurimus.cni.errors import AttachmentError
from plurimus.cni.result import Result, Route
from plurimus.drivers.threads import in_thread
from plurimus.wire import netlink as wire
from plurimus.wire import rtaddresses, rtanswers, rtrequests
from plurimus.wire import rtnetlink as rt

_DAD_PATIENCE, _DAD_PAUSE = 5.0, 0.05
_RTM_NEWADDR, _RTM_NEWROUTE = 20, 24


async def configure(netns: str, ifname: str, result: Result) -> None:
    """Put the addresses on the interface, set it up, then make the routes.

    Where there is an IPv6 gateway, routes wait up to 5 s until the kernel knows that nobody else has the addresses.

    Raises:
        AttachmentError: the kernel refuses one, or somebody else has an address.
    """
    await in_thread(lambda: _add_addresses(netns, ifname, result))
    if any(ip.gateway and ipaddress.ip_address(ip.gateway).version == 6 for ip in result.ips):
        await _settle(netns, ifname)
    await in_thread(lambda: _add_routes(netns, ifname, result))


async def check(netns: str, ifname: str, result: Result) -> None:
    """Whether the interface has the addresses of the result, and its namespace the routes.

    Raises:
        AttachmentError: one is missing.
    """
    if result.ips or result.routes:
        await in_thread(lambda: _check(netns, ifname, result))


def _add_addresses(netns: str, ifname: str, result: Result) -> None:
    wanted = [ipaddress.ip_interface(ip.address) for ip in result.ips]
    if any(address.version == 6 for address in wanted):
        _enable_ipv6(netns, ifname)
    with Netlink.open(netns) as netlink:
        index = _index(netlink, netns, ifname)
        for address in wanted:
            what = f"adding address {address} to {ifname}"
            flags = wire.NLM_F_CREATE | wire.NLM_F_EXCL
            netlink.change(what, _RTM_NEWADDR, flags, rtaddresses.new_address(index, address))
        netlink.set_up(ifname)


def _enable_ipv6(netns: str, ifname: str) -> None:
    """IPv6 on the interface, whose addresses then outlive that it is set down; a kernel without refuses the address."""
    names = [f"net/ipv6/conf/{name}/disable_ipv6" for name in ("lo", ifname)]
    sysctls.write(netns, dict.fromkeys(names, "0"), tolerant=True)
    sysctls.write(netns, {f"net/ipv6/conf/{ifname}/keep_addr_on_down": "1"}, tolerant=True)


async def _settle(netns: str, ifname: str) -> None:
    """Wait until no IPv6 address of the interface is tentative; without a carrier nobody can tell, so not for ever."""
    for _ in range(round(_DAD_PATIENCE / _DAD_PAUSE)):
        addresses = await in_thread(lambda: _addresses(netns, ifname))
        for address in addresses:
            if rtaddresses.is_duplicate(address):
                raise AttachmentError(f"address {address.address} of {ifname}: somebody else on the link has it")
        if not any(rtaddresses.is_tentative(address) for address in addresses):
            return
        await asyncio.sleep(_DAD_PAUSE)


def _addresses(netns: str, ifname: str) -> list[rt.Address]:
    with Netlink.open(netns) as netlink:
        index = _index(netlink, netns, ifname)
        return [address for address in netlink.addresses() if address.index == index]


def _add_routes(netns: str, ifname: str, result: Result) -> None:
    if not result.routes:
        return
    with Netlink.open(netns) as netlink:
        index = _index(netlink, netns, ifname)
        for route in result.routes:
            made = _route(route, result, index)
            what = f"adding route {route.dst} via {made.gateway or 'link'} dev {ifname}"
            payload = rtaddresses.new_route(made, mtu=route.mtu, advmss=route.advmss)
            netlink.change(what, _RTM_NEWROUTE, wire.NLM_F_CREATE, payload)


def _route(route: Route, result: Result, index: int) -> rt.Route:
    dst = ipaddress.ip_interface(route.dst).network
    gateway = result.next_hop(route)
    return rt.Route(
        dst.version,
        dst,
        gateway=ipaddress.ip_address(gateway) if gateway else None,
        oif=index,
        table=route.table or rt.MAIN_TABLE,
        priority=route.priority,
        scope=rt.SCOPE_UNIVERSE if route.scope is None else route.scope,
    )


def _check(netns: str, ifname: str, result: Result) -> None:
    present = {str(each.address) for each in _addresses(netns, ifname)}
    for ip in result.ips:
        if ip.address not in present:
            raise AttachmentError(f"interface {ifname} in {netns} has not the address {ip.address}")
    with Netlink.open(netns) as netlink:
        index = _index(netlink, netns, ifname)
        for route in result.routes:
            wanted = _route(route, result, index)
            there = _all_routes(netlink, wanted.family)
            # without a table of its own, a route may have been moved by a plugin behind this one
            if not any(_leads(each, wanted) for each in there if each.table == (route.table or each.table)):
                raise AttachmentError(f"network namespace {netns} has not the route to {route.dst} by {ifname}")


def _all_routes(netlink: Netlink, family: int) -> list[rt.Route]:
    """The routes of all tables."""
    payload = rtrequests.dump_routes(family)
    return netlink.read("listing routes", rt.RTM_GETROUTE, wire.NLM_F_DUMP, payload, _hops)


def _hops(payloads: Iterable[bytes]) -> list[rt.Route]:
    return [hop for payload in payloads for hop in rtanswers.routes(payload)]


def _leads(there: rt.Route, wanted: rt.Route) -> bool:
    """Whether a route leads to the same destination by the same interface.

    The gateway is not compared for default routes, whose owner may have been settled after the ADD.
    """
    if wanted.is_default:
        return there.is_default and there.type == rt.RTN_UNICAST
    return (there.dst, there.oif, there.gateway) == (wanted.dst, wanted.oif, wanted.gateway)


def _index(netlink: Netlink, netns: str, ifname: str) -> int:
    link = netlink.link(ifname)
    if link is None:
        raise NetlinkError(f"interface {ifname} in {netns}", 19)
    return link.index
