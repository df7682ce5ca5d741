"""Who is begun next when not all can be at once, and how long the others wait: a line and its rules.

- What runs fits: the memory of all that is begun stays within what there is.  Only one that is alone may need more,
  since it would never be begun else.
- DEL before ADD, since it frees; then node-critical pods, the system's, all others; within these the namespaces take
  turns, and a namespace's own are begun in the order they came.
- Nobody passes one that is next and does not fit yet; and one of each lower rank is begun behind every sixteen that
  passed it.  So nobody starves.

Values and rules only: `node.scheduler` has clock and memory.  Decision 27.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from enum import IntEnum

from plurimus.model.pod import Pod

IN_A_ROW = 16
"""How many may pass a lower rank until it has its turn."""
_NODE_CRITICAL, _CLUSTER_CRITICAL = 2_000_001_000, 2_000_000_000
"""`spec.priority` of Kubernetes' own two classes, `system-node-critical` and `system-cluster-critical`."""
_WEIGHT = 8
"""An earlier pace counts so much more than the last one."""


class Rank(IntEnum):
    """The lower, the sooner."""

    DELETE = 0
    NODE_CRITICAL = 1
    SYSTEM = 2
    OTHER = 3

    @property
    def words(self) -> str:
        return self.name.lower().replace("_", "-")


def rank(pod: Pod | None, system_namespaces: tuple[str, ...]) -> Rank:
    """The rank of an ADD for `pod`; without a cluster all are alike."""
    if pod is None:
        return Rank.OTHER
    if pod.priority >= _NODE_CRITICAL or pod.priority_class == "system-node-critical":
        return Rank.NODE_CRITICAL
    critical = pod.priority >= _CLUSTER_CRITICAL or pod.priority_class == "system-cluster-critical"
    return Rank.SYSTEM if critical or pod.namespace in system_namespaces else Rank.OTHER


class Ticket:
    """One in the line; `need` is bytes of memory, `what` says for whom.  No two are equal."""

    __slots__ = ("namespace", "need", "rank", "what")

    def __init__(self, rank: Rank, namespace: str, need: int, what: str = "") -> None:
        self.rank, self.namespace, self.need, self.what = rank, namespace, need, what


class Line:
    """Who is begun and who waits; at most `most` are begun at a time.

    `room`, where it is asked for, is how many bytes all that is begun may need together.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.begun: set[Ticket] = set()
        self.admitted = 0
        """Bytes that the begun need together."""
        self._waiting: tuple[OrderedDict[str, deque[Ticket]], ...] = tuple(OrderedDict() for _ in Rank)
        self._passed = [0] * len(Rank)

    def join(self, ticket: Ticket, room: float) -> bool:
        """Whether it is begun at once: nobody waits, and it fits.  Else it waits until it is `next` or leaves."""
        if not any(self._waiting) and self._fits(ticket, room):
            self._begin(ticket)
            return True
        self._waiting[ticket.rank].setdefault(ticket.namespace, deque()).append(ticket)
        return False

    def next(self, room: float) -> Ticket | None:
        """The one that has been begun now, if any is to be."""
        rank = self._turn()
        if rank is None:
            return None
        namespaces = self._waiting[rank]
        namespace, queue = next(iter(namespaces.items()))
        if not self._fits(queue[0], room):
            return None
        ticket = queue.popleft()
        self._passed[rank] = 0
        for lower in range(rank + 1, len(Rank)):
            if self._waiting[lower]:
                self._passed[lower] += 1
        if queue:
            namespaces.move_to_end(namespace)
        else:
            del namespaces[namespace]
        self._begin(ticket)
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """It ends, or does not wait any more."""
        if ticket in self.begun:
            self.begun.remove(ticket)
            self.admitted -= ticket.need
            return
        namespaces = self._waiting[ticket.rank]
        namespaces[ticket.namespace].remove(ticket)
        if not namespaces[ticket.namespace]:
            del namespaces[ticket.namespace]

    def waiting(self) -> dict[Rank, int]:
        """How many wait, by rank."""
        return {rank: sum(map(len, self._waiting[rank].values())) for rank in Rank}

    @property
    def is_empty(self) -> bool:
        """Whether nobody waits."""
        return not any(self._waiting)

    def ahead(self, ticket: Ticket) -> int:
        """How many of those that wait are before this one, as things are now."""
        before = sum(len(queue) for rank in range(ticket.rank) for queue in self._waiting[rank].values())
        namespaces = self._waiting[ticket.rank]
        place = namespaces[ticket.namespace].index(ticket)
        turns = place + 1  # of each namespace that comes before its own in a round
        for namespace, queue in namespaces.items():
            if namespace == ticket.namespace:
                turns = place
            before += place if namespace == ticket.namespace else min(len(queue), turns)
        return before

    def _begin(self, ticket: Ticket) -> None:
        self.begun.add(ticket)
        self.admitted += ticket.need

    def _fits(self, ticket: Ticket, room: float) -> bool:
        if not self.begun:
            return True
        return len(self.begun) < self.most and self.admitted + ticket.need <= room

    def _turn(self) -> Rank | None:
        """The rank whose turn it is: the first that waits, or the first that was passed too often."""
        waiting = [rank for rank in Rank if self._waiting[rank]]
        if not waiting:
            return None
        return next((rank for rank in waiting if self._passed[rank] >= IN_A_ROW), waiting[0])


class Pace:
    """How long those that were begun took of late, which says how long others will wait."""

    def __init__(self) -> None:
        self._mean = 0.0
        self._seen = 0

    def took(self, seconds: float) -> None:
        self._seen += 1
        self._mean += (seconds - self._mean) / min(self._seen, _WEIGHT)

    def wait(self, ahead: int, begun: int) -> float:
        """Seconds until one with `ahead` before it is begun, `begun` at a time; 0 where too little was seen."""
        return (ahead + 1) * self._mean / max(1, begun) if self._seen >= _WEIGHT else 0.0
