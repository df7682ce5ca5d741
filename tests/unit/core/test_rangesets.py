"""Sets of ranges as host-local has them, and the order in which their addresses are tried."""

from __future__ import annotations

import ipaddress
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurimus.core import rangesets
from plurimus.core.rangesets import RangeKeys, RangeSet


def keys(subnet: str | None = None, start: str = "", end: str = "", gateway: str = "") -> RangeKeys:
    return RangeKeys(subnet, start, end, gateway)


def one(*ranges: RangeKeys) -> RangeSet:
    (found,) = rangesets.parse([ranges])
    return found


def tried(ranges: RangeSet, last: str = "") -> list[str]:
    return [text for text, _ in ranges.candidates(last)]


@pytest.mark.parametrize(
    ("range_", "first", "last", "gateway"),
    [
        (keys("10.0.0.0/24"), "10.0.0.1", "10.0.0.254", "10.0.0.1"),
        (keys("10.0.0.0/24", "10.0.0.0", "10.0.0.255"), "10.0.0.0", "10.0.0.255", "10.0.0.1"),
        (keys("10.0.0.0/30", gateway="192.168.0.1"), "10.0.0.1", "10.0.0.2", "192.168.0.1"),
        (keys("10.0.0.0/24", "::ffff:10.0.0.9"), "10.0.0.9", "10.0.0.254", "10.0.0.1"),
        (keys("0.0.0.0/0"), "0.0.0.1", "255.255.255.254", "0.0.0.1"),
        (keys("fd00::/126"), "fd00::1", "fd00::3", "fd00::1"),
        (keys("FD00:0::/64", end="fd00::ff"), "fd00::1", "fd00::ff", "fd00::1"),
    ],
)
def test_what_a_range_leaves_open_is_filled(range_: RangeKeys, first: str, last: str, gateway: str) -> None:
    ranges = one(range_)
    assert (str(ranges), ranges.ranges[0].gateway) == (f"{first}-{last}", gateway)


