"""Who owns the default route of a pod, per address family, when the pod asks for it by annotation.

An attachment with gateways owns the families of its gateways, with exactly those.  One with an
empty list owns the families nobody else named, with whatever its plugins made (S2).  In an
owned family the default routes of all other attachments go; a family nobody owns stays as it is.

Spec section 6.5, with S1 and S2 fixed.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from plurimus.cni.errors import RequestError
from plurimus.cni.result import Result, Route

DEFAULT = {4: "0.0.0.0/0", 6: "::/0"}
_MAIN = 254

Claim = tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class RouteChange:
    """What happens to one family's default routes on one attachment's interface.

    All of them are removed; if there are gateways, one route to each takes their place.  With `keep`
    those that are there stay, and only where there are none the gateways count: a plugin may not have
    been able to make its own beside another's, and says nothing of it.
    """

    family: int
    gateways: tuple[str, ...] = ()
    keep: bool = False


def check_claims(claims: Sequence[Claim]) -> None:
    """At most one gateway per family and one attachment with an empty list (F89).

    Raises:
        RequestError: the pod asks for more than one default route of a family.
    """
    for family in DEFAULT:
        gateways = [gateway for claim in claims for gateway in claim or () if _family(gateway) == family]
        if len(gateways) > 1:
            raise RequestError(
                f"multus does not support ECMP for default-route: the pod names {len(gateways)} IPv{family} gateways "
                f"({', '.join(gateways)}), at most one per family can be the default"
            )
    if sum(claim == () for claim in claims) > 1:
        raise RequestError("default-route is [] on more than one network, only one can own the default route")


def changes(claims: Sequence[Claim], results: Sequence[Result]) -> list[list[RouteChange]]:
    """For each attachment the changes to its default routes, once all attachments exist."""
    decided: list[list[RouteChange]] = [[] for _ in claims]
    for family in DEFAULT:
        owner = _owner(family, claims, results)
        if owner is None:
            continue
        for index, claim in enumerate(claims):
            gateways = tuple(gateway for gateway in claim or () if _family(gateway) == family)
            if index != owner:
                decided[index].append(RouteChange(family))
            elif gateways:
                decided[index].append(RouteChange(family, gateways))
            elif made := _made(family, results[index]):
                decided[index].append(RouteChange(family, made, keep=True))
    return decided


def edited(result: Result, made: Sequence[RouteChange]) -> Result:
    """`result` as it is true after the changes; caches and network status are written from it."""
    made = [change for change in made if not change.keep]
    if not made:
        return result
    families = {change.family for change in made}
    kept = tuple(route for route in result.routes if route.default_family() not in families)
    added = tuple(Route(DEFAULT[change.family], gateway) for change in made for gateway in change.gateways)
    return msgspec.structs.replace(result, routes=kept + added)


def _owner(family: int, claims: Sequence[Claim], results: Sequence[Result]) -> int | None:
    for index, claim in enumerate(claims):
        if any(_family(gateway) == family for gateway in claim or ()):
            return index
    for index, claim in enumerate(claims):
        if claim == () and any(route.default_family() == family for route in results[index].routes):
            return index
    return None


def _made(family: int, result: Result) -> tuple[str, ...]:
    """The gateways of the default routes a plugin says it made in the main table."""
    routes = (route for route in result.routes if route.default_family() == family and route.table in (None, _MAIN))
    return tuple(filter(None, (result.next_hop(route) for route in routes)))


def _family(gateway: str) -> int:
    address = ipaddress.ip_address(gateway)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return 4 if mapped else address.version
