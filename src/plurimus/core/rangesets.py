"""The addresses host-local gives out: sets of ranges, and the order in which a set's are tried.

Numbers are exact, whatever a range's size.  Texts of errors are the plugin's.

Plugins spec sections 14.1 and 14.3.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import msgspec

from plurimus.cni import result

_BITS = {4: 32, 6: 128}
_CLASSES = {4: ipaddress.IPv4Address, 6: ipaddress.IPv6Address}


class RangeKeys(msgspec.Struct, frozen=True, rename="camel"):
    """A range as a configuration has it; of what is empty or missing, `subnet` has to be given."""

    subnet: str | None = None
    range_start: str = ""
    range_end: str = ""
    gateway: str = ""


class NoAddress(ValueError):
    """A text is no address, or no prefix, whatever is around it."""


@dataclass(frozen=True, slots=True)
class Range:
    """The addresses from `first` to `last`, of a network whose prefix is `length` bits long.

    `gateway` may be outside, or of the other family, and is never given.
    """

    version: int
    length: int
    first: int
    last: int
    gateway: str

    def text(self, number: int) -> str:
        """The address that is `number`."""
        if self.version == 4:  # much faster than a class' own
            return f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        return str(ipaddress.IPv6Address(number))

    def __contains__(self, address: tuple[int, int]) -> bool:
        """Whether an address, its family and its number, is among them."""
        return address[0] == self.version and self.first <= address[1] <= self.last

    def __str__(self) -> str:
        return f"{self.text(self.first)}-{self.text(self.last)}"


@dataclass(frozen=True, slots=True)
class RangeSet:
    """Ranges of one family that do not overlap; each attachment gets one address of a set."""

    ranges: tuple[Range, ...]

    @property
    def version(self) -> int:
        """The address family."""
        return self.ranges[0].version

    def find(self, text: str) -> Range | None:
        """The range an address is in; None for what is in none, or no address."""
        return self._find(number(text))

    def candidates(self, last: str) -> Iterator[tuple[str, Range]]:
        """Each address with its range, once: from the one behind `last` on, which itself is tried at the end.

        Where `last` is in no range, from the beginning.  A range's own gateway is left out.
        """
        address = number(last)
        found = self._find(address)
        if address is None or found is None:
            parts = [(each, each.first, each.last) for each in self.ranges]
        else:
            at, middle = self.ranges.index(found), address[1]
            others = (*self.ranges[at + 1 :], *self.ranges[:at])
            parts = [(found, middle + 1, found.last), *((each, each.first, each.last) for each in others),
                     (found, found.first, middle)]  # fmt: skip
        for each, low, high in parts:
            while low <= high:
                text = each.text(low)
                if text != each.gateway:
                    yield text, each
                low += 1

    def _find(self, address: tuple[int, int] | None) -> Range | None:
        return None if address is None else next((each for each in self.ranges if address in each), None)

    def __str__(self) -> str:
        return ",".join(map(str, self.ranges))


def parse(sets: Sequence[Sequence[RangeKeys]]) -> tuple[RangeSet, ...]:
    """The sets of a configuration, which may overlap each other.

    Raises:
        NoAddress: a text is none.
        ValueError: which set is wrong, and what is wrong with it.
    """
    if not sets:
        raise ValueError("no IP ranges specified")
    found = []
    for at, keys in enumerate(sets):
        try:
            found.append(_set(keys))
        except NoAddress:
            raise
        except ValueError as error:
            raise ValueError(f"invalid range set {at}: {error}") from error
    return tuple(found)


def check_overlap(sets: Sequence[RangeSet]) -> None:
    """See that no address is in two sets.

    Raises:
        ValueError: which two have one in common.
    """
    every = [(each, at) for at, one in enumerate(sets) for each in one.ranges]
    pair = _overlapping([each for each, _ in every])
    if pair is not None:
        raise ValueError(f"range set {every[pair[0]][1]} overlaps with {every[pair[1]][1]}")


def number(text: str) -> tuple[int, int] | None:
    """The family and the number of an address; None for what is none."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return None
        address = address.ipv4_mapped or address
    return address.version, int(address)


def _set(keys: Sequence[RangeKeys]) -> RangeSet:
    ranges = tuple(_range(each) for each in keys)
    if not ranges:
        raise ValueError("empty range set")
    if len({each.version for each in ranges}) > 1:
        raise ValueError("mixed address families")
    pair = _overlapping(ranges)
    if pair is not None:
        raise ValueError(f"subnets {ranges[pair[0]]} and {ranges[pair[1]]} overlap")
    return RangeSet(ranges)


def _range(keys: RangeKeys) -> Range:
    """A range with what its configuration leaves open: the first address is the gateway, IPv4 has a broadcast."""
    network = _network(keys.subnet)
    version, least, most = network.version, int(network.network_address), int(network.broadcast_address)
    gateway = _address(keys.gateway)
    start, end = (number(_address(text)) for text in (keys.range_start, keys.range_end))
    first = least + 1
    if start is not None:
        first = start[1]
        beyond = end is not None and end[0] == version and first > end[1]
        if start[0] != version or not least <= first <= most or beyond:
            raise ValueError(f"RangeStart {_address(keys.range_start)} not in network {network}")
    last = most - 1 if version == 4 else most
    if end is not None:
        last = end[1]
        if end[0] != version or not first <= last <= most:
            raise ValueError(f"RangeEnd {_address(keys.range_end)} not in network {network}")
    return Range(version, network.prefixlen, first, last, gateway or str(_CLASSES[version](least + 1)))


def _network(subnet: str | None) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    if subnet is None:
        raise ValueError("a range has no 'subnet', expected one such as 10.0.0.0/16")
    plain, _, length = subnet.partition("/")
    try:
        result.canonical_cidr(subnet)  # refuses what only Python reads, as net masks
        address = ipaddress.ip_address(plain)
    except ValueError as error:
        raise NoAddress(f"invalid CIDR address: {subnet}") from error
    bits = int(length)
    if bits > _BITS[address.version] - 2:
        raise ValueError(f"Network {subnet} too small to allocate from")
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        raise ValueError("IPNet IP and Mask version mismatch")
    network = ipaddress.ip_network((address, bits), strict=False)
    if network.network_address != address:
        raise ValueError(
            f"Network has host bits set. For a subnet mask of length {bits} the network address is "
            f"{network.network_address}"
        )
    return network


def _address(text: str) -> str:
    """An address in its one spelling; empty stays empty."""
    try:
        return result.canonical_ip(text)
    except ValueError as error:
        raise NoAddress(f"invalid IP address: {text}") from error


def _overlapping(ranges: Sequence[Range]) -> tuple[int, int] | None:
    """The numbers of two ranges that have an address in common, the lower first; None for none.

    Not each with each: who writes definitions chooses how many there are.
    """
    order = sorted(range(len(ranges)), key=lambda at: (ranges[at].version, ranges[at].first, ranges[at].last))
    pairs = []
    for before, at in pairwise(order):
        one, two = ranges[before], ranges[at]
        if one.version == two.version and two.first <= one.last:
            pairs.append((min(before, at), max(before, at)))
    return min(pairs, default=None)