@pytest.mark.parametrize(
    ("sets", "problem"),
    [
        ([], "no IP ranges specified"),
        ([[]], "invalid range set 0: empty range set"),
        ([[keys()]], "invalid range set 0: a range has no 'subnet', expected one such as 10.0.0.0/16"),
        ([[keys("zz")]], "invalid CIDR address: zz"),
        ([[keys("")]], "invalid CIDR address: "),
        ([[keys("10.0.0.0/255.255.255.0")]], "invalid CIDR address: 10.0.0.0/255.255.255.0"),
        ([[keys("10.0.0.0")]], "invalid CIDR address: 10.0.0.0"),
        ([[keys("10.0.0.0/31")]], "invalid range set 0: Network 10.0.0.0/31 too small to allocate from"),
        ([[keys("fd00::/127")]], "invalid range set 0: Network fd00::/127 too small to allocate from"),
        ([[keys("::ffff:10.0.0.0/120")]], "invalid range set 0: IPNet IP and Mask version mismatch"),
        ([[keys("fd00::7/9")]],
         "invalid range set 0: Network has host bits set. For a subnet mask of length 9 the network address is fd00::"),
        ([[keys("10.0.0.0/24", "zz")]], "invalid IP address: zz"),
        ([[keys("10.0.0.0/24", gateway="zz")]], "invalid IP address: zz"),
        ([[keys("10.0.0.0/24", "10.0.1.1")]], "invalid range set 0: RangeStart 10.0.1.1 not in network 10.0.0.0/24"),
        ([[keys("10.0.0.0/24", "fd00::1")]], "invalid range set 0: RangeStart fd00::1 not in network 10.0.0.0/24"),
        ([[keys("10.0.0.0/24", "10.0.0.9", "10.0.0.8")]],
         "invalid range set 0: RangeStart 10.0.0.9 not in network 10.0.0.0/24"),
        ([[keys("10.0.0.0/24", end="10.0.1.1")]], "invalid range set 0: RangeEnd 10.0.1.1 not in network 10.0.0.0/24"),
        ([[keys("10.0.0.0/24", end="10.0.0.0")]], "invalid range set 0: RangeEnd 10.0.0.0 not in network 10.0.0.0/24"),
        ([[keys("10.0.0.0/24"), keys("fd00::/64")]], "invalid range set 0: mixed address families"),
        ([[keys("10.0.0.0/24"), keys("10.0.0.0/16", "10.0.0.254")]],
         "invalid range set 0: subnets 10.0.0.1-10.0.0.254 and 10.0.0.254-10.0.255.254 overlap"),
        ([[keys("10.1.0.0/24")], [keys("10.0.0.0/24")], [keys("zz")]], "invalid CIDR address: zz"),
    ],
)  # fmt: skip
def test_what_is_no_set_is_refused_in_the_plugins_words(sets: list[list[RangeKeys]], problem: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        rangesets.parse(sets)
    assert str(refused.value) == problem


def test_sets_that_share_an_address_are_told_and_parts_of_one_network_may_share_none() -> None:
    rangesets.check_overlap(
        rangesets.parse([[keys("10.0.0.0/24", end="10.0.0.9")], [keys("10.0.0.0/24", "10.0.0.10")]])
    )
    sets = rangesets.parse([[keys("10.0.0.0/24")], [keys("fd00::/64")], [keys("10.1.0.0/24"), keys("10.0.0.0/25")]])
    with pytest.raises(ValueError, match=r"^range set 0 overlaps with 2$"):
        rangesets.check_overlap(sets)


@given(st.lists(st.tuples(st.integers(0, 250), st.integers(0, 250)).map(sorted), min_size=1, max_size=6))
def test_ranges_and_sets_overlap_where_any_two_of_them_share_an_address(parts: list[list[int]]) -> None:
    ranges = [keys("10.0.0.0/24", f"10.0.0.{first}", f"10.0.0.{last}") for first, last in parts]
    share = [
        (at, behind)
        for at, one in enumerate(parts)
        for behind, two in enumerate(parts)
        if at < behind and one[0] <= two[1] and two[0] <= one[1]
    ]
    sets = rangesets.parse([[each] for each in ranges])
    if not share:
        rangesets.check_overlap(sets)
        rangesets.parse([ranges])
        return
    with pytest.raises(ValueError, match=r"^range set \d overlaps with \d$") as of_sets:
        rangesets.check_overlap(sets)
    assert tuple(int(word) for word in str(of_sets.value).split() if word.isdigit()) in share
    with pytest.raises(ValueError, match="overlap"):
        rangesets.parse([ranges])


def test_a_definition_of_many_thousand_ranges_keeps_nobody_waiting() -> None:
    """Compared each with each, these would take minutes."""
    many = [keys(f"10.{number >> 14}.{number >> 6 & 255}.{(number & 63) * 4}/30") for number in range(20_000)]
    assert len(one(*many).ranges) == len(many)
    rangesets.check_overlap(rangesets.parse([[each] for each in many]))


def test_addresses_go_round_over_all_ranges_of_a_set_without_their_gateways() -> None:
    ranges = one(keys("10.0.0.0/30"), keys("10.0.1.0/29", "10.0.1.3", "10.0.1.5", "10.0.1.4"))
    assert tried(ranges) == ["10.0.0.2", "10.0.1.3", "10.0.1.5"]
    assert tried(ranges, "10.0.0.2") == ["10.0.1.3", "10.0.1.5", "10.0.0.2"]
    assert tried(ranges, "10.0.1.3") == ["10.0.1.5", "10.0.0.2", "10.0.1.3"]
    assert tried(ranges, "10.0.1.5") == ["10.0.0.2", "10.0.1.3", "10.0.1.5"]
    assert tried(ranges, "10.0.1.4") == ["10.0.1.5", "10.0.0.2", "10.0.1.3"]


@pytest.mark.parametrize("last", ["", "garbage", "10.0.0", "10.9.9.9", "fd00::1", "10.0.0.3"])
def test_a_last_address_that_is_in_no_range_begins_anew(last: str) -> None:
    assert tried(one(keys("10.0.0.0/30")), last) == ["10.0.0.2"]


def test_a_set_can_have_one_address_or_none() -> None:
    assert tried(one(keys("10.0.0.0/24", "10.0.0.7", "10.0.0.7")), "10.0.0.7") == ["10.0.0.7"]
    assert tried(one(keys("10.0.0.0/24", "10.0.0.1", "10.0.0.1")), "10.0.0.1") == []


def test_another_ranges_gateway_and_one_outside_are_given() -> None:
    ranges = one(keys("10.0.0.0/30", gateway="10.0.1.2"), keys("10.0.1.0/30", gateway="fd00::1"))
    assert tried(ranges) == ["10.0.0.1", "10.0.0.2", "10.0.1.1", "10.0.1.2"]


def test_the_first_of_a_range_of_2_to_the_64_addresses_comes_at_once() -> None:
    ranges = one(keys("fd00::/64"))
    assert next(ranges.candidates("fd00::ffff:ffff:ffff:fffe"))[0] == "fd00::ffff:ffff:ffff:ffff"
    assert next(ranges.candidates("fd00::ffff:ffff:ffff:ffff"))[0] == "fd00::2"


@st.composite
def sets(draw: st.DrawFn) -> RangeSet:
    """One to three small ranges of different networks."""
    version = draw(st.sampled_from([4, 6]))
    chosen = []
    for base in draw(st.permutations([0x0A000000, 0x0A000100, 0x0AFFFFF0]))[: draw(st.integers(1, 3))]:
        network = ipaddress.ip_network((base, 28) if version == 4 else (base << 96, 124))
        low, high = sorted(draw(st.tuples(st.integers(0, 15), st.integers(0, 15))))
        gateway = draw(st.sampled_from(["", str(network[draw(st.integers(0, 15))]), "192.168.0.1", "fd00::1"]))
        chosen.append(keys(str(network), str(network[low]), str(network[high]), gateway))
    return one(*chosen)


@given(sets(), st.data())
def test_every_order_is_the_models(ranges: RangeSet, data: st.DataObject) -> None:
    """All addresses in a circle, turned to behind the last one; gateways are cut out only then."""
    ring = list(chain.from_iterable([(each, n) for n in range(each.first, each.last + 1)] for each in ranges.ranges))
    at = data.draw(st.integers(-1, len(ring) - 1))
    last = ring[at][0].text(ring[at][1]) if at >= 0 else data.draw(st.sampled_from(["", "x", "172.16.0.1"]))
    turned = [(each, each.text(n)) for each, n in ring[at + 1 :] + ring[: at + 1]]
    assert [(each, text) for text, each in ranges.candidates(last)] == [(e, t) for e, t in turned if t != e.gateway]
    assert all(ranges.find(text) == each for each, text in turned)


@given(st.integers(0, 2**32 - 1))
def test_ipv4_addresses_are_spelled_as_ever(number: int) -> None:
    range_ = one(keys("0.0.0.0/0")).ranges[0]
    assert range_.text(number) == str(ipaddress.IPv4Address(number))
