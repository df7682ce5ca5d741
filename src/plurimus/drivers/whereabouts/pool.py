"""One pool of whereabouts: requests of this daemon to it are carried out together.

Whatever waits when a round begins is one patch, so interfaces and pods of this node never stand in each other's way.
Where another node, or whereabouts itself, changed the same addresses first, the round is made again, after a random
pause that grows; addresses are then taken from a little behind the lowest, so that many nodes do not all want the same.

The order of writes leaves nothing behind that nobody gives back, wherever it ends: an address has its allocation before
it has its reservation, and loses it after.

Spec sections 4.4 and 4.5.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

import structlog

from plurimus.cni.errors import AttachmentError, ClusterError, PlurimusError
from plurimus.core.addresspools import AddressPools, Overtaken
from plurimus.core.pools import Held, Ledger
from plurimus.core.ranges import Range
from plurimus.model import ippool
from plurimus.model.ippool import Address, Allocation, Network, Pool, Reservation

PATIENCE = 60.0
"""Seconds a request may take, rounds that others overtook included."""
_FIRST_PAUSE, _MOST_PAUSE = 0.02, 1.0
_MOST_SPREAD = 64
_PROBED = 64
T = TypeVar("T")
_log = structlog.get_logger(__name__)


@dataclass(eq=False, slots=True)
class _Take:
    """`barred` are addresses that other pools' pods turned out to have."""

    range: Range
    owner: Allocation
    unique: bool
    done: asyncio.Future[Address]
    deadline: float
    barred: set[int] = field(default_factory=set)


@dataclass(eq=False, slots=True)
class _Return:
    """`lifted` is what lost its reservation already."""

    container_id: str
    ifname: str
    done: asyncio.Future[None]
    deadline: float
    lifted: list[Held] = field(default_factory=list)


