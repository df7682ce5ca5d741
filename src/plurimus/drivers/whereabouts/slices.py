"""Which part of a range this node allocates from, where whereabouts divides ranges among nodes.

A controller of whereabouts gives slices to nodes.  Where it does not run, or has not yet seen a node, the node takes a
free one itself, and makes the object where there is none, as the controller would: so the cost of an address does not
grow with the cluster, and the controller finds what it would have made.

Spec section 4.7.
"""

from __future__ import annotations

import asyncio
from itertools import islice

from plurimus.cni.errors import ClusterError, PlurimusError
from plurimus.core import slices
from plurimus.core.addresspools import AddressPools, Overtaken
from plurimus.core.whereabouts import Settings
from plurimus.drivers.whereabouts.pool import PATIENCE, alike, behind, pause
from plurimus.model.ippool import Network, SlicePool


class Claims:
    """Requests of this daemon that want a node's slice at the same time ask once."""

    def __init__(self) -> None:
        self._asked: dict[tuple[str, str], asyncio.Task[Network]] = {}

    async def claimed(self, nodes: NodeSlices, node: str) -> Network:
        """`nodes.claimed(node)`."""
        key = (nodes.key, node)
        if key not in self._asked:
            self._asked[key] = asyncio.create_task(nodes.claimed(node))
            self._asked[key].add_done_callback(lambda asked: self._forget(key, asked))
        try:
            return await asyncio.shield(self._asked[key])
        except PlurimusError as error:
            raise alike(error) from error

    def _forget(self, key: tuple[str, str], asked: asyncio.Task[Network]) -> None:
        del self._asked[key]
        if not asked.cancelled():
            asked.exception()  # whoever waited has it


class NodeSlices:
    """The slices of the first range of `settings`."""

    def __init__(self, store: AddressPools, namespace: str, settings: Settings) -> None:
        self._store, self._namespace, self._settings = store, namespace, settings
        self._name = settings.network_name or settings.network
        self._range = settings.ranges[0]
        self.key = f"{namespace}/{self._name} {self._range!r} {settings.slice_size}"
        """The same for all that would do the same."""

    def __str__(self) -> str:
        return f"NodeSlicePool {self._namespace}/{self._name}"

    async def find(self, node: str) -> Network | None:
        """The slice of `node`; None where it has none.

        Raises:
            ClusterError: the slices cannot be read, or are of another range.
        """
        pool = await self._store.slices(self._namespace, self._name)
        return self._part(pool, node) if pool else None

    async def claimed(self, node: str) -> Network:
        """The slice of `node`, which takes one where it has none.

        Raises:
            ClusterError: as `find`, or there is none left.
        """
        deadline = asyncio.get_running_loop().time() + PATIENCE
        lost = 0
        while True:
            pool = await self._store.slices(self._namespace, self._name)
            if pool is not None and (part := self._part(pool, node)) is not None:
                return part
            try:
                await self._claim(pool, node, lost)
            except Overtaken as error:
                lost += 1
                if asyncio.get_running_loop().time() > deadline:
                    raise ClusterError(f"{self}: others were first for {PATIENCE:g} s: {error}") from error
                await pause(lost)

    async def _claim(self, pool: SlicePool | None, node: str, lost: int) -> None:
        """One step on the way to a slice.

        Raises:
            Overtaken: somebody else was quicker.
        """
        settings = self._settings
        if pool is None:
            made = slices.divided(self._range.network, settings.slice_size, settings.slice_length)
            await self._store.create_slices(self._namespace, self._name, made)
            return
        unclaimed = slices.unclaimed(pool, self._range, point_to_point=settings.point_to_point)
        nearest = list(islice(unclaimed, behind(lost) + 1))
        if not nearest:
            raise ClusterError(
                f"{self} has no slice left for node {node!r}: of its {len(pool.slices)}, none with usable addresses is "
                'free; free those of nodes that are gone (nodeName ""), or make the range larger or the slices smaller'
            )
        await self._store.claim_slice(self._namespace, self._name, pool, nearest[-1], node)

    def _part(self, pool: SlicePool, node: str) -> Network | None:
        """The node's slice.

        Raises:
            ClusterError: it is no part of the range, or all slices are of another one.
        """
        if pool.range != str(self._range.network):
            raise ClusterError(
                f"{self} divides {pool.range}, and the configuration's range is {self._range.network}; wait until "
                "whereabouts' controller has divided it anew, or, where none runs, delete the object once no pod has "
                "an address of it"
            )
        try:
            part = slices.of_node(pool, node)
            if part is not None:
                self._range.within(part, point_to_point=self._settings.point_to_point)
        except ValueError as error:
            raise ClusterError(f"{self}: the slice of node {node!r}: {error}") from error
        return part
