"""Rails: which network card of the node each attachment of a pod uses, and what is odd about that.

A rail is one physical function of the node, with the fabric its port leads to.  The daemon's file may say which
function is which rail (`rails`); otherwise those with virtual functions are rail0, rail1, ... by their addresses.
A training job wants one attachment on each rail, interfaces in the order of the rails, and one network to a rail.

RDMA spec sections 6.1 and 7.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

from plurimus.core import order
from plurimus.core.plan import Attachment


@dataclass(frozen=True, slots=True)
class Physical:
    """A physical function, its interfaces as far as they can be seen, and how many virtual functions it has."""

    address: str
    interfaces: tuple[str, ...] = ()
    virtual: int = 0


@dataclass(frozen=True, slots=True)
class Function:
    """What a device is part of: `physical` is its physical function, itself where it is one.

    `rdma` are the names of its RDMA devices that can be seen from the host.
    """

    device: str
    physical: str
    numa_node: int | None = None
    rdma: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rails:
    """The rails of a node, by the address of the physical function and in their order."""

    names: Mapping[str, str]
    interfaces: Mapping[str, tuple[str, ...]]
    warnings: tuple[str, ...] = ()

    def name(self, physical: str) -> str:
        return self.names.get(physical, "")

    def place(self, rail: str) -> int:
        return list(dict.fromkeys(self.names.values())).index(rail)

    def label(self, physical: str) -> str:
        """A physical function as people know it: its interface, where it can be seen, and its address."""
        return " ".join([*self.interfaces.get(physical, ()), physical])


@dataclass(frozen=True, slots=True)
class Seat:
    """One attachment with a device: where that device is; `function` is None where the node has no such device.

    `addresses` are those the interface has; empty before there is one.
    """

    attachment: Attachment
    device: str
    function: Function | None
    rail: str = ""
    addresses: tuple[str, ...] = ()

    @property
    def ifname(self) -> str:
        return self.attachment.ifname


def of_node(physicals: Iterable[Physical], configured: Mapping[str, str]) -> Rails:
    """The node's rails; `configured` gives functions, by address or interface, the names of their rails."""
    there = sorted(physicals, key=lambda each: each.address)
    interfaces = {each.address: each.interfaces for each in there}
    if not configured:
        virtual = [each.address for each in there if each.virtual]
        return Rails({address: f"rail{number}" for number, address in enumerate(virtual)}, interfaces)
    known = {each.address: each.address for each in there}
    known |= {name: each.address for each in there for name in each.interfaces}
    names, warnings = {}, []
    for key, rail in configured.items():
        address = known.get(key) or known.get(key.lower())
        if address is None:
            warnings.append(f"'rails' names {key!r} for {rail}, but this node has no such physical function")
        else:
            names[address] = rail
    return Rails(names, interfaces, tuple(warnings))


def device_of(attachment: Attachment) -> str:
    """The device of an attachment, as it was allocated or as the pod named it."""
    return attachment.device_id or str(attachment.capability_args.get("deviceID") or "")


def seat(attachment: Attachment, function: Function | None, rails: Rails, addresses: Sequence[str] = ()) -> Seat:
    rail = rails.name(function.physical) if function else ""
    return Seat(attachment, device_of(attachment), function, rail, tuple(addresses))


def warnings(seats: Sequence[Seat], rails: Rails, others: Sequence[Seat] = ()) -> list[str]:
    """What a pod's author or the administrator should look at, in words; `others` are of other pods of the node."""
    return [
        *rails.warnings,
        *_missing(seats),
        *_unnamed(seats, rails),
        *_crowded(seats, rails),
        *_disorder(seats, rails),
        *_scattered(seats, others),
        *_shared_networks(seats),
    ]


def _missing(seats: Iterable[Seat]) -> Iterator[str]:
    for each in seats:
        if each.function is None:
            yield (
                f"{each.ifname}: this node has no device {each.device}; run this on the pod's node, "
                "or see that the device still exists"
            )


def _unnamed(seats: Iterable[Seat], rails: Rails) -> Iterator[str]:
    """Devices of functions that are no rail, where the administrator says which ones are."""
    for each in seats:
        if each.function and not each.rail:
            where = rails.label(each.function.physical)
            yield f"{each.ifname}: device {each.device} is of {where}, which is no rail of this node"


def _crowded(seats: Sequence[Seat], rails: Rails) -> Iterator[str]:
    """Several attachments on one rail, while the pod has none on another."""
    used = [each for each in seats if each.rail]
    free = [name for name in dict.fromkeys(rails.names.values()) if name not in {each.rail for each in used}]
    for rail in dict.fromkeys(each.rail for each in used):
        together = [each.ifname for each in used if each.rail == rail]
        if len(together) > 1 and free:
            yield (
                f"{_list(together)} are all on {rail}, while the pod has nothing on {_list(free)}; "
                "give each rail a resource name of its own"
            )


def _disorder(seats: Iterable[Seat], rails: Rails) -> Iterator[str]:
    """The first pair of interfaces that are in another order than their rails."""
    for former, latter in pairwise(each for each in seats if each.rail):
        if rails.place(former.rail) > rails.place(latter.rail):
            yield (
                f"{former.ifname} is on {former.rail} and {latter.ifname} on {latter.rail}: interfaces are not in the "
                "order of the rails; name the networks in that order in the pod's annotation"
            )
            return


def _scattered(seats: Sequence[Seat], others: Sequence[Seat]) -> Iterator[str]:
    """Resources with devices of several physical functions: which one a pod gets is left to kubelet."""
    found: dict[str, dict[str, str]] = {each.attachment.resource_name: {} for each in seats}
    for each in (*seats, *others):
        if each.function and each.attachment.resource_name in found:
            rail = each.rail or each.function.physical
            found[each.attachment.resource_name][each.function.physical] = rail
    for resource, functions in found.items():
        rails = list(dict.fromkeys(functions.values()))
        if resource and len(rails) > 1:
            yield (
                f"resource {resource} has devices of {_list(rails)}, so kubelet decides which of them a network is on; "
                "give each rail a resource name of its own"
            )


def _shared_networks(seats: Sequence[Seat]) -> Iterator[str]:
    """Rails with overlapping addresses: a neighbour is then looked for on either."""
    networks = [(each, _networks(each)) for each in seats if each.rail]
    for (one, ones), (other, others) in combinations(networks, 2):
        if one.rail == other.rail:
            continue
        shared = next((str(a) for a in ones for b in others if a.version == b.version and a.overlaps(b)), None)
        if shared:
            yield (
                f"{one.ifname} on {one.rail} and {other.ifname} on {other.rail} share addresses of {shared}; "
                "give each rail a subnet of its own"
            )


def _networks(one: Seat) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """The networks of its addresses, else those of its configuration."""
    texts = one.addresses or [text for plugin in one.attachment.config.plugins for text in order.subnets(plugin)]
    return [ipaddress.ip_interface(text).network for text in texts]


def _list(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
