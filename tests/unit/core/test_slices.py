"""Slices of a range for nodes (case 52)."""

from __future__ import annotations

import ipaddress

import pytest

from plurimus.cni.errors import ClusterError
from plurimus.core import ranges, slices
from plurimus.model.ippool import Slice, SlicePool


def pool(*taken: tuple[str, str]) -> SlicePool:
    return SlicePool("10.0.0.0/24", "/26", tuple(Slice(part, node) for part, node in taken))


def test_a_range_is_divided_into_parts_of_one_size() -> None:
    made = slices.divided(ipaddress.ip_network("10.0.0.0/24"), "/26", 26)
    assert made == pool(("10.0.0.0/26", ""), ("10.0.0.64/26", ""), ("10.0.0.128/26", ""), ("10.0.0.192/26", ""))
    assert len(slices.divided(ipaddress.ip_network("fd00::/50"), "64", 64).slices) == slices.MOST


def test_more_slices_than_an_object_holds_are_refused() -> None:
    with pytest.raises(ClusterError, match=r"range 10.0.0.0/8 has more than 16384 slices of node_slice_size /30"):
        slices.divided(ipaddress.ip_network("10.0.0.0/8"), "/30", 30)


def test_a_node_has_the_slice_with_its_name() -> None:
    given = pool(("10.0.0.0/26", "a"), ("10.0.0.64/26", ""), ("10.0.0.128/26", "b"))
    assert str(slices.of_node(given, "b")) == "10.0.0.128/26"
    assert slices.of_node(given, "c") is None
    with pytest.raises(ValueError, match="ten"):
        slices.of_node(pool(("ten", "a")), "a")


def test_a_slice_is_free_where_it_has_no_node_and_addresses_to_give() -> None:
    given = pool(("10.0.0.0/26", ""), ("10.0.0.64/26", "a"), ("ten", ""), ("10.0.0.128/26", ""), ("10.0.0.192/26", ""))
    whole = ranges.parse("10.0.0.0/24")
    assert list(slices.unclaimed(given, whole, point_to_point=False)) == [0, 3, 4]
    narrow = ranges.parse("10.0.0.0/24", start="10.0.0.100", exclude=["10.0.0.128/26"])
    assert list(slices.unclaimed(given, narrow, point_to_point=False)) == [4]
