"""Policy rules of a namespace, the routes of one interface in any of its tables, and where packets go by them.

Functions raise NetlinkError.

kernel: rtnetlink(7), ip-rule(8).
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from typing import TypeVar

from plurimus.adapters.netlink import Netlink, NetlinkError
from plurimus.wire import netlink as wire
from plurimus.wire import rtnetlink as rt
from plurimus.wire import rtrequests, rtrules
from plurimus.wire.rtrules import Rule, WholeRoute

T = TypeVar("T")


def rules(door: Netlink) -> list[Rule]:
    """The rules of both families that lead to a table, in the kernel's order."""
    return _listed(door, "listing rules", rtrules.RTM_GETRULE, rtrules.dump_rules, rtrules.rule)


def routes(door: Netlink) -> list[WholeRoute]:
    """The routes of all tables and both families."""
    return _listed(door, "listing routes", rt.RTM_GETROUTE, rtrequests.dump_routes, rtrules.route)


def add_rule(door: Netlink, rule: Rule) -> None:
    what = f"adding the rule from {rule.source} to table {rule.table}"
    door.change(what, rtrules.RTM_NEWRULE, wire.NLM_F_CREATE | wire.NLM_F_EXCL, rtrules.new_rule(rule))


def delete_rule(door: Netlink, rule: Rule) -> None:
    """Delete a rule that was read, and no other; it may be gone."""
    what = f"deleting the rule from {rule.source} to table {rule.table}"
    _delete(door, what, rtrules.RTM_DELRULE, rule.payload)


def copy_route(door: Netlink, route: WholeRoute, table: int) -> None:
    """Have the route in another table, too, in the place of one to the same destination."""
    _replace(door, f"copying {_words(route)} to table {table}", rtrules.moved(route, table))


def prefer_source(door: Netlink, route: WholeRoute, source: rt.IPAddress) -> None:
    """Have what is sent by the route without an address of its own have `source`."""
    _replace(door, f"preferring {source} by {_words(route)}", rtrules.sourced(route, source))


def delete_route(door: Netlink, route: WholeRoute) -> None:
    """Delete a route that was read, whole; it may be gone."""
    _delete(door, f"deleting {_words(route)} from table {route.table}", rt.RTM_DELROUTE, route.payload)


def leaves_by(door: Netlink, source: rt.IPAddress, destination: rt.IPAddress) -> int | None:
    """The index of the interface by which packets from `source` to `destination` leave; None where they do not."""
    what = f"asking for the route from {source} to {destination}"
    payload = rtrules.get_route(source, destination)
    try:
        found = door.read(what, rt.RTM_GETROUTE, 0, payload, _each(rtrules.route))
    except NetlinkError as error:
        if error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EINVAL, errno.EACCES):
            return None
        raise
    return found[0].oif if found else None


def _replace(door: Netlink, what: str, payload: bytes) -> None:
    door.change(what, rt.RTM_NEWROUTE, wire.NLM_F_CREATE | wire.NLM_F_REPLACE, payload)


def _delete(door: Netlink, what: str, kind: int, payload: bytes) -> None:
    try:
        door.change(what, kind, 0, payload)
    except NetlinkError as error:
        if error.errno not in (errno.ESRCH, errno.ENOENT):
            raise


def _listed(
    door: Netlink, what: str, kind: int, dump: Callable[[int], bytes], parse: Callable[[bytes], T | None]
) -> list[T]:
    """What there is of both families."""
    return [found for family in (4, 6) for found in door.read(what, kind, wire.NLM_F_DUMP, dump(family), _each(parse))]


def _each(parse: Callable[[bytes], T | None]) -> Callable[[Iterable[bytes]], list[T]]:
    return lambda payloads: [found for payload in payloads if (found := parse(payload)) is not None]


def _words(route: WholeRoute) -> str:
    return f"route {route.dst or 'default'} via {route.gateway or 'link'}"
