"""An interface becomes a port of a VRF of its pod, which has a routing table of its own; stands for `vrf`.

A chained plugin.  The kernel moves the routes of the interface's networks to the table, and forgets the others, and
IPv6 addresses that are not kept; those are made again.

Beyond the plugin: see docs/reference/drivers.md.

Plugins spec section 12.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from plurimus.adapters import linkchanges, links, netns, netnslock, rules
from plurimus.adapters.netlink import Netlink, Request
from plurimus.cni import args, gojson
from plurimus.cni.errors import AttachmentError, ConfigError
from plurimus.cni.result import Result
from plurimus.drivers.call import Call, Driver
from plurimus.drivers.steps import Undo
from plurimus.drivers.threads import in_thread
from plurimus.wire import netlink as wire
from plurimus.wire import rtanswers, rtdetails, rtkinds, rtrequests
from plurimus.wire import rtnetlink as rt
from plurimus.wire.rtchanges import Change
from plurimus.wire.rtdetails import Details
from plurimus.wire.rtkinds import NewLink
from plurimus.wire.rtrules import WholeRoute

T = TypeVar("T")

_KIND = "vrf"
_OF_THE_KERNEL = frozenset({253, 254, 255})
"""Default, main and local."""
_MOST_TABLE = 2**32 - 1
_LOCK_TIMEOUT = 60.0
_PATIENCE, _FIRST_PAUSE = 5.0, 0.01


class _Settings(msgspec.Struct, frozen=True):
    vrfname: str = ""
    table: int = 0


@dataclass(frozen=True, slots=True)
class _Lost:
    """What the kernel forgot of an interface that became a port of the VRF with this table.

    `addresses` are the payloads they are made again by.
    """

    table: int
    addresses: dict[rt.IPInterface, bytes]
    routes: Sequence[WholeRoute]


class Vrf(Driver):
    """Waits `timeout` seconds for others that take tables in the same namespace."""

    keys = ("vrfname", "table")

    def __init__(self, timeout: float = _LOCK_TIMEOUT) -> None:
        self._timeout = timeout

    async def add(self, call: Call) -> Result:
        settings = _read(call)
        result = _previous(call)
        async with Undo() as undo:

            def enslave() -> _Lost:
                with Netlink.open(call.netns) as door:
                    return _enslave(door, call.ifname, settings, lambda: undo.add(lambda: self.delete(call)))

            async with netnslock.held(call.netns, timeout=self._timeout):
                lost = await in_thread(enslave)
            if lost.addresses or lost.routes:
                await _restore(call, lost)
        return result

    async def delete(self, call: Call) -> None:
        name = name_of(call)

        def work() -> None:
            with Netlink.open(call.netns) as door:
                _release(door, call.ifname, name)

        if call.netns and not netns.is_gone(call.netns):
            async with netnslock.held(call.netns, timeout=self._timeout):
                await in_thread(work)

    async def check(self, call: Call) -> None:
        settings = _read(call)
        _previous(call)

        def work() -> None:
            with Netlink.open(call.netns) as door:
                _check(_links(door), call.ifname, settings)

        await in_thread(work)


def free_table(taken: Collection[int]) -> int:
    """The lowest table that is neither taken nor one of the kernel's own."""
    return next(table for table in range(1, _MOST_TABLE) if table not in taken and table not in _OF_THE_KERNEL)


def name_of(call: Call) -> str:
    """The VRF a DEL is about, whatever else the configuration has; empty for none."""
    return str(gojson.fold(call.conf, ("vrfname",)).get("vrfname") or "")


def _read(call: Call) -> _Settings:
    settings = call.settings(_Settings)
    subject = f"network {call.network!r}"
    if not settings.vrfname:
        raise ConfigError(f"{subject}: configuration is expected to have a valid vrf name: 'vrfname' is missing")
    if problem := args.ifname_problem(settings.vrfname):
        raise ConfigError(f"{subject}: 'vrfname' is {settings.vrfname!r}, which {problem}")
    if not 0 <= settings.table <= _MOST_TABLE:
        raise ConfigError(
            f"{subject}: 'table' is {settings.table}, expected 0 to {_MOST_TABLE}; 0 for any that is free"
        )
    return settings


def _previous(call: Call) -> Result:
    if call.previous is None:
        raise ConfigError(
            f"network {call.network!r}: missing prevResult from earlier plugin: 'vrf' is about the interface the "
            "plugins before it made; put it behind them in 'plugins'"
        )
    return call.previous


def _enslave(door: Netlink, ifname: str, settings: _Settings, begun: Callable[[], None]) -> _Lost:
    """Make the interface a port of the VRF, which is made if there is none; `begun` is called before any change."""
    there = _links(door)
    port, vrf = there.get(ifname), there.get(settings.vrfname)
    if port is None:
        raise AttachmentError(f"interface {ifname} is not in the sandbox, so it cannot become a port of a VRF")
    if port.link.master:
        master = next((name for name, each in there.items() if each.link.index == port.link.master), "of another pod")
        raise AttachmentError(f"interface {ifname} has already a master set: {master}")
    if vrf is not None:
        _refuse_other(vrf, settings)
    index, every = port.link.index, rules.routes(door)
    addresses = _addresses(door, index)
    begun()
    if vrf is None:
        table = settings.table or free_table(_taken(door, there.values(), every))
        links.create(door, NewLink(_KIND, settings.vrfname, rtkinds.vrf(table), up=True))
        vrf = _links(door)[settings.vrfname]
    door.change_all([_mastered(f"making {ifname} a port of {settings.vrfname}", port, vrf.link.index)])
    kept = _addresses(door, index).keys()
    lost = {address: payload for address, payload in addresses.items() if address not in kept}
    return _Lost(vrf.table, lost, [each for each in every if _is_its(each, index)])


