"""Source-based routing: what has an interface's address as its source leaves by that interface; stands for `sbr`.

A chained plugin.  Each address gets a rule that leads to a table of its own, with the routes of the interface, and
these leave the main table.  Where the configuration names a `table`, only rules are made: routes come from elsewhere.

Beyond the plugin: a table counts as taken where a route is in it, DEL empties the tables, and works once the interface
is gone, CHECK looks, `gateways` and `addSourceHints` of the plugin's later versions are understood.

Plugins spec section 11; RDMA spec section 7.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence

import msgspec

from plurimus.adapters import netns, netnslock, rules
from plurimus.adapters.netlink import Netlink
from plurimus.cni.errors import AttachmentError, ConfigError
from plurimus.cni.result import Result
from plurimus.drivers.call import Call, Driver
from plurimus.drivers.steps import Undo
from plurimus.drivers.threads import in_thread
from plurimus.wire import rtnetlink as rt
from plurimus.wire.rtrules import Rule, WholeRoute

_FIRST_TABLE = 100
_OF_THE_KERNEL = frozenset({0, 253, 254, 255})
"""Unspecified, default, main and local."""
_HOST = {4: 32, 6: 128}
_LOCK_TIMEOUT = 60.0


class _Settings(msgspec.Struct, frozen=True, rename="camel"):
    table: int | None = None
    gateways: list[str] = []
    add_source_hints: bool = False


class _Wanted(msgspec.Struct, frozen=True):
    """An address of the interface, and the gateway of its network or None."""

    address: rt.IPInterface
    gateway: rt.IPAddress | None


class Sbr(Driver):
    """Waits `timeout` seconds for others that change rules in the same namespace."""

    keys = ("table", "gateways", "addSourceHints")
    reads_previous = True

    def __init__(self, timeout: float = _LOCK_TIMEOUT) -> None:
        self._timeout = timeout

    async def add(self, call: Call) -> Result:
        settings, wanted = _read(call)
        result = call.previous or Result()

        def work() -> None:
            with Netlink.open(call.netns) as door:
                if settings.table is not None:
                    _lead(door, wanted, settings.table)
                else:
                    _move(door, call.ifname, wanted, keep=settings.add_source_hints)

        async with Undo() as undo:
            undo.add(lambda: self.delete(call))
            async with netnslock.held(call.netns, timeout=self._timeout):
                await in_thread(work)
        return result

    async def delete(self, call: Call) -> None:
        table = _settings(call).table

        def work() -> None:
            with Netlink.open(call.netns) as door:
                _tidy(door, call, table)

        if call.netns and not netns.is_gone(call.netns):
            async with netnslock.held(call.netns, timeout=self._timeout):
                await in_thread(work)

    async def check(self, call: Call) -> None:
        settings, wanted = _read(call)

        def work() -> None:
            with Netlink.open(call.netns) as door:
                _check(door, call.ifname, wanted, settings.table)

        await in_thread(work)


def _settings(call: Call) -> _Settings:
    settings = call.settings(_Settings)
    if settings.table is not None and not 0 < settings.table < 1 << 32:
        raise ConfigError(f"network {call.network!r}: 'table' is {settings.table}, expected a number from 1 to 2^32-1")
    return settings


def _read(call: Call) -> tuple[_Settings, list[_Wanted]]:
    """The settings, and the addresses of the interface as the plugins before left them."""
    settings = _settings(call)
    if call.previous is None:
        raise ConfigError(
            f"network {call.network!r}: 'sbr' routes what the plugins before it made; put it behind them in 'plugins'"
        )
    gateways = _gateways(call, settings.gateways)
    wanted = [
        _Wanted(address, gateway or gateways.get(address.version))
        for address, gateway in _addresses(call.previous, call)
    ]
    if not wanted:
        raise AttachmentError(f"interface {call.ifname} has no address, so 'sbr' has nothing to route by")
    return settings, wanted


def _gateways(call: Call, texts: Sequence[str]) -> dict[int, rt.IPAddress]:
    """The gateways the configuration names, by family."""
    found: dict[int, rt.IPAddress] = {}
    for text in texts:
        try:
            gateway = ipaddress.ip_address(text)
        except ValueError as error:
            raise ConfigError(f"network {call.network!r}: 'gateways' has {text!r}, expected an address") from error
        if found.setdefault(gateway.version, gateway) != gateway:
            raise ConfigError(f"network {call.network!r}: 'gateways' has several of IPv{gateway.version}, expected one")
    return found


def _addresses(result: Result, call: Call) -> Iterator[tuple[rt.IPInterface, rt.IPAddress | None]]:
    """The interface's addresses with their gateways."""
    for ip in result.ips_of(call.ifname):
        yield ipaddress.ip_interface(ip.address), ipaddress.ip_address(ip.gateway) if ip.gateway else None


