"""The objects whereabouts keeps its allocations in, and how they are named.

An IPPool has the allocations of one range, by the address's distance from the start of the range.  An
OverlappingRangeIPReservation has one address, so that ranges that overlap do not both give it.  A NodeSlicePool has
which node allocates from which part of a range.  All of them are namespaced, and none has a status of its own.

Spec section 4.3.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from plurimus.cni import result

GROUP, VERSION = "whereabouts.cni.cncf.io", "v1alpha1"

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Allocation(msgspec.Struct, frozen=True):
    """Whose an address is: container ID, pod as `namespace/name`, interface (which old records lack)."""

    id: str
    podref: str
    ifname: str = ""


@dataclass(frozen=True, slots=True)
class Pool:
    """An IPPool; the keys of `allocations` are as they are written."""

    range: str
    allocations: Mapping[str, Allocation] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reservation:
    """One address; `uid` is the object's own, empty for one that is not written yet."""

    podref: str
    ifname: str = ""
    uid: str = ""


class Slice(msgspec.Struct, frozen=True):
    """A part of a range; `node` is empty where no node has it."""

    range: str = msgspec.field(name="sliceRange")
    node: str = msgspec.field(default="", name="nodeName")


@dataclass(frozen=True, slots=True)
class SlicePool:
    """A NodeSlicePool; `version` is the resource version it was read in."""

    range: str
    size: str
    slices: tuple[Slice, ...]
    version: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to the allocation under `key` of a pool; None is none, before or after."""

    key: str
    before: Allocation | None
    after: Allocation | None


def start(pool_range: str) -> Address:
    """What the keys of a pool count from: the address in its range, as written.

    Raises:
        ValueError: it is no address with a prefix length.
    """
    return ipaddress.ip_interface(result.canonical_cidr(pool_range)).ip


def pool_name(network: Network, network_name: str = "", node: str = "") -> str:
    """The name of the IPPool of a range, or with `node` of that node's slice."""
    return "-".join(filter(None, (network_name, node, _plain(str(network)))))


def reservation_name(address: Address, network_name: str = "") -> str:
    """The name of the OverlappingRangeIPReservation of an address."""
    return "-".join(filter(None, (network_name, _plain(str(address)))))


def _plain(text: str) -> str:
    """An address or a range, without what no object's name may have."""
    return (f"{text}0" if text.endswith(":") else text).replace(":", "-").replace("/", "-")
