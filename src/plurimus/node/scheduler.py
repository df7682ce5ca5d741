"""When a request begins, and when an executable does: once there is memory for it, in the order of `core.schedule`.

A request waits once, before it has done anything.  It is begun when the largest of the executables it will start has
room beside those of all that were begun before.  Then each executable waits for what it needs itself, so a pod with
many networks has as many at a time as there is room for.  An executable waits for nothing while it runs, so those
that wait for one always get their turn.

A request that is not begun in time, or cannot be, is refused: the runtime tries again, and the node has not spent
anything on it.  Who gives up leaves the line.

Decision 27.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any, Self

import structlog

from plurimus.adapters.account import step
from plurimus.cni.errors import OverloadError
from plurimus.core import measured
from plurimus.core.needs import Needs
from plurimus.core.schedule import Line, Pace, Rank, Ticket

AT_ONCE = max(16, 4 * (os.cpu_count() or 1))
"""Executables that run at the same time, if there is memory: enough for those that wait for hardware; more of them
only wait for processors."""
MOST = 4 * AT_ONCE
"""Requests under way at the same time, unless `connectionLimit` says another number."""
OWN = 2**19
"""Bytes the daemon itself needs for a request under way."""
PATIENCE, RUN_PATIENCE = 90.0, 120.0
"""Seconds a request may wait, and then each of its executables: kubelet gives an ADD four minutes, a plugin may have
two, and refusing one earlier than need be costs a new sandbox."""
_LOOK = 0.5
"""Seconds until those that wait are looked at again, though nobody has ended: memory may be free for another reason."""
_WORTH_TELLING = 1.0
_MIB = 2**20
_rank: ContextVar[Rank] = ContextVar("rank", default=Rank.OTHER)
not_begun: ContextVar[Callable[[], None] | None] = ContextVar("not_begun", default=None)
"""What is called when an executable is refused, or given up, before it was begun."""
_log = structlog.get_logger(__name__)


def _unlimited() -> float:
    return float("inf")


class Scheduler:
    """`most` requests and `at_once` executables at a time; `room` is how many bytes all of them together may have."""

    def __init__(
        self,
        *,
        most: int | None = None,
        at_once: int = AT_ONCE,
        needs: Needs | None = None,
        room: Callable[[], float] = _unlimited,
        patience: float = PATIENCE,
    ) -> None:
        self.needs = needs or Needs()
        self.requests = Gate("requests", most or MOST, room, patience, is_first=True)
        self.runs = Gate("executables", at_once, room, RUN_PATIENCE)
        self._room = room

    def admit(self, rank: Rank, namespace: str, executables: Iterable[str]) -> Turn:
        """The turn of a request, which may start executables of these types: a context to carry it out in."""
        need = OWN + max(map(self.needs.of, executables), default=0)
        _rank.set(rank)
        return Turn(self.requests, Ticket(rank, namespace, need))

    def run(self, kind: str, verb: str) -> Turn:
        """The turn of one executable of a plugin type: a context to run it in.

        It has the rank of its request, where there is one; what undoes, and STATUS, which is short, has the first.
        """
        rank = Rank.DELETE if verb in ("DEL", "STATUS") else _rank.get()
        return Turn(self.runs, Ticket(rank, "", self.needs.of(kind), f"plugin {kind!r}"))

    def document(self) -> dict[str, Any]:
        """How things stand, for people."""
        return {
            **{gate.name: gate.document() for gate in self._gates},
            "neededBytes": {kind: self.needs.of(kind) for kind in sorted(self.needs.known)},
        }

    def show(self) -> None:
        """Have the metrics say how things stand, whenever they are asked for."""
        measured.LINE_WAITING.read_from(
            lambda: {(gate.name, rank.words): number for gate in self._gates
                     for rank, number in gate.line.waiting().items()}
        )  # fmt: skip
        measured.LINE_UNDER_WAY.read_from(lambda: {(gate.name,): len(gate.line.begun) for gate in self._gates})
        measured.LINE_BYTES.read_from(lambda: {(gate.name,): gate.line.admitted for gate in self._gates})
        measured.ROOM.read_from(self._room)
        measured.NEEDED.read_from(lambda: {(kind,): self.needs.of(kind) for kind in self.needs.known})

    @property
    def _gates(self) -> tuple[Gate, Gate]:
        return self.requests, self.runs


class Gate:
    """A line with a name, and those who wait in it for at most `patience` seconds.

    Where it `is_first`, to wait is a step of the request, and nobody is let wait who will not be begun by then, as the
    pace of late tells.
    """

    def __init__(
        self, name: str, most: int, room: Callable[[], float], patience: float, *, is_first: bool = False
    ) -> None:
        self.name = name
        self.line = Line(most)
        self.refused = 0
        """How many were, since the start."""
        self._pace = Pace() if is_first else None
        self._room = room
        self._patience = patience
        self._futures: dict[Ticket, asyncio.Future[None]] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def enter(self, ticket: Ticket) -> None:
        """Wait until it is begun.

        Raises:
            OverloadError: that takes too long; it is not in the line any more.
        """
        if self.line.join(ticket, self._room_now()):
            return
        loop = asyncio.get_running_loop()
        came, future = loop.time(), loop.create_future()
        self._futures[ticket] = future
        self._advance()
        try:
            self._refuse_hopeless(ticket)
            if self._pace is None:  # an executable's time to wait is its plugin's
                await self._until(future)
            else:
                with measured.REQUESTS_WAITING.raised(), step("admit"):
                    await self._until(future)
        except TimeoutError:
            if ticket not in self.line.begun:  # else it was begun in that very moment
                raise self._give_up(ticket, f"and was not begun within {self._patience:g} s") from None
        except BaseException:
            if ticket in self._futures or ticket in self.line.begun:
                self._leave(ticket)
            raise
        if (seconds := loop.time() - came) >= _WORTH_TELLING:
            _log.info("waited for its turn", seconds=round(seconds, 1), rank=ticket.rank.words, what=ticket.what)

    async def _until(self, begun: asyncio.Future[None]) -> None:
        async with asyncio.timeout(self._patience):
            await begun

    def leave(self, ticket: Ticket, seconds: float) -> None:
        """It has ended, `seconds` after it was begun."""
        if self._pace is not None:
            self._pace.took(seconds)
        self._leave(ticket)

    def document(self) -> dict[str, Any]:
        return {
            "underWay": len(self.line.begun),
            "admittedBytes": self.line.admitted,
            "waiting": {rank.words: number for rank, number in self.line.waiting().items()},
            "refused": self.refused,
        }

    def _refuse_hopeless(self, ticket: Ticket) -> None:
        if self._pace is None or ticket in self.line.begun:
            return
        seconds = self._pace.wait(self.line.ahead(ticket), len(self.line.begun))
        if seconds > self._patience:
            raise self._give_up(
                ticket, f"and would not be begun within {self._patience:g} s, but in about {seconds:.0f}"
            )

    def _give_up(self, ticket: Ticket, why: str) -> OverloadError:
        """What it is answered that leaves the line without having been begun."""
        line, room = self.line, self._room()
        free = "" if room == float("inf") else f" of {max(0, room) / _MIB:.0f}"
        told = (
            f"this node is overloaded: {ticket.what or 'the request'} is number {line.ahead(ticket) + 1} of "
            f"{sum(line.waiting().values())} that wait ({ticket.rank.words}) {why}; it waits for "
            f"{ticket.need / _MIB:.1f} MiB of memory while {len(line.begun)} of at most {line.most} are under way "
            f"with {line.admitted / _MIB:.1f}{free} MiB; try again later"
        )
        self.refused += 1
        measured.LINE_REFUSED.add(self.name, ticket.rank.words)
        self._leave(ticket)
        return OverloadError(told)

    def _leave(self, ticket: Ticket) -> None:
        self._futures.pop(ticket, None)
        self.line.leave(ticket)
        self._advance()

    def _advance(self) -> None:
        """Begin with whom there is room for."""
        if self.line.is_empty:
            return
        while (ticket := self.line.next(self._room_now())) is not None:
            future = self._futures.pop(ticket)
            if not future.done():  # else it is cancelled, and leaves when it comes to know
                future.set_result(None)
        if not self.line.is_empty and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_LOOK, self._look)

    def _look(self) -> None:
        self._timer = None
        self._advance()

    def _room_now(self) -> float:
        """Nobody is asked for what the first one would get anyway."""
        return self._room() if self.line.begun else 0.0


class Turn:
    """The time from where `ticket` is begun until it is given back, at the end of the context at the latest."""

    __slots__ = ("_began", "_gate", "_is_held", "_ticket")

    def __init__(self, gate: Gate, ticket: Ticket) -> None:
        self._gate, self._ticket = gate, ticket
        self._is_held, self._began = False, 0.0

    async def __aenter__(self) -> Self:
        try:
            await self._gate.enter(self._ticket)
        except BaseException:
            if told := not_begun.get():
                told()
            raise
        self._is_held, self._began = True, asyncio.get_running_loop().time()
        measured.LINE_ADMITTED.add(self._gate.name, self._ticket.rank.words)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.give_back()

    def give_back(self) -> None:
        """What is left to do needs no memory worth naming."""
        if self._is_held:
            self._is_held = False
            self._gate.leave(self._ticket, asyncio.get_running_loop().time() - self._began)
