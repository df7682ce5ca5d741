"""Who gets which address of a pool, and what is given back (cases 43, 44, 47, 51 and 55)."""

from __future__ import annotations

import ipaddress

import pytest

from plurimus.cni.errors import AttachmentError, ClusterError
from plurimus.core import ranges
from plurimus.core.pools import Ledger
from plurimus.model.ippool import Allocation, Change, Pool

RANGE = ranges.parse("10.0.0.0/29")


def owner(pod: str, ifname: str = "net1", container: str = "") -> Allocation:
    return Allocation(container or f"sandbox-of-{pod}", f"ns/{pod}", ifname)


def ledger(range_: str = "10.0.0.0/29", **allocations: Allocation) -> Ledger:
    return Ledger(Pool(range_, {key.removeprefix("at"): each for key, each in allocations.items()}), "ns/pool")


def test_the_lowest_free_address_is_given_and_one_that_is_freed_at_once_again() -> None:
    book = ledger()
    assert [str(book.take(RANGE, owner(pod))) for pod in "abc"] == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
    assert [str(held.address) for held in book.give_back("sandbox-of-b", "net1")] == ["10.0.0.2"]
    assert str(book.take(RANGE, owner("d"))) == "10.0.0.2"
    assert book.changes() == [
        Change("1", None, owner("a")), Change("3", None, owner("c")), Change("2", None, owner("d"))
    ]  # fmt: skip


def test_a_pods_interface_keeps_its_address_in_its_next_sandbox() -> None:
    """StatefulSet pods keep theirs as long as the record does; also where the range has been narrowed."""
    old, new = owner("a", container="old"), owner("a", container="new")
    book = ledger(at6=old)
    assert str(book.take(ranges.parse("10.0.0.0/29", end="10.0.0.3"), new)) == "10.0.0.6"
    assert book.changes() == [Change("6", old, new)]
    assert book.give_back("old", "net1") == []
    assert [str(held.address) for held in book.give_back("new", "net1")] == ["10.0.0.6"]


def test_interfaces_of_one_pod_are_told_apart() -> None:
    book = ledger()
    assert str(book.take(RANGE, owner("a", "net1"))) == "10.0.0.1"
    assert str(book.take(RANGE, owner("a", "net2"))) == "10.0.0.2"
    assert [str(held.address) for held in book.give_back("sandbox-of-a", "net2")] == ["10.0.0.2"]


def test_an_exhausted_range_says_what_it_is_and_changes_nothing() -> None:
    book = ledger(**{f"at{key}": owner(f"pod-{key}") for key in range(1, 7)})
    with pytest.raises(
        AttachmentError, match=r"10.0.0.0/29 \(10.0.0.1 to 10.0.0.6\): IPPool ns/pool .*6 allocated"
    ) as full:
        book.take(RANGE, owner("late"))
    assert full.value.code == 999
    assert book.changes() == []


def test_a_barred_address_is_not_given_and_taken_from_its_owner() -> None:
    barred = {int(ipaddress.ip_address("10.0.0.1"))}
    mine = owner("a")
    book = ledger(at1=mine)
    assert str(book.take(RANGE, mine, barred=barred)) == "10.0.0.2"
    assert book.changes() == [Change("1", mine, None), Change("2", None, mine)]


def test_some_places_behind_the_lowest_is_never_behind_the_last() -> None:
    book = ledger(at2=owner("b"))
    assert str(book.take(RANGE, owner("a"), skip=1)) == "10.0.0.3"
    assert str(book.take(RANGE, owner("c"), skip=99)) == "10.0.0.6"


def test_what_is_taken_and_given_back_at_once_is_no_change() -> None:
    book = ledger()
    book.take(RANGE, owner("a"))
    book.give_back("sandbox-of-a", "net1")
    assert book.changes() == []


@pytest.mark.parametrize("key", ["", "x", "1.5", "²", "99999999999", "-99999999999", "9" * 50])
def test_a_key_that_is_no_address_is_left_alone(key: str) -> None:
    book = Ledger(Pool("10.0.0.0/29", {key: owner("odd")}), "ns/pool")
    assert book.held() == []
    assert str(book.take(RANGE, owner("a"))) == "10.0.0.1"
    assert book.changes() == [Change("1", None, owner("a"))]


def test_offsets_are_exact_beyond_64_bits() -> None:
    """The original cannot read keys from 2^63 on, and would give such an address twice."""
    wide = ranges.parse("2001:db8::/32", start="2001:db8:8000::5")
    book = ledger("2001:db8::/32")
    assert str(book.take(wide, owner("a"))) == "2001:db8:8000::5"
    (change,) = book.changes()
    assert change.key == str(0x8000 * 2**80 + 5)
    again = Ledger(Pool("2001:db8::/32", {change.key: owner("a")}), "ns/pool")
    assert str(again.take(wide, owner("b"))) == "2001:db8:8000::6"


def test_a_pool_with_host_bits_counts_from_them() -> None:
    book = ledger("10.0.0.3/29", at1=owner("b"))
    assert [str(held.address) for held in book.held()] == ["10.0.0.4"]
    assert [str(book.take(RANGE, owner(pod))) for pod in "ac"] == ["10.0.0.3", "10.0.0.5"]
    assert [change.key for change in book.changes()] == ["0", "2"]


def test_a_pool_whose_range_is_none_is_named() -> None:
    with pytest.raises(ClusterError, match=r"IPPool ns/pool: spec.range: 'ten'"):
        ledger("ten")
