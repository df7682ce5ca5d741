"""The addresses of a range (cases 40 to 42)."""

from __future__ import annotations

import ipaddress
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurimus.core import ranges
from plurimus.core.ranges import Range


def ends(found: Range) -> tuple[str, str, str]:
    return str(found.network), str(found.address(found.first)), str(found.address(found.last))


def free(found: Range, *taken: str, most: int = 20) -> list[str]:
    numbers = {int(ipaddress.ip_address(text)) for text in taken}
    return [str(found.address(number)) for number in islice(found.free(numbers), most)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.0/24", ("10.0.0.0/24", "10.0.0.1", "10.0.0.254")),
        ("192.168.2.225/28", ("192.168.2.224/28", "192.168.2.225", "192.168.2.238")),
        ("10.0.0.5-10.0.0.9/24", ("10.0.0.0/24", "10.0.0.5", "10.0.0.9")),
        ("10.0.0.0-10.0.0.255/24", ("10.0.0.0/24", "10.0.0.1", "10.0.0.254")),
        ("10.0.0.9-10.0.0.5/24", ("10.0.0.0/24", "10.0.0.9", "10.0.0.254")),
        ("010.000.000.000/24", ("10.0.0.0/24", "10.0.0.1", "10.0.0.254")),
        ("010.0.0.005-10.0.00.9/24", ("10.0.0.0/24", "10.0.0.5", "10.0.0.9")),
        ("10.0.0.0/30", ("10.0.0.0/30", "10.0.0.1", "10.0.0.2")),
        ("2001:db8::/64", ("2001:db8::/64", "2001:db8::1", "2001:db8::ffff:ffff:ffff:fffe")),
        ("2001:db8::5-2001:db8::9/64", ("2001:db8::/64", "2001:db8::5", "2001:db8::9")),
        ("::ffff:10.0.0.0/120", ("10.0.0.0/24", "10.0.0.1", "10.0.0.254")),
    ],
)
def test_every_form_of_a_range_is_read(text: str, expected: tuple[str, str, str]) -> None:
    assert ends(ranges.parse(text)) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("10.0.0.0/31", 'net mask is too short.*expected at most /30, or "point_to_point": true'),
        ("10.0.0.0/32", "net mask is too short.*expected at most /30$"),
        ("2001:db8::/127", "net mask is too short.*expected at most /126"),
        ("10.0.0.0", "range '10.0.0.0': expected a prefix"),
        ("10.0.0.0/33", "expected a prefix"),
        ("10.0.0.0/24/24", "expected a prefix"),
        ("fe80::%eth0/64", "expected a prefix"),
        ("", "expected a prefix"),
        ("10.0.1.5-10.0.0.9/24", "10.0.1.5 is not in 10.0.0.0/24"),
        ("ten-10.0.0.9/24", "'ten' is no IP address"),
    ],
)
def test_what_is_no_range_says_why(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ranges.parse(text)


@pytest.mark.parametrize(
    ("text", "both"), [("10.0.0.4/31", ["10.0.0.4", "10.0.0.5"]), ("fd00::/127", ["fd00::", "fd00::1"])]
)
def test_a_link_of_two_has_both_of_its_addresses_where_that_is_wanted(text: str, both: list[str]) -> None:
    """RFC 3021, RFC 6164."""
    assert free(ranges.parse(text, point_to_point=True)) == both
    with pytest.raises(ValueError, match="too short"):
        ranges.parse("10.0.0.4/32", point_to_point=True)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("10.0.0.10", "10.0.0.20", ("10.0.0.10", "10.0.0.20")),
        ("10.0.0.10", "", ("10.0.0.10", "10.0.0.254")),
        ("", "10.0.0.20", ("10.0.0.1", "10.0.0.20")),
        ("10.0.0.0", "10.0.0.255", ("10.0.0.1", "10.0.0.254")),
        ("10.0.1.10", "10.0.1.20", ("10.0.0.1", "10.0.0.254")),
        ("10.0.0.20", "10.0.0.10", ("10.0.0.20", "10.0.0.254")),
        ("fd00::1", "fd00::2", ("10.0.0.1", "10.0.0.254")),
        ("10.0.0.010", "10.000.0.20", ("10.0.0.10", "10.0.0.20")),
    ],
)
def test_ends_that_are_not_usable_are_ignored(start: str, end: str, expected: tuple[str, str]) -> None:
    """Case 41."""
    assert ends(ranges.parse("10.0.0.0/24", start=start, end=end))[1:] == expected


