"""The addresses whereabouts gives out of a range: which there are, and in which order.

Numbers are exact, whatever a range's size.  IPv4 addresses may have leading zeros, as whereabouts reads them.

Spec section 4.2.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, replace

from plurimus.cni import result
from plurimus.model.ippool import Address, Network

_OCTETS = re.compile(r"\d{1,9}(\.\d{1,9}){3}", re.ASCII)
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Range:
    """The addresses from `first` to `last` of `network`, without those `excluded` (disjoint, ascending)."""

    network: Network
    first: int
    last: int
    excluded: tuple[Span, ...] = ()

    def address(self, number: int) -> Address:
        """The address that is `number`."""
        family = ipaddress.IPv4Address if self.network.version == 4 else ipaddress.IPv6Address
        return family(number)

    def prefixed(self, address: Address) -> str:
        """`address` with the length of the range's prefix."""
        return f"{address}/{self.network.prefixlen}"

    def free(self, taken: Container[int]) -> Iterator[int]:
        """The addresses that are not `taken`, the lowest first."""
        at = self.first
        for low, high in (*self.excluded, (self.last + 1, self.last + 1)):
            for number in _up_to(at, min(low - 1, self.last)):
                if number not in taken:
                    yield number
            at = max(at, high + 1)

    def within(self, part: Network, *, point_to_point: bool = False) -> Range:
        """What a node may give out whose part of the range is `part`.

        Raises:
            ValueError: `part` is too small to have usable addresses, or not in the range.
        """
        if part.version != self.network.version or not contains(self.network, part):
            raise ValueError(f"{part} is no part of {self.network}")
        low, high = usable(part, point_to_point=point_to_point)
        return replace(self, first=max(self.first, low), last=min(self.last, high))

    def __str__(self) -> str:
        return f"{self.network} ({self.address(self.first)} to {self.address(self.last)})"


def parse(
    text: str, *, start: str = "", end: str = "", exclude: Iterable[str] = (), point_to_point: bool = False
) -> Range:
    """A range as a configuration has it: a prefix, or `first-last/length`, whose ends then count for `start` and `end`.

    A start or an end that is not usable is ignored, as whereabouts does; they are addresses all the same.

    Raises:
        ValueError: what is wrong with which text.
    """
    first, dash, rest = text.partition("-")
    interface = _interface(rest if dash else text, text)
    network = interface.network
    if dash:
        start, end = first, str(interface.ip)
        if address(first) not in network:
            raise ValueError(f"range {text!r}: {first} is not in {network}")
    low, high = usable(network, point_to_point=point_to_point)
    if start and (number := _number(start, network)) is not None and low <= number <= high:
        low = number
    if end and (number := _number(end, network)) is not None and low <= number <= high:
        high = number
    return Range(network, low, high, _excluded(exclude, network))


def usable(network: Network, *, point_to_point: bool = False) -> Span:
    """The first and the last address of a network that an interface may have; `point_to_point` is RFC 3021 and 6164.

    Raises:
        ValueError: the prefix is too long.
    """
    low, high = int(network.network_address), int(network.broadcast_address)
    if high - low >= 3:
        return low + 1, high - 1
    if high - low == 1 and point_to_point:
        return low, high
    hint = "" if high == low else ', or "point_to_point": true to use both of its addresses'
    raise ValueError(
        f"range {network}: net mask is too short for usable addresses, expected at most "
        f"/{network.max_prefixlen - 2}{hint}"
    )


def contains(network: Network, part: Network) -> bool:
    """Whether all addresses of `part`, of the same family, are in `network`."""
    low, high = int(network.network_address), int(network.broadcast_address)
    return low <= int(part.network_address) and int(part.broadcast_address) <= high


def address(text: str) -> Address:
    """One address.

    Raises:
        ValueError: it is none.
    """
    try:
        return ipaddress.ip_address(result.canonical_ip(_decimal(text)) or text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no IP address") from error


def _interface(text: str, whole: str) -> ipaddress.IPv4Interface | ipaddress.IPv6Interface:
    plain, slash, length = text.partition("/")
    try:
        return ipaddress.ip_interface(result.canonical_cidr(f"{_decimal(plain)}{slash}{length}"))
    except ValueError as error:
        raise ValueError(f"range {whole!r}: expected a prefix such as 10.0.0.0/16, or first-last/length") from error


def _number(text: str, network: Network) -> int | None:
    """An address as a number; None for one of the other family."""
    found = address(text)
    return int(found) if found.version == network.version else None


def _decimal(text: str) -> str:
    """An IPv4 address without leading zeros; any other text as it is."""
    return ".".join(str(int(octet)) for octet in text.split(".")) if _OCTETS.fullmatch(text) else text


def _excluded(texts: Iterable[str], network: Network) -> tuple[Span, ...]:
    """The spans of the prefixes and addresses, merged; those of the other family never matter."""
    spans = []
    for text in texts:
        try:
            plain = ipaddress.ip_network(text if "/" in text else result.canonical_ip(text) or text, strict=False)
        except ValueError as error:
            raise ValueError(f"exclude {text!r}: expected a prefix such as 10.0.0.0/28, or an address") from error
        if plain.version == network.version:
            spans.append((int(plain.network_address), int(plain.broadcast_address)))
    merged: list[Span] = []
    for low, high in sorted(spans):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def _up_to(low: int, high: int) -> Iterator[int]:
    while low <= high:
        yield low
        low += 1
