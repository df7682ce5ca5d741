"""The line of those that wait: what is begun fits, who goes first, and that nobody starves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from plurimus.core.schedule import IN_A_ROW, Line, Pace, Rank, Ticket, rank
from plurimus.model.pod import Pod

NAMESPACES = ("a", "b", "c")


def begun_in_order(line: Line, room: float = 1) -> list[Ticket]:
    """All that wait, in the order they are begun where one is at a time."""
    found = []
    while not line.is_empty:
        for each in list(line.begun):
            line.leave(each)
        ticket = line.next(room)
        assert ticket is not None
        found.append(ticket)
    return found


def full(*tickets: Ticket) -> Line:
    """A line in which `tickets` wait, for one that is under way."""
    line = Line(most=1)
    assert line.join(Ticket(Rank.OTHER, "", 1), 1)
    for ticket in tickets:
        assert not line.join(ticket, 1)
    return line


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        pytest.param(None, Rank.OTHER, id="no-cluster"),
        pytest.param(Pod("a", "p"), Rank.OTHER, id="plain"),
        pytest.param(Pod("kube-system", "p"), Rank.SYSTEM, id="system-namespace"),
        pytest.param(Pod("a", "p", priority=2_000_000_000), Rank.SYSTEM, id="cluster-critical-by-number"),
        pytest.param(Pod("a", "p", priority_class="system-cluster-critical"), Rank.SYSTEM, id="cluster-critical"),
        pytest.param(Pod("a", "p", priority=2_000_001_000), Rank.NODE_CRITICAL, id="node-critical-by-number"),
        pytest.param(Pod("a", "p", priority_class="system-node-critical"), Rank.NODE_CRITICAL, id="node-critical"),
        pytest.param(Pod("a", "p", priority=1_000_000_000), Rank.OTHER, id="a-users-highest"),
    ],
)
def test_the_rank_of_a_pod_is_that_of_its_priority(pod: Pod | None, expected: Rank) -> None:
    assert rank(pod, ("kube-system",)) is expected


def test_they_are_begun_by_rank_whatever_the_order_they_came_in() -> None:
    tickets = [Ticket(rank, "a", 1) for rank in reversed(Rank)]
    assert [ticket.rank for ticket in begun_in_order(full(*tickets))] == list(Rank)


def test_namespaces_take_turns_and_each_keeps_its_order() -> None:
    many = [Ticket(Rank.OTHER, "many", 1) for _ in range(4)]
    few = [Ticket(Rank.OTHER, "few", 1) for _ in range(2)]
    assert begun_in_order(full(*many, *few)) == [many[0], few[0], many[1], few[1], many[2], many[3]]


def test_one_of_a_lower_rank_is_begun_behind_so_many_that_passed_it() -> None:
    deletes = [Ticket(Rank.DELETE, "a", 1) for _ in range(IN_A_ROW + 3)]
    late = Ticket(Rank.OTHER, "a", 1)
    assert begun_in_order(full(late, *deletes)).index(late) == IN_A_ROW


def test_one_that_needs_more_than_there_is_is_begun_alone() -> None:
    line = Line(most=9)
    large = Ticket(Rank.OTHER, "a", 100)
    assert line.join(large, 10)
    small = Ticket(Rank.DELETE, "a", 1)
    assert not line.join(small, 10)
    line.leave(large)
    assert line.next(10) is small


def test_nobody_passes_one_that_does_not_fit_yet() -> None:
    line = Line(most=9)
    first, large, small = (Ticket(Rank.OTHER, "a", need) for need in (6, 6, 1))
    assert [line.join(ticket, 10) for ticket in (first, large, small)] == [True, False, False]
    assert line.next(10) is None
    line.leave(first)
    assert [line.next(10), line.next(10), line.next(10)] == [large, small, None]


@given(st.lists(st.tuples(st.sampled_from(Rank), st.sampled_from(NAMESPACES)), min_size=1, max_size=IN_A_ROW))
def test_the_place_in_the_line_is_how_many_are_begun_before(who: list[tuple[Rank, str]]) -> None:
    """As long as nobody was passed too often."""
    tickets = [Ticket(rank, namespace, 1) for rank, namespace in who]
    line = full(*tickets)
    told = {ticket: line.ahead(ticket) for ticket in tickets}
    assert [told[ticket] for ticket in begun_in_order(line)] == list(range(len(tickets)))


class LineMachine(RuleBasedStateMachine):
    """Whatever comes, goes and is free."""

    def __init__(self) -> None:
        super().__init__()
        self.line = Line(most=5)
        self.room = 100.0
        self.came: list[Ticket] = []
        self.waiting: dict[Ticket, int] = {}
        """How many have been begun while one waits."""

    def _begun(self, ticket: Ticket) -> None:
        self.waiting.pop(ticket, None)
        assert len(self.line.begun) == 1 or self.line.admitted <= self.room
        for each in self.waiting:
            self.waiting[each] += 1

    def _advance(self) -> None:
        while (ticket := self.line.next(self.room)) is not None:
            assert ticket in self.waiting
            self._begun(ticket)

    @rule(rank=st.sampled_from(Rank), namespace=st.sampled_from(NAMESPACES), need=st.integers(1, 150))
    def join(self, rank: Rank, namespace: str, need: int) -> None:
        ticket = Ticket(rank, namespace, need)
        self.came.append(ticket)
        if self.line.join(ticket, self.room):
            assert not self.waiting
            self._begun(ticket)
        else:
            self.waiting[ticket] = 0
            self._advance()

    @precondition(lambda self: self.line.begun)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        ticket = data.draw(st.sampled_from([ticket for ticket in self.came if ticket in self.line.begun]))
        self.came.remove(ticket)
        self.line.leave(ticket)
        self._advance()

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        ticket = data.draw(st.sampled_from(list(self.waiting)))
        del self.waiting[ticket]
        self.came.remove(ticket)
        self.line.leave(ticket)
        self._advance()

    @rule(room=st.integers(-50, 300))
    def memory_changes(self, room: int) -> None:
        self.room = room
        self._advance()

    @invariant()
    def who_waits_waits_for_someone(self) -> None:
        assert self.line.begun or not self.waiting
        assert sum(self.line.waiting().values()) == len(self.waiting)
        assert self.line.admitted == sum(ticket.need for ticket in self.line.begun)

    @invariant()
    def nobody_starves(self) -> None:
        """A rank has a turn in so many, a namespace one of three of these, and some were there before."""
        longest = max(self.waiting.values(), default=0)
        assert longest <= (len(self.waiting) + 1) * len(NAMESPACES) * len(Rank) * (IN_A_ROW + 1)


TestLine = LineMachine.TestCase


def test_a_flood_of_higher_ranks_starves_none() -> None:
    line = full(*(patient := [Ticket(rank, "a", 1) for rank in Rank]))
    left, turns = set(patient), 0
    while left:
        turns += 1
        for each in list(line.begun):
            line.leave(each)
        line.join(Ticket(Rank.DELETE, "flood", 1), 1)
        line.join(Ticket(Rank.NODE_CRITICAL, "flood", 1), 1)
        ticket = line.next(1)
        assert ticket is not None
        left.discard(ticket)
        assert turns < 10 * len(Rank) * IN_A_ROW


def test_the_pace_is_that_of_late() -> None:
    pace = Pace()
    for _ in range(7):
        pace.took(2.0)
    assert pace.wait(ahead=100, begun=1) == 0  # too few to tell
    pace.took(2.0)
    assert pace.wait(ahead=9, begun=4) == pytest.approx(5.0)
    for _ in range(200):
        pace.took(1.0)
    assert pace.wait(ahead=9, begun=1) == pytest.approx(10.0)
