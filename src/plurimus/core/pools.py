"""What becomes of an IPPool: who gets which of its addresses, and what is given back.

A `Ledger` is the pool as it was read and what is decided about it since, for any number of requests; `changes` is what
has to be written for all of them.

An address belongs to the interface of a pod, whichever sandbox that has: one that is made anew gets the address the
pod already has, and only the sandbox that has it can give it back.

Spec sections 4.2, 4.4 and 4.5.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from itertools import islice

from plurimus.cni.errors import AttachmentError, ClusterError
from plurimus.core.ranges import Range
from plurimus.model import ippool
from plurimus.model.ippool import Address, Allocation, Change, Pool


@dataclass(frozen=True, slots=True)
class Held:
    """An address of a pool and whose it is; `key` is where the pool has it."""

    key: str
    address: Address
    allocation: Allocation


class Ledger:
    """Decisions about `pool`, which is called `name` in errors.

    Raises:
        ClusterError: the pool's range is none.
    """

    def __init__(self, pool: Pool, name: str) -> None:
        try:
            self._start = ippool.start(pool.range)
        except ValueError as error:
            raise ClusterError(f"IPPool {name}: spec.range: {error}") from error
        self._name = name
        self._read = pool.allocations
        self._now = dict(pool.allocations)
        self._taken = {number for key in self._now if (number := self._number(key)) is not None}

    def take(self, range_: Range, owner: Allocation, *, barred: Container[int] = (), skip: int = 0) -> Address:
        """The address `owner` has already, else the lowest free one, or the one `skip` places behind it.

        Addresses that are `barred` are not given; `owner` loses one of those.

        Raises:
            AttachmentError: there is none.
        """
        for held in self.of_pod(owner.podref, owner.ifname):
            if int(held.address) in barred:
                self._drop(held)
            else:
                self._now[held.key] = owner
                return held.address
        free = list(islice(self.free(range_, barred), skip + 1))
        if not free:
            raise AttachmentError(
                f"could not allocate an IP address in range {range_}: IPPool {self._name} has none left "
                f"({len(self._taken)} allocated); delete pods that need none, or make the range larger"
            )
        self._now[str(free[-1] - int(self._start))] = owner
        self._taken.add(free[-1])
        return range_.address(free[-1])

    def give_back(self, container_id: str, ifname: str) -> list[Held]:
        """Free what the interface of a sandbox has."""
        found = self.of_sandbox(container_id, ifname)
        for held in found:
            self._drop(held)
        return found

    def free(self, range_: Range, barred: Container[int] = ()) -> Iterable[int]:
        """The addresses of the range that nobody has and that are not `barred`, the lowest first."""
        least = int(self._start)
        return (n for n in range_.free(self._taken) if n not in barred and n >= least)

    def of_sandbox(self, container_id: str, ifname: str) -> list[Held]:
        """What the interface of a sandbox has."""
        return self.held(lambda allocation: (allocation.id, allocation.ifname) == (container_id, ifname))

    def of_pod(self, podref: str, ifname: str) -> list[Held]:
        """What the interface of a pod has, whichever sandbox that is of."""
        return self.held(lambda allocation: (allocation.podref, allocation.ifname) == (podref, ifname))

    def held(self, wanted: Callable[[Allocation], bool] = lambda _: True) -> list[Held]:
        """What is allocated and `wanted`; keys that are no number are nobody's address, and stay as they are."""
        found = ((key, self._number(key), allocation) for key, allocation in self._now.items() if wanted(allocation))
        return [Held(k, type(self._start)(number), allocation) for k, number, allocation in found if number is not None]

    def changes(self) -> list[Change]:
        """What differs from the pool as it was read."""
        keys = dict.fromkeys((*self._read, *self._now))
        changes = (Change(key, self._read.get(key), self._now.get(key)) for key in keys)
        return [change for change in changes if change.before != change.after]

    def _drop(self, held: Held) -> None:
        del self._now[held.key]
        self._taken.discard(int(held.address))

    def _number(self, key: str) -> int | None:
        """The address under a key, as a number."""
        if not key.removeprefix("-").isascii() or not key.removeprefix("-").isdigit() or len(key) > 40:
            return None
        number = int(self._start) + int(key)
        return number if 0 <= number < 1 << self._start.max_prefixlen else None
