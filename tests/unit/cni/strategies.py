"""What property tests of `plurimus.cni` draw: JSON of any shape, JSON close to what is read, and results."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st

from plurimus.cni.result import DNS, Interface, IPConfig, Result, Route

T = TypeVar("T")

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12)
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner), max_leaves=10
)
torn = st.binary(max_size=40) | st.text(max_size=40).map(str.encode)


def near(keys: Sequence[str], inner: st.SearchStrategy[Any] = values) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with some of `keys` and values that mostly have the wrong type."""
    return st.dictionaries(st.sampled_from(keys), inner | values, max_size=len(keys))


def written(documents: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    """The same as JSON text, now and then cut short."""
    whole = documents.map(lambda document: json.dumps(document).encode())
    return whole | st.tuples(whole, st.integers(0, 60)).map(lambda drawn: drawn[0][: drawn[1]])


words = st.text("abcxyz0189-_.<&é", max_size=10)
numbers = st.integers(0, 2**32)
gateways = st.just("") | st.ip_addresses().map(lambda address: address_text(address))
prefixes = st.one_of(
    st.tuples(st.ip_addresses(v=4), st.integers(0, 32)), st.tuples(st.ip_addresses(v=6), st.integers(0, 128))
).map(lambda drawn: prefix_text(*drawn))


def address_text(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def prefix_text(address: ipaddress.IPv4Address | ipaddress.IPv6Address, length: int) -> str:
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return f"{address.ipv4_mapped}/{max(0, length - 96)}"
    return f"{address}/{length}"


interfaces = st.builds(Interface, words, words, numbers, words, words, words)
ips = st.builds(IPConfig, prefixes, st.none() | st.integers(0, 3), gateways)
routes = st.builds(
    Route, prefixes, gateways, numbers, numbers, numbers, st.none() | numbers, st.none() | st.integers(0, 255)
)
dns = st.builds(DNS, st.lists(words, max_size=2), words, st.lists(words, max_size=2), st.lists(words, max_size=2))


def results(*, least_ips: int = 0) -> st.SearchStrategy[Result]:
    """Results in the shape of 1.1.0, addresses in their one spelling."""

    def some(drawn: st.SearchStrategy[Any], least: int = 0) -> st.SearchStrategy[tuple[Any, ...]]:
        return st.lists(drawn, min_size=least, max_size=3).map(tuple)

    return st.builds(Result, st.just("1.1.0"), some(interfaces), some(ips, least_ips), some(routes), dns)


def attempt(call: Callable[[], T], *documented: type[Exception]) -> T | Exception:
    """What `call` returns, or the error it raises if that is one of `documented`; any other fails the test."""
    try:
        return call()
    except documented as error:
        return error