class PoolQueue:
    """The pool of `network`, or with `node` of that node's slice, in `store`."""

    def __init__(self, store: AddressPools, namespace: str, network: Network, network_name: str, node: str) -> None:
        self._store, self._namespace = store, namespace
        self._network, self._network_name = network, network_name
        self._name = ippool.pool_name(network, network_name, node)
        self._waiting: list[_Take | _Return] = []
        self._working: asyncio.Task[None] | None = None

    def __str__(self) -> str:
        return f"{self._namespace}/{self._name}"

    async def take(self, range_: Range, owner: Allocation, *, unique: bool) -> Address:
        """An address of the range for `owner`: the one it has, or a free one; `unique` among all pools.

        Raises:
            AttachmentError: there is none.
            ClusterError: the pool cannot be read or written.
        """
        loop = asyncio.get_running_loop()
        request = _Take(range_, owner, unique, loop.create_future(), loop.time() + PATIENCE)
        return await self._answered(request, request.done)

    async def give_back(self, container_id: str, ifname: str) -> None:
        """Free what the interface of a sandbox has; nothing is fine.

        Raises:
            ClusterError: the pool cannot be read or written.
        """
        loop = asyncio.get_running_loop()
        request = _Return(container_id, ifname, loop.create_future(), loop.time() + PATIENCE)
        await self._answered(request, request.done)

    async def ledger(self) -> Ledger | None:
        """The pool as it is now; None where there is none."""
        pool = await self._store.pool(self._namespace, self._name)
        return None if pool is None else Ledger(pool, str(self))

    async def reservation_of(self, address: Address) -> Reservation | None:
        """Who has an address among all pools."""
        return await self._store.reservation(self._namespace, self._reservation(address))

    async def _answered(self, request: _Take | _Return, done: asyncio.Future[T]) -> T:
        self._waiting.append(request)
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work())
        return await done

    async def _work(self) -> None:
        """Rounds, until nobody waits."""
        todo: list[_Take | _Return] = []
        lost = 0
        last = ""
        while todo := [request for request in (*todo, *self._waiting) if not request.done.done()]:
            self._waiting = []
            self._expire(todo, last)
            try:
                await self._round(todo, lost)
                lost = 0
            except Overtaken as error:
                lost, last = lost + 1, error.msg
                await pause(lost)
            except PlurimusError as error:
                for request in todo:
                    _fail(request, error)
            except Exception as error:  # noqa: BLE001 - a fault of ours shall not keep requests waiting for ever
                _log.exception("a round failed for a reason nobody foresaw", pool=str(self))
                for request in todo:
                    _fail(request, AttachmentError(f"IPPool {self}: internal error: {error!r}"))

    def _expire(self, requests: Sequence[_Take | _Return], last: str) -> None:
        now = asyncio.get_running_loop().time()
        for request in requests:
            if now > request.deadline:
                _fail(request, ClusterError(f"IPPool {self}: others were first for {PATIENCE:g} s: {last}"))

    async def _round(self, requests: Sequence[_Take | _Return], lost: int) -> None:
        """Carry out what can be; a request that is not done after it comes again.

        Raises:
            Overtaken: nothing was written.
        """
        takes = [each for each in requests if isinstance(each, _Take) and not each.done.done()]
        returns = [each for each in requests if isinstance(each, _Return) and not each.done.done()]
        pool = await self._store.pool(self._namespace, self._name)
        if pool is None:
            _succeed(returns)
            if not takes:
                return
            pool = Pool(str(self._network))
            await self._store.create_pool(self._namespace, self._name, pool)
        ledger = Ledger(pool, str(self))
        await asyncio.gather(*(self._lift(request, ledger) for request in returns))
        returns = [request for request in returns if not request.done.done()]
        for request in returns:
            ledger.give_back(request.container_id, request.ifname)
        given, refused = await self._choose(takes, ledger, lost)
        if changes := ledger.changes():
            await self._store.change_pool(self._namespace, self._name, pool, changes)
        _succeed(returns)
        for take, error in refused:
            _fail(take, error)
        await asyncio.gather(*(self._reserve(take, address) for take, address in given))

    async def _choose(
        self, takes: Sequence[_Take], ledger: Ledger, lost: int
    ) -> tuple[list[tuple[_Take, Address]], list[tuple[_Take, PlurimusError]]]:
        """An address for each, or why there is none."""
        skip = behind(lost) * len(takes)  # a run of addresses for all of them, so that few overlap with another node's
        given: list[tuple[_Take, Address]] = []
        refused: list[tuple[_Take, PlurimusError]] = []
        for take in takes:
            try:
                if take.barred:
                    await self._probe(take, ledger)
                given.append((take, ledger.take(take.range, take.owner, barred=take.barred, skip=skip)))
            except PlurimusError as error:
                refused.append((take, error))
        return given, refused

    async def _probe(self, take: _Take, ledger: Ledger) -> None:
        """Bar what pods of other pools have, up to a free address: where there was one, there are more."""
        number = 2
        while candidates := list(islice(ledger.free(take.range, take.barred), number)):
            others = await asyncio.gather(*(self._others(take, each) for each in candidates))
            take.barred.update(each for each, other in zip(candidates, others, strict=True) if other)
            if not all(others):
                return
            number = min(2 * number, _PROBED)

    async def _others(self, take: _Take, number: int) -> bool:
        found = await self.reservation_of(take.range.address(number))
        return found is not None and not owns(take.owner, found)

    async def _reserve(self, take: _Take, address: Address) -> None:
        """Have the address for `take` alone among all pools, and give it; else bar it, for the next round."""
        mine = Reservation(take.owner.podref, take.owner.ifname)
        name = self._reservation(address)
        try:
            while take.unique:
                try:
                    await self._store.reserve(self._namespace, name, mine)
                except Overtaken:
                    found = await self._store.reservation(self._namespace, name)
                    if found is None:
                        continue
                    if not owns(take.owner, found):
                        take.barred.add(int(address))
                        return
                break
        except PlurimusError as error:
            _fail(take, error)
        else:
            if not take.done.done():
                take.done.set_result(address)

    async def _lift(self, request: _Return, ledger: Ledger) -> None:
        """Remove the reservations of what is given back, those of its owner alone."""
        try:
            current = ledger.of_sandbox(request.container_id, request.ifname)
            for held in current:
                found = await self.reservation_of(held.address)
                if found is not None and owns(held.allocation, found):
                    await self._store.unreserve(self._namespace, self._reservation(held.address), found)
                    request.lifted.append(held)
            for held in request.lifted:
                if held not in current:
                    await self._restore(held, ledger)
        except PlurimusError as error:
            _fail(request, error)

    async def _restore(self, held: Held, ledger: Ledger) -> None:
        """Reserve an address again which the pod's next sandbox took over, after we lifted its reservation."""
        pod, ifname = held.allocation.podref, held.allocation.ifname
        if held.address in (other.address for other in ledger.of_pod(pod, ifname)):
            with contextlib.suppress(Overtaken):
                name = self._reservation(held.address)
                await self._store.reserve(self._namespace, name, Reservation(pod, ifname))

    def _reservation(self, address: Address) -> str:
        return ippool.reservation_name(address, self._network_name)


def owns(owner: Allocation, reservation: Reservation) -> bool:
    """Whether a reservation is of that pod's interface; old ones do not say of which."""
    return reservation.podref == owner.podref and reservation.ifname in (owner.ifname, "")


def alike(error: PlurimusError) -> PlurimusError:
    """An error for one of several requests: each puts its own pod in front."""
    kind = AttachmentError if isinstance(error, AttachmentError) else ClusterError
    return kind(error.msg, details=error.details, code=error.code)


async def pause(lost: int) -> None:
    """Wait for a random time, the longer the more rounds were lost."""
    await asyncio.sleep(random.uniform(0, min(_FIRST_PAUSE * 2 ** min(lost, 10), _MOST_PAUSE)))


def behind(lost: int) -> int:
    """Which of the lowest ones to take, after so many rounds were lost: 0 for the lowest itself."""
    return random.randrange(min(2 ** min(lost, 10), _MOST_SPREAD))


def _succeed(returns: Sequence[_Return]) -> None:
    for request in returns:
        if not request.done.done():
            request.done.set_result(None)


def _fail(request: _Take | _Return, error: PlurimusError) -> None:
    if not request.done.done():
        request.done.set_exception(alike(error))
