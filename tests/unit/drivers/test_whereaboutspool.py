"""One pool and several nodes: nobody has another's address, and nothing is left behind (cases 45 and 46)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from plurimus.cni.errors import AttachmentError, ClusterError
from plurimus.model.ippool import Allocation, Pool, Reservation

from .. import jumping
from .pools import Node, Shelf, plain

POOL = "10.0.0.0-24"


async def test_many_nodes_that_start_with_no_pool_get_different_addresses(tmp_path: Path) -> None:
    shelf = Shelf()
    nodes = [Node(shelf, tmp_path, f"node-{n}") for n in range(8)]
    given = await asyncio.gather(*(node.give(f"{at}-{pod}") for at, node in enumerate(nodes) for pod in range(5)))
    assert len(set(given)) == 40
    assert len(shelf.held(POOL)) == len(shelf.reserved()) == 40
    await asyncio.gather(*(node.delete(f"{at}-{pod}") for at, node in enumerate(nodes) for pod in range(5)))
    assert shelf.held(POOL) == shelf.reserved() == {}


def test_a_pool_that_is_overtaken_for_ever_is_given_up(tmp_path: Path) -> None:
    shelf, number = Shelf(), 0

    def steal(request: str) -> None:
        nonlocal number
        if request == "change_pool":
            now = {str(n): Allocation("x", "ns/x", f"net{n}") for n in range(1, 200)}
            shelf.pools["kube-system", POOL] = Pool("10.0.0.0/24", now)
        elif request == "pool":
            number += 1
            shelf.pools["kube-system", POOL] = Pool("10.0.0.0/24")

    shelf.before = steal
    with pytest.raises(
        ClusterError, match=r"IPPool kube-system/10.0.0.0-24: others were first for 60 s: the test of"
    ) as raised:
        jumping.run(Node(shelf, tmp_path).add("a"))
    assert raised.value.code == 11
    assert number > 1


async def test_a_reservation_that_goes_between_two_looks_is_made(tmp_path: Path) -> None:
    shelf = Shelf()
    shelf.reservations["kube-system", "10.0.0.1"] = Reservation("ns/other", "net1", "0")
    shelf.before = lambda request: shelf.reservations.clear() if request == "reservation" else None
    assert await Node(shelf, tmp_path).give("a") == "10.0.0.1/24"
    assert shelf.reserved() == {"10.0.0.1": "ns/a net1"}


async def test_a_pod_that_moved_while_its_old_sandbox_ends_keeps_its_reservation(tmp_path: Path) -> None:
    """The new node takes the allocation over after the old one lifted the reservation."""
    shelf = Shelf()
    old = Node(shelf, tmp_path, "old")
    await old.add("a", container="old")

    def move(request: str) -> None:
        if request == "change_pool":
            shelf.pools["kube-system", POOL] = Pool("10.0.0.0/24", {"1": Allocation("new", "ns/a", "net1")})
            shelf.before = lambda _: None

    shelf.before = move
    await old.delete("a", container="old")
    assert shelf.held(POOL) == {"10.0.0.1": "ns/a net1 new"}
    assert shelf.reserved() == {"10.0.0.1": "ns/a net1"}


async def test_an_overlapping_range_that_is_full_elsewhere_is_asked_about_in_few_rounds(tmp_path: Path) -> None:
    shelf = Shelf()
    for number in range(1, 200):
        shelf.reservations["kube-system", f"10.0.0.{number}"] = Reservation(f"ns/{number}", "net1", str(number))
    assert await Node(shelf, tmp_path).give("a") == "10.0.0.200/24"
    assert shelf.asked["change_pool"] <= 3
    assert list(shelf.held(POOL)) == ["10.0.0.200"]


async def test_a_fault_of_ours_fails_the_request_and_not_the_next_one(tmp_path: Path) -> None:
    shelf = Shelf()

    def break_(_: str) -> None:
        raise KeyError("oops")

    node = Node(shelf, tmp_path)
    shelf.before = break_
    with pytest.raises(AttachmentError, match=r"internal error: KeyError\('oops'\)"):
        await node.add("a")
    shelf.before = lambda _: None
    assert await node.give("a") == "10.0.0.1/24"


RANGES = (
    {"range": "10.0.0.0/28"},
    {"range": "10.0.0.8/29"},
    {"range": "10.0.0.0/29", "ipRanges": [{"range": "fd00::/125"}]},
)
Attachment = tuple[int, int, int]
"""Node, pod, and which of RANGES."""
WORK = st.tuples(st.integers(0, 2), st.integers(0, 9), st.integers(0, 2))
FAULTS = st.sets(
    st.sampled_from(["pool", "create_pool", "change_pool", "reserve", "reservation", "unreserve"]), max_size=2
)


class Pools(RuleBasedStateMachine):
    """Three nodes add and delete, all at the same time, over a store that fails now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.shelf = Shelf()
        self.nodes = [Node(self.shelf, Path(self.folder.name), f"node-{n}") for n in range(3)]
        self.runner = asyncio.Runner(loop_factory=jumping.Loop)
        self.alive: dict[Attachment, list[str]] = {}
        self.owed: set[Attachment] = set()

    def teardown(self) -> None:
        self.runner.close()
        self.folder.cleanup()

    @rule(work=st.sets(WORK, min_size=1, max_size=8), faults=FAULTS)
    def attach(self, work: set[Attachment], faults: set[str]) -> None:
        self.shelf.fail = faults
        self.runner.run(self._all([self._add(each) for each in work if each not in self.owed]))
        self.shelf.fail = set()

    @precondition(lambda self: self.alive)
    @rule(data=st.data(), faults=FAULTS)
    def detach(self, data: st.DataObject, faults: set[str]) -> None:
        chosen = data.draw(st.sets(st.sampled_from(sorted(self.alive)), min_size=1))
        self.shelf.fail = faults
        self.runner.run(self._all([self._delete(each) for each in chosen]))
        self.shelf.fail = set()

    @rule(work=st.sets(WORK, max_size=6))
    def both_at_once(self, work: set[Attachment]) -> None:
        going = [each for each in self.alive if each not in work]
        coming = [each for each in work if each not in self.owed]
        self.runner.run(self._all([*map(self._delete, going), *map(self._add, coming)]))

    @rule()
    def pay_debts(self) -> None:
        self.runner.run(self._all([self._delete(each) for each in self.owed]))
        assert not self.owed

    @invariant()
    def nobody_shares_an_address_and_all_have_theirs(self) -> None:
        addresses = [address for given in self.alive.values() for address in given]
        assert len(set(addresses)) == len(addresses)
        held = {(address, whose) for _, name in self.shelf.pools for address, whose in self.shelf.held(name).items()}
        for (_, pod, kind), given in self.alive.items():
            for address in given:
                assert (address, f"ns/{pod}-{kind} net1 sandbox-of-{pod}-{kind}") in held
                assert self.shelf.reserved()[address.replace(":", "-")] == f"ns/{pod}-{kind} net1"

    @invariant()
    def nothing_is_left_of_what_is_gone(self) -> None:
        if not self.owed:
            held = [whose for _, name in self.shelf.pools for whose in self.shelf.held(name)]
            assert sorted(held) == sorted(address for given in self.alive.values() for address in given)
            assert len(self.shelf.reserved()) == len(held)

    async def _all(self, work: list[Any]) -> None:
        await asyncio.gather(*work)

    async def _add(self, work: Attachment) -> None:
        node, pod, kind = work
        if any((pod, kind) == other[1:] and node != other[0] for other in (*self.alive, *self.owed)):
            return  # a pod is on one node
        self.owed.add(work)
        self.alive.pop(work, None)
        try:
            made = await self.nodes[node].add(f"{pod}-{kind}", **RANGES[kind])
        except (ClusterError, AttachmentError):
            return
        self.owed.discard(work)
        self.alive[work] = [plain(ip.address) for ip in made.ips]

    async def _delete(self, work: Attachment) -> None:
        node, pod, kind = work
        self.alive.pop(work, None)
        self.owed.add(work)
        try:
            await self.nodes[node].delete(f"{pod}-{kind}", **RANGES[kind])
        except ClusterError:
            return
        self.owed.discard(work)


TestPools = Pools.TestCase
TestPools.settings = settings(max_examples=40, stateful_step_count=12, deadline=None)
