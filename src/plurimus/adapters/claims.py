"""Devices of a pod's resource claims, asked of the API server; implements `ports.DeviceSource`.

Each claim is read, and the slices of each driver that has a device in it: first those of the pod's node, then, where
a device is in none of them, those that are bound to no node.  A pod without claims costs no request.

Spec section 5.4, with S48 fixed: pools that are not of one node are found, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from plurimus.adapters.apiserver import ApiServer
from plurimus.cni.errors import ClusterError
from plurimus.core import claims
from plurimus.core.claims import Pools
from plurimus.core.devices import Allocation
from plurimus.model.claim import PodClaim, ResourceClaim, ResourceSlice, Result
from plurimus.model.pod import Pod

BUDGET = 20.0
"""Seconds for all claims of a pod (spec section 5.4)."""
SLICES = "/apis/resource.k8s.io/v1/resourceslices"
_PAGE = "500"


class _ListMetadata(msgspec.Struct, frozen=True):
    more: str = msgspec.field(default="", name="continue")


class _Slices(msgspec.Struct, frozen=True):
    metadata: _ListMetadata = _ListMetadata()
    items: list[ResourceSlice] | None = None


class ClaimedDevices:
    """What the claims in the cluster behind `api` have; `budget` is in seconds, for all claims of a pod."""

    def __init__(self, api: ApiServer, *, budget: float = BUDGET) -> None:
        self._api = api
        self._budget = budget

    async def allocated(self, pod: Pod) -> Allocation:
        if not pod.claims:
            return Allocation()
        try:
            async with asyncio.timeout(self._budget):
                return await self._allocated(pod)
        except TimeoutError as error:
            raise ClusterError(
                f"the resource claims of pod {pod} could not be looked up in {self._budget:g} s; check the API server"
            ) from error

    async def _allocated(self, pod: Pod) -> Allocation:
        names = dict.fromkeys(claim.name for claim in pod.claims if claim.name)
        results = {"": [], **{name: await self._results(pod, name) for name in names}}
        for claim in pod.claims:
            _check_requests(pod, claim, results[claim.name])
        pools = await self._pools(pod, [result for each in results.values() for result in each])
        return claims.allocation(pod.namespace, [(claim, results[claim.name]) for claim in pod.claims], pools)

    async def _results(self, pod: Pod, name: str) -> Sequence[Result]:
        what = f"claim {pod.namespace}/{name} of pod {pod}"
        try:
            path = f"/apis/resource.k8s.io/v1/namespaces/{pod.namespace}/resourceclaims/{name}"
            claim = await self._api.get(path, ResourceClaim)
        except ClusterError as error:
            raise error.about(f"{what}: ") from None
        if claim is None:
            raise ClusterError(
                f"{what} does not exist; check that it was not deleted, and that the API server serves "
                "resource.k8s.io/v1, as it does from Kubernetes 1.34 on"
            )
        if not claim.results:
            raise ClusterError(f"{what} has no device allocation; check its status and the driver it asks for")
        return claim.results

    async def _pools(self, pod: Pod, results: Sequence[Result]) -> Pools:
        found: list[ResourceSlice] = []
        pools = Pools(())
        for driver in dict.fromkeys(result.driver for result in results):
            mine = [result for result in results if result.driver == driver]
            # those of other nodes are never asked for: of them a cluster may have many thousands
            for node in dict.fromkeys((pod.node, "")) if pod.node else (None,):
                found += await self._slices(pod, driver, node)
                pools = Pools(found)
                if all(pools.find(result) for result in mine):
                    break
        return pools

    async def _slices(self, pod: Pod, driver: str, node: str | None) -> list[ResourceSlice]:
        """A driver's slices of a node, of none (empty), or all."""
        bound = "" if node is None else f"spec.nodeName={node},"
        params = {"fieldSelector": f"{bound}spec.driver={driver}", "limit": _PAGE}
        found: list[ResourceSlice] = []
        try:
            while True:
                # of a server that does not know the kind there are none, and its claims were missed before
                page = await self._api.get(SLICES, _Slices, params) or _Slices()
                found += page.items or ()
                if not page.metadata.more:
                    return found
                params["continue"] = page.metadata.more
        except ClusterError as error:
            raise error.about(f"devices of driver {driver!r}, which pod {pod} has by claims: ") from None


def _check_requests(pod: Pod, claim: PodClaim, results: Sequence[Result]) -> None:
    """Each extended resource the claim stands for must have got a device."""
    requests = {result.request for result in results}
    for resource, use in claim.extended:
        if use.request not in requests:
            raise ClusterError(
                f"claim {pod.namespace}/{claim.name} of pod {pod} has no device for request {use.request!r}, which "
                f"stands for {resource!r} of container {use.container!r}; check the claim's status"
            )