@pytest.mark.parametrize(
    ("exclude", "expected"),
    [
        (["10.0.0.1/30"], ["10.0.0.4", "10.0.0.5", "10.0.0.6"]),
        (["10.0.0.2"], ["10.0.0.1", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"]),
        (["10.0.0.4/31", "10.0.0.1"], ["10.0.0.2", "10.0.0.3", "10.0.0.6"]),
        (["10.0.0.4/31", "10.0.0.0/29"], []),
        (["0.0.0.0/0"], []),
        (["fd00::/8"], ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"]),
    ],
)
def test_what_is_excluded_is_not_given(exclude: list[str], expected: list[str]) -> None:
    """Case 42."""
    assert free(ranges.parse("10.0.0.0/29", exclude=exclude)) == expected


@pytest.mark.parametrize("text", ["10.0.0.0/33", "ten", "10.0.0.01", ""])
def test_a_bad_exclusion_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=f"exclude '{text}'"):
        ranges.parse("10.0.0.0/24", exclude=[text])


def test_the_lowest_free_address_of_a_huge_range_is_found_at_once() -> None:
    """A walk over what is excluded would never end."""
    found = ranges.parse("2001:db8::/32", exclude=["2001:db8::/33"], end="2001:db8:8000::5")
    assert free(found, "2001:db8:8000::") == [f"2001:db8:8000::{n}" for n in range(1, 6)]


def test_a_node_gives_out_what_is_usable_in_its_part() -> None:
    whole = ranges.parse("10.0.0.0/24", start="10.0.0.18", exclude=["10.0.0.20"])
    part = whole.within(ipaddress.ip_network("10.0.0.16/29"))
    assert free(part) == ["10.0.0.18", "10.0.0.19", "10.0.0.21", "10.0.0.22"]
    assert part.prefixed(ipaddress.ip_address("10.0.0.18")) == "10.0.0.18/24"
    assert free(whole.within(ipaddress.ip_network("10.0.0.0/29"))) == []
    for other in ("10.0.1.0/29", "fd00::/64", "10.0.0.0/31", "10.0.0.0/16"):
        with pytest.raises(ValueError, match=r"no part of|too short"):
            whole.within(ipaddress.ip_network(other))


@given(data=st.data(), length=st.integers(20, 30), base=st.integers(0, 2**32 - 1))
def test_free_addresses_are_those_of_a_walk(data: st.DataObject, length: int, base: int) -> None:
    network = ipaddress.ip_network((base, length), strict=False)
    numbers = st.integers(int(network.network_address) - 2, min(int(network.broadcast_address) + 2, 2**32 - 1))
    addresses = numbers.filter(lambda number: number >= 0).map(lambda number: str(ipaddress.IPv4Address(number)))
    start, end = data.draw(st.just("") | addresses), data.draw(st.just("") | addresses)
    excluded = data.draw(st.lists(st.tuples(addresses, st.integers(length, 32)), max_size=4))
    taken = {int(ipaddress.ip_address(each)) for each in data.draw(st.lists(addresses, max_size=20))}
    found = ranges.parse(str(network), start=start, end=end, exclude=[f"{text}/{size}" for text, size in excluded])

    hosts = list(network.hosts())
    low = ipaddress.ip_address(start) if start and ipaddress.ip_address(start) in hosts else hosts[0]
    high = ipaddress.ip_address(end) if end and ipaddress.ip_address(end) in hosts else hosts[-1]
    if high < low:  # type: ignore[operator]
        high = hosts[-1]
    without = [ipaddress.ip_network(f"{text}/{size}", strict=False) for text, size in excluded]
    expected = [
        int(host)
        for host in hosts
        if low <= host <= high  # type: ignore[operator]
        and not any(host in each for each in without) and int(host) not in taken
    ]  # fmt: skip
    assert list(found.free(taken)) == expected