def _lead(door: Netlink, wanted: Sequence[_Wanted], table: int) -> None:
    for each in wanted:
        rules.add_rule(door, _rule(each, table))


def _move(door: Netlink, ifname: str, wanted: Sequence[_Wanted], *, keep: bool) -> None:
    """Give each address a table, with its default route and the interface's routes, which leave the main table.

    They leave it last: a gateway in one address' network may be reached by the route of another's.
    """
    index = _index(door, ifname)
    every = rules.routes(door)
    taken = {rule.table for rule in rules.rules(door)} | {route.table for route in every}
    ours = [route for route in every if route.table == rt.MAIN_TABLE and route.oif == index]
    table = _FIRST_TABLE
    for each in wanted:
        while table in taken:
            table += 1
        taken.add(table)
        rules.add_rule(door, _rule(each, table))
        if each.gateway is not None:
            door.add_route(rt.Route(each.address.version, None, each.gateway, index, table))
        for route in ours:
            if _belongs(route, each.address):
                rules.copy_route(door, route, table)
    for route in ours:
        source = next((each.address.ip for each in wanted if keep and _connects(route, each.address)), None)
        if source is None:
            rules.delete_route(door, route)
        else:
            rules.prefer_source(door, route, source)


def _rule(each: _Wanted, table: int) -> Rule:
    address = each.address
    return Rule(address.version, table, ipaddress.ip_network((address.ip, _HOST[address.version])))


def _belongs(route: WholeRoute, address: rt.IPInterface) -> bool:
    """Whether the route is of the address' network; one that says neither source nor gateway is of all."""
    said = [each for each in (route.source, route.gateway) if each is not None]
    return not said or any(each in address.network for each in said)


def _connects(route: WholeRoute, address: rt.IPInterface) -> bool:
    return route.gateway is None and route.dst == address.network


def _index(door: Netlink, ifname: str) -> int:
    link = door.link(ifname)
    if link is None:
        raise AttachmentError(f"interface {ifname} is not in the sandbox, so 'sbr' cannot route by it")
    return link.index


def _tidy(door: Netlink, call: Call, table: int | None) -> None:
    """Delete the rules about the interface's addresses, and its routes in tables no other rule leads to.

    Addresses are what it has, and what it was given: it may be gone, or have lost them.
    """
    link = door.link(call.ifname)
    index = link.index if link else 0
    addresses = [(each.index, each.address.ip) for each in door.addresses()]
    given = {address.ip for address, _ in _addresses(call.previous or Result(), call)}
    ours = {ip for at, ip in addresses if at == index} | (given - {ip for _, ip in addresses})
    every = [rule for rule in rules.rules(door) if rule.table not in _OF_THE_KERNEL]
    stale = [rule for rule in every if rule.host in ours and table in (None, rule.table)]
    for rule in stale:
        rules.delete_rule(door, rule)
    if table is not None or not index:
        return
    left = {rule.table for rule in stale} - {rule.table for rule in every if rule not in stale}
    for route in rules.routes(door):
        if route.table in left and route.oif == index:
            rules.delete_route(door, route)


def _check(door: Netlink, ifname: str, wanted: Sequence[_Wanted], table: int | None) -> None:
    index = _index(door, ifname)
    found = rules.rules(door)
    routes = rules.routes(door)
    for each in wanted:
        leads = {rule.table for rule in found if rule.host == each.address.ip} - _OF_THE_KERNEL
        if not leads or (table is not None and table not in leads):
            to = f"table {table}" if table is not None else "a table of its own"
            raise AttachmentError(f"interface {ifname}: no rule leads what comes from {each.address.ip} to {to}")
        if (
            table is None
            and each.gateway is not None
            and (each.gateway, index)
            not in {(route.gateway, route.oif) for route in routes if route.table in leads and route.dst is None}
        ):
            raise AttachmentError(
                f"interface {ifname}: what comes from {each.address.ip} has no default route via {each.gateway}"
            )