def _refuse_other(vrf: Details, settings: _Settings) -> None:
    """Raise AttachmentError where what has the name is no VRF, or has another table than is asked for."""
    if vrf.link.kind != _KIND:
        raise AttachmentError(f"Netlink {settings.vrfname} is not a VRF but {vrf.link.kind or 'hardware'}")
    if settings.table not in (0, vrf.table):
        raise AttachmentError(f"VRF {settings.vrfname} already exist with different routing table {vrf.table}")


def _taken(door: Netlink, there: Iterable[Details], routes: Iterable[WholeRoute]) -> set[int]:
    """The tables of VRFs, and those that have routes, or that rules lead to."""
    return {
        *(each.table for each in there if each.link.kind == _KIND),
        *(route.table for route in routes),
        *(rule.table for rule in rules.rules(door)),
    }


def _is_its(route: WholeRoute, index: int) -> bool:
    """Whether it is a route of the interface in the main table that its addresses do not bring along."""
    scope = rt.ROUTE.unpack_from(route.payload)[6]
    return (route.oif, route.table, scope) == (index, rt.MAIN_TABLE, rt.SCOPE_UNIVERSE)


async def _restore(call: Call, lost: _Lost) -> None:
    """Make again what the kernel forgot; routes once it has routes to the addresses themselves, in up to 5 s."""

    def at(work: Callable[[Netlink], T]) -> T:
        # a socket each time: one that is kept would stay open where the wait for it is cancelled
        with Netlink.open(call.netns) as door:
            return work(door)

    def put(door: Netlink) -> None:
        for route in lost.routes:
            rules.copy_route(door, route, lost.table)

    again = [_again(*each) for each in lost.addresses.items()]
    await in_thread(lambda: at(lambda door: door.change_all(again)))
    waited, pause = 0.0, _FIRST_PAUSE
    while missing := await in_thread(lambda: at(lambda door: _without_route(door, lost))):
        if waited >= _PATIENCE:
            raise AttachmentError(
                f"failed getting local/host addresses for {call.ifname}: {missing} has no route in table "
                f"{lost.table} after {waited:.0f} s"
            )
        await asyncio.sleep(pause)
        waited, pause = waited + pause, 2 * pause
    await in_thread(lambda: at(put))


def _again(address: rt.IPInterface, payload: bytes) -> Request:
    return Request(f"adding {address} again", rt.RTM_NEWADDR, wire.NLM_F_CREATE | wire.NLM_F_EXCL, payload)


def _without_route(door: Netlink, lost: _Lost) -> rt.IPInterface | None:
    """An address the kernel has not yet the local route of."""
    if not lost.addresses:
        return None
    local = {route.dst for route in rules.routes(door) if route.table == lost.table}
    return next((each for each in lost.addresses if ipaddress.ip_network(each.ip) not in local), None)


def _release(door: Netlink, ifname: str, name: str) -> None:
    """Have the interface be no port of the VRF, which goes with its last one."""
    there = _links(door)
    vrf, port = there.get(name), there.get(ifname)
    if vrf is None or vrf.link.kind != _KIND:
        return
    ports = {other for other, each in there.items() if each.link.master == vrf.link.index}
    requests = []
    if port is not None and ifname in ports:
        requests.append(_mastered(f"taking {ifname} from {name}", port, 0))
    if not ports - {ifname}:
        requests.append(links.deletion(vrf.link.index))
    door.change_all(requests)


def _check(there: dict[str, Details], ifname: str, settings: _Settings) -> None:
    vrf = there.get(settings.vrfname)
    if vrf is None:
        raise AttachmentError(f"the sandbox has no VRF {settings.vrfname}")
    _refuse_other(vrf, settings)
    port = there.get(ifname)
    if port is None or port.link.master != vrf.link.index:
        raise AttachmentError(f"failed to find {ifname} associated to vrf {settings.vrfname}")


def _mastered(what: str, port: Details, master: int) -> Request:
    return linkchanges.request(what, port.link.index, Change(master=master))


def _links(door: Netlink) -> dict[str, Details]:
    """The sandbox's interfaces by their names."""
    payload = rtrequests.dump_links()
    found = door.read("listing links", rt.RTM_GETLINK, wire.NLM_F_DUMP, payload, rtdetails.each_details)
    return {each.link.name: each for each in found}


def _addresses(door: Netlink, index: int) -> dict[rt.IPInterface, bytes]:
    """The interface's global IPv6 addresses, and the payloads the kernel tells them by."""

    def parse(payloads: Iterable[bytes]) -> list[tuple[rt.IPInterface, bytes]]:
        read = ((rtanswers.address(payload), payload) for payload in payloads)
        return [(each.address, payload) for each, payload in read if each is not None and _is_kept(each, index)]

    payload = rtrequests.dump_addresses()
    return dict(door.read("listing addresses", rt.RTM_GETADDR, wire.NLM_F_DUMP, payload, parse))


def _is_kept(address: rt.Address, index: int) -> bool:
    return (address.index, address.scope, address.address.version) == (index, rt.SCOPE_UNIVERSE, 6)
