"""whereabouts' objects in the API server; implements `ports.AddressPools`.

A pool is changed by a JSON patch that tests, for every address, what the change is made from: an address that is given
is nobody's, one that is given back is still whose it was.  So changes to different addresses do not stand in each
other's way, and none of ours goes through with one of whereabouts to the same address, nor the other way round, since
its patches test the version of the whole object.

Spec sections 4.3 and 4.4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from plurimus.adapters.apiserver import ApiError, ApiServer
from plurimus.core.addresspools import Overtaken
from plurimus.model.ippool import GROUP, VERSION, Allocation, Change, Pool, Reservation, Slice, SlicePool

_POOLS, _RESERVATIONS, _SLICES = "ippools", "overlappingrangeipreservations", "nodeslicepools"
_KINDS = {_POOLS: "IPPool", _RESERVATIONS: "OverlappingRangeIPReservation", _SLICES: "NodeSlicePool"}
_PATCH = "application/json-patch+json"
_MISSED = (409, 422)
"""What the API server answers where a test of a patch fails, or where the object changed under it."""

Operation = dict[str, Any]


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    uid: str = ""
    resource_version: str = ""


class _PoolSpec(msgspec.Struct, frozen=True):
    range: str
    allocations: dict[str, Allocation] = {}


class _Pool(msgspec.Struct, frozen=True):
    spec: _PoolSpec


class _ReservationSpec(msgspec.Struct, frozen=True):
    podref: str = ""
    ifname: str = ""


class _Reservation(msgspec.Struct, frozen=True):
    metadata: _Metadata
    spec: _ReservationSpec


class _SlicesSpec(msgspec.Struct, frozen=True, rename="camel"):
    range: str
    slice_size: str = ""


class _SlicesStatus(msgspec.Struct, frozen=True):
    allocations: list[Slice] | None = None


class _Slices(msgspec.Struct, frozen=True):
    metadata: _Metadata
    spec: _SlicesSpec
    status: _SlicesStatus = _SlicesStatus()


class ApiPools:
    """The objects in the API server `api`."""

    def __init__(self, api: ApiServer) -> None:
        self._api = api

    async def pool(self, namespace: str, name: str) -> Pool | None:
        found = await self._api.get(_path(_POOLS, namespace, name), _Pool)
        return None if found is None else Pool(found.spec.range, found.spec.allocations)

    async def create_pool(self, namespace: str, name: str, pool: Pool) -> None:
        spec = {"range": pool.range, "allocations": _plain(pool.allocations)}
        await self._create(_POOLS, namespace, name, {"spec": spec})

    async def change_pool(self, namespace: str, name: str, pool: Pool, changes: Sequence[Change]) -> None:
        same = {"op": "test", "path": "/spec/range", "value": pool.range}
        operations = [same, *(operation for change in changes for operation in _operations(change))]
        await self._patch(_POOLS, namespace, name, operations)

    async def reservation(self, namespace: str, name: str) -> Reservation | None:
        found = await self._api.get(_path(_RESERVATIONS, namespace, name), _Reservation)
        return None if found is None else Reservation(found.spec.podref, found.spec.ifname, found.metadata.uid)

    async def reserve(self, namespace: str, name: str, reservation: Reservation) -> None:
        spec = {"podref": reservation.podref, "ifname": reservation.ifname}
        await self._create(_RESERVATIONS, namespace, name, {"spec": spec})

    async def unreserve(self, namespace: str, name: str, reservation: Reservation) -> None:
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": reservation.uid}}
        try:
            await self._api.send("DELETE", _path(_RESERVATIONS, namespace, name), options)
        except ApiError as error:
            if error.status not in (404, 409):
                raise

    async def slices(self, namespace: str, name: str) -> SlicePool | None:
        found = await self._api.get(_path(_SLICES, namespace, name), _Slices)
        if found is None:
            return None
        slices = tuple(found.status.allocations or ())
        return SlicePool(found.spec.range, found.spec.slice_size, slices, found.metadata.resource_version)

    async def create_slices(self, namespace: str, name: str, pool: SlicePool) -> None:
        spec = {"range": pool.range, "sliceSize": pool.size}
        status = {"allocations": [_plain(each) for each in pool.slices]}
        await self._create(_SLICES, namespace, name, {"spec": spec, "status": status})

    async def claim_slice(self, namespace: str, name: str, pool: SlicePool, at: int, node: str) -> None:
        operations = [
            {"op": "test", "path": "/metadata/resourceVersion", "value": pool.version},
            {"op": "add", "path": f"/status/allocations/{at}/nodeName", "value": node},
        ]
        await self._patch(_SLICES, namespace, name, operations)

    async def _create(self, plural: str, namespace: str, name: str, rest: Mapping[str, Any]) -> None:
        metadata = {"name": name, "namespace": namespace}
        body = {"apiVersion": f"{GROUP}/{VERSION}", "kind": _KINDS[plural], "metadata": metadata, **rest}
        try:
            await self._api.send("POST", _path(plural, namespace), body)
        except ApiError as error:
            if error.reason == "AlreadyExists":
                raise Overtaken(error.msg) from error
            if error.status == 404:
                error.msg += (
                    f"; the cluster has no namespace {namespace!r}, or lacks whereabouts' kinds: apply their CRDs"
                )
            raise

    async def _patch(self, plural: str, namespace: str, name: str, operations: list[Operation]) -> None:
        try:
            await self._api.send("PATCH", _path(plural, namespace, name), operations, _PATCH)
        except ApiError as error:
            if error.status in _MISSED or error.status == 404:
                raise Overtaken(error.msg) from error
            raise


def _path(plural: str, namespace: str, name: str = "") -> str:
    parent = f"/apis/{GROUP}/{VERSION}/namespaces/{quote(namespace, safe='')}/{plural}"
    return f"{parent}/{quote(name, safe='')}" if name else parent


def _operations(change: Change) -> list[Operation]:
    """The tests of what an allocation was, then what becomes of it.

    A path that is not there passes a test for null.
    """
    path = f"/spec/allocations/{change.key}"
    if change.before is None:
        return [_test(path, None), {"op": "add", "path": path, "value": _plain(change.after)}]
    known = {"id": change.before.id, "podref": change.before.podref, "ifname": change.before.ifname or None}
    tests = [_test(f"{path}/{key}", value) for key, value in known.items() if value is not None]
    if change.after is None:
        return [*tests, {"op": "remove", "path": path}]
    return [*tests, {"op": "replace", "path": path, "value": _plain(change.after)}]


def _test(path: str, value: str | None) -> Operation:
    return {"op": "test", "path": path, "value": value}


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value)
