"""The addresses and routes of a result, put on an interface and compared with it.

Plugins spec section 1.3; RDMA spec section 1.3, step 7.  Unlike there, `mtu` and `advmss` of a route have an effect.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import ipaddress
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from plurimus.adapters import links, netns, sysctls
from plurimus.adapters.netlink import Netlink, NetlinkError, Request
from plurimus.cni.errors import AttachmentError
from plurimus.cni.result import Result, Route
from plurimus.drivers.threads import in_thread
from plurimus.wire import netlink as wire
from plurimus.wire import rtaddresses, rtanswers, rtlinks, rtrequests
from plurimus.wire import rtnetlink as rt

T = TypeVar("T")

_DAD_PATIENCE, _DAD_PAUSE = 5.0, 0.05
_NOTIFY = ("net/ipv4/conf/{}/arp_notify", "net/ipv6/conf/{}/ndisc_notify")


def notifying(ifname: str) -> dict[str, str]:
    """The parameters by which the kernel tells neighbours of an interface's addresses when it is set up."""
    return {key.format(ifname): "1" for key in _NOTIFY}


async def configure(netns: str, ifname: str, result: Result, *, parameters: Mapping[str, str] | None = None) -> None:
    """Put the addresses on the interface, set it up, then make the routes.

    `parameters` of the kernel are set before, those it does not have, or does not let be set, are passed over.  Where
    there is an IPv6 gateway, routes wait up to 5 s until the kernel knows that nobody else has the addresses.

    Raises:
        AttachmentError: the kernel refuses one, or somebody else has an address.
    """
    if await in_thread(lambda: _configure(netns, ifname, result, parameters or {})):
        await settle(netns, ifname, result)


def _configure(namespace: str, ifname: str, result: Result, parameters: Mapping[str, str]) -> bool:
    def inside() -> bool:
        with Netlink.open() as netlink:
            return put(netlink, index_of(netlink, namespace, ifname), ifname, result, parameters)

    return netns.visit(namespace, inside)


def put(netlink: Netlink, index: int, ifname: str, result: Result, parameters: Mapping[str, str] | None = None) -> bool:
    """What `configure` does at once, for a thread inside the namespace: all in one send; whether `settle` is to follow.

    Where one request is refused, those behind it may have been carried out: whoever made the interface takes it away.
    """
    early = _parameters(index, ifname, parameters or {})
    wanted = [_parted(ip.address) for ip in result.ips]
    if any(address.version == 6 for address, _ in wanted):
        _enable_ipv6(ifname)
    flags = wire.NLM_F_CREATE | wire.NLM_F_EXCL
    requests = [
        Request(
            f"adding address {address}/{length} to {ifname}",
            rt.RTM_NEWADDR,
            flags,
            rtaddresses.new_address_of(index, address, length),
        )
        for address, length in wanted
    ]
    requests.append(links.raising(index))
    waits = any(":" in ip.gateway for ip in result.ips)
    _first_refusal(netlink, requests if waits else [*requests, *_routes(result, index, ifname)], early)
    return waits


async def settle(netns: str, ifname: str, result: Result) -> None:
    """Wait until no IPv6 address of the interface is tentative, then make the routes.

    Raises:
        AttachmentError: somebody else has an address, or the kernel still does not know after 5 s (without a carrier it
            cannot, which is no error), or it refuses a route.
    """

    def look(at: Callable[[Netlink, int], T]) -> T:
        # a socket each time: one that is kept would stay open where the wait for it is cancelled
        with Netlink.open(netns) as netlink:
            return at(netlink, index_of(netlink, netns, ifname))

    for _ in range(round(_DAD_PATIENCE / _DAD_PAUSE)):
        if not await in_thread(lambda: look(lambda netlink, index: _is_unsettled(netlink, index, ifname))):
            break
        await asyncio.sleep(_DAD_PAUSE)
    else:
        await in_thread(lambda: look(lambda netlink, index: _refuse_tentative(netlink, index, ifname)))
    await in_thread(lambda: look(lambda netlink, index: _first_refusal(netlink, _routes(result, index, ifname))))


async def check(netns: str, ifname: str, result: Result) -> None:
    """Whether the interface has its addresses of the result, and its namespace the routes, and those to its networks.

    Raises:
        AttachmentError: one is missing.
    """
    if result.ips or result.routes:

        def work() -> None:
            with Netlink.open(netns) as netlink:
                compare(netlink, netns, ifname, result)

        await in_thread(work)


