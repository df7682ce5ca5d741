"""What the whereabouts driver needs from the world, as a protocol like those of `core.ports`.

`adapters.ippools` implements it on the cluster's objects, `adapters.poolfiles` on what a node has of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from plurimus.cni.errors import ClusterError
from plurimus.model.ippool import Change, Pool, Reservation, SlicePool


class Overtaken(ClusterError):
    """Somebody else changed the object first: it is to be read again."""


class AddressPools(Protocol):
    """Where whereabouts' objects are (`model.ippool`), by namespace and name."""

    async def pool(self, namespace: str, name: str) -> Pool | None:
        """The pool, or None when there is none."""

    async def create_pool(self, namespace: str, name: str, pool: Pool) -> None:
        """Have a new pool.  Raises Overtaken where there is one."""

    async def change_pool(self, namespace: str, name: str, pool: Pool, changes: Sequence[Change]) -> None:
        """Make `changes` to the pool that was read as `pool`, all or none.

        Raises Overtaken where what they are made from is not so any more.
        """

    async def reservation(self, namespace: str, name: str) -> Reservation | None:
        """The reservation, or None when there is none."""

    async def reserve(self, namespace: str, name: str, reservation: Reservation) -> None:
        """Have a new reservation.  Raises Overtaken where there is one."""

    async def unreserve(self, namespace: str, name: str, reservation: Reservation) -> None:
        """Remove that very reservation; one that is gone, or another's by now, is fine."""

    async def slices(self, namespace: str, name: str) -> SlicePool | None:
        """The slices, or None when there are none."""

    async def create_slices(self, namespace: str, name: str, pool: SlicePool) -> None:
        """Have new slices.  Raises Overtaken where there are some."""

    async def claim_slice(self, namespace: str, name: str, pool: SlicePool, at: int, node: str) -> None:
        """Give the slice at `at` to a node.  Raises Overtaken where the pool is not what was read any more."""