def compare(netlink: Netlink, netns: str, ifname: str, result: Result) -> None:
    """What `check` does, by a socket inside the namespace."""
    index = index_of(netlink, netns, ifname)
    present = {str(each.address) for each in _addresses(netlink, index)}
    ips, wanted = result.ips_of(ifname), [(route, _route(route, result, index)) for route in result.routes]
    networks = [ipaddress.ip_interface(ip.address).network for ip in ips]
    families = {network.version for network in networks} | {made.family for _, made in wanted}
    there = [route for family in sorted(families) for route in _all_routes(netlink, family)]
    for ip, network in zip(ips, networks, strict=True):
        if ip.address not in present:
            raise AttachmentError(f"interface {ifname} in {netns} has not the address {ip.address}")
        # where it leads, and in which table it is, is for the plugin to say, and for those behind it
        if network.num_addresses > 1 and not any((each.dst, each.oif) == (network, index) for each in there):
            raise AttachmentError(f"network namespace {netns} has not the route to {network} by {ifname}: is that up?")
    for route, made in wanted:
        # without a table of its own, a route may have been moved by a plugin behind this one
        of_family = [each for each in there if each.family == made.family]
        if not any(_leads(each, made) for each in of_family if each.table == (route.table or each.table)):
            raise AttachmentError(f"network namespace {netns} has not the route to {route.dst} by {ifname}")


def index_of(netlink: Netlink, netns: str, ifname: str) -> int:
    """The index of the interface.

    Raises:
        NetlinkError: ENODEV; there is none.
    """
    return index_and_mac(netlink, netns, ifname)[0]


def index_and_mac(netlink: Netlink, netns: str, ifname: str) -> tuple[int, str]:
    """The index and the MAC of the interface.

    Raises:
        NetlinkError: ENODEV; there is none.
    """
    found = netlink.index_and_mac(ifname)
    if found is None:
        raise NetlinkError(f"interface {ifname} in {netns}", errno.ENODEV)
    return found


def _enable_ipv6(ifname: str) -> None:
    """IPv6 on the interface, whose addresses then outlive that it is set down; a kernel without refuses the address."""
    values = {f"net/ipv6/conf/{name}/disable_ipv6": "0" for name in ("lo", ifname)}
    sysctls.write_here(values | {f"net/ipv6/conf/{ifname}/keep_addr_on_down": "1"}, tolerant=True)


def _parameters(index: int, ifname: str, wanted: Mapping[str, str]) -> list[Request]:
    """Set parameters, but for what is to be asked of netlink."""
    notify = _NOTIFY[0].format(ifname)
    sysctls.write_here({key: value for key, value in wanted.items() if (key, value) != (notify, "1")}, tolerant=True)
    asked = wanted.get(notify) == "1"
    return [Request(f"setting {notify}", rtlinks.RTM_SETLINK, 0, rtaddresses.notify(index))] if asked else []


def _first_refusal(netlink: Netlink, requests: list[Request], early: Sequence[Request] = ()) -> None:
    """Have the requests carried out, `early` ones before; of the others only the first refusal counts.

    Other refusals may come of that one, and an `early` one does not matter.
    """
    for refused in netlink.batch([*early, *requests])[len(early) :]:
        if refused is not None:
            raise refused


def _is_unsettled(netlink: Netlink, index: int, ifname: str) -> bool:
    """Whether the kernel still looks for other holders of an address; one it found is an error."""
    addresses = _addresses(netlink, index)
    for address in addresses:
        if rtaddresses.is_duplicate(address):
            raise AttachmentError(f"address {address.address} of {ifname}: somebody else on the link has it")
    return any(rtaddresses.is_tentative(address) for address in addresses)


def _refuse_tentative(netlink: Netlink, index: int, ifname: str) -> None:
    found = links.details_of(netlink, index)
    if found is not None and found.is_running:
        raise AttachmentError(
            f"interface {ifname}: the kernel does not know after {_DAD_PATIENCE:.0f} s whether somebody else on the "
            "link has its addresses"
        )


def _addresses(netlink: Netlink, index: int) -> list[rt.Address]:
    return [address for address in netlink.addresses() if address.index == index]


def _routes(result: Result, index: int, ifname: str) -> list[Request]:
    requests = []
    for route in result.routes:
        made = _route(route, result, index)
        what = f"adding route {route.dst} via {made.gateway or 'link'} dev {ifname}"
        payload = rtaddresses.new_route(made, mtu=route.mtu, advmss=route.advmss)
        requests.append(Request(what, rt.RTM_NEWROUTE, wire.NLM_F_CREATE, payload))
    return requests


def _route(route: Route, result: Result, index: int) -> rt.Route:
    dst = _prefix(route.dst)
    gateway = result.next_hop(route)
    return rt.Route(
        dst.version,
        dst,
        gateway=_address(gateway) if gateway else None,
        oif=index,
        table=route.table or rt.MAIN_TABLE,
        priority=route.priority,
        scope=rt.SCOPE_UNIVERSE if route.scope is None else route.scope,
    )


def _parted(text: str) -> tuple[rt.IPAddress, int]:
    """An address and the length of its prefix."""
    address, _, length = text.partition("/")
    if length.isdecimal():
        return ipaddress.ip_address(address), int(length)
    found = ipaddress.ip_interface(text)
    return found.ip, found.network.prefixlen


@functools.lru_cache(maxsize=1024)
def _prefix(text: str) -> rt.IPNetwork:
    """A destination; those of a network come again with each of its pods."""
    return ipaddress.ip_interface(text).network


@functools.lru_cache(maxsize=1024)
def _address(text: str) -> rt.IPAddress:
    return ipaddress.ip_address(text)


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
