"""whereabouts' objects in files, where a folder of manifests is the cluster; implements `ports.AddressPools`.

`<folder>/<plural>/<namespace>.<name>.json` has what the API server would have of one object.  One change at a time, by
whichever process: all of them lock `<folder>/.lock`.  An allocation is on the disk before its address is used.

Design: "Two clusters behind one port"; spec section 4.3.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from plurimus.adapters import files
from plurimus.cni.errors import ClusterError
from plurimus.core.addresspools import Overtaken
from plurimus.model.ippool import Allocation, Change, Pool, Reservation, Slice, SlicePool

_PAUSE, _PATIENCE = 0.005, 10.0
"""Seconds between two tries to get the lock, and until that is given up."""
_NAME = re.compile(r"\w[-\w.]*")
"""More than the API server takes, for nodes' names out of files, but nothing that leads to another folder."""
T = TypeVar("T")


class _Pool(msgspec.Struct, frozen=True):
    range: str
    allocations: dict[str, Allocation] = {}


class _Slices(msgspec.Struct, frozen=True, rename="camel"):
    range: str
    slice_size: str
    allocations: list[Slice] = []


class PoolFiles:
    """The objects in `folder`, which is made when something is written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def pool(self, namespace: str, name: str) -> Pool | None:
        found = self._read(self._path("ippools", namespace, name), _Pool)
        return None if found is None else Pool(found.range, found.allocations)

    async def create_pool(self, namespace: str, name: str, pool: Pool) -> None:
        await self._create(self._path("ippools", namespace, name), _Pool(pool.range, dict(pool.allocations)))

    async def change_pool(self, namespace: str, name: str, pool: Pool, changes: Sequence[Change]) -> None:
        path = self._path("ippools", namespace, name)
        async with self._locked():
            found = self._read(path, _Pool)
            if found is None or found.range != pool.range:
                raise Overtaken(f"{path} is not the pool any more that was read")
            now = dict(found.allocations)
            for change in changes:
                if now.pop(change.key, None) != change.before:
                    raise Overtaken(f"{path}: address {change.key} is another's by now")
                if change.after is not None:
                    now[change.key] = change.after
            await self._write(path, _Pool(found.range, now))

    async def reservation(self, namespace: str, name: str) -> Reservation | None:
        return self._read(self._path("overlappingrangeipreservations", namespace, name), Reservation)

    async def reserve(self, namespace: str, name: str, reservation: Reservation) -> None:
        path = self._path("overlappingrangeipreservations", namespace, name)
        await self._create(path, Reservation(reservation.podref, reservation.ifname, os.urandom(8).hex()))

    async def unreserve(self, namespace: str, name: str, reservation: Reservation) -> None:
        path = self._path("overlappingrangeipreservations", namespace, name)
        async with self._locked():
            found = self._read(path, Reservation)
            if found is None or found.uid == reservation.uid:
                files.remove(path)

    async def slices(self, namespace: str, name: str) -> SlicePool | None:
        found = self._read(self._path("nodeslicepools", namespace, name), _Slices)
        return None if found is None else SlicePool(found.range, found.slice_size, tuple(found.allocations))

    async def create_slices(self, namespace: str, name: str, pool: SlicePool) -> None:
        await self._create(
            self._path("nodeslicepools", namespace, name), _Slices(pool.range, pool.size, [*pool.slices])
        )

    async def claim_slice(self, namespace: str, name: str, pool: SlicePool, at: int, node: str) -> None:
        path = self._path("nodeslicepools", namespace, name)
        async with self._locked():
            if await self.slices(namespace, name) != pool:
                raise Overtaken(f"{path} is not what was read any more")
            slices = [*pool.slices]
            slices[at] = Slice(slices[at].range, node)
            await self._write(path, _Slices(pool.range, pool.size, slices))

    async def _create(self, path: Path, content: object) -> None:
        async with self._locked():
            if path.exists():
                raise Overtaken(f"{path} is there already")
            await self._write(path, content)

    def _read(self, path: Path, into: type[T]) -> T | None:
        try:
            return msgspec.json.decode(path.read_bytes(), type=into)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise files.io_error(path, "read", error) from error
        except msgspec.DecodeError as error:
            raise ClusterError(f"{path}: {error}; remove the file if no pod has an address of it") from error

    async def _write(self, path: Path, content: object) -> None:
        text = msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"
        await _finished(lambda: files.replace(path, text, durable=True))

    @asynccontextmanager
    async def _locked(self) -> AsyncIterator[None]:
        files.make_folder(self._folder)
        path = self._folder / ".lock"
        deadline = asyncio.get_running_loop().time() + _PATIENCE
        while (taken := files.lock(path)) is None:
            if asyncio.get_running_loop().time() > deadline:
                raise ClusterError(f"{path} is locked by another process for more than {_PATIENCE:g} s")
            await asyncio.sleep(_PAUSE)
        try:
            yield
        finally:
            os.close(taken)

    def _path(self, plural: str, namespace: str, name: str) -> Path:
        if not _NAME.fullmatch(namespace) or not _NAME.fullmatch(name):
            raise ClusterError(f"{namespace!r} and {name!r} are no names of a namespace and of an object")
        return self._folder / plural / f"{namespace}.{name}.json"


async def _finished(work: Callable[[], Any]) -> None:
    """Have a thread do it; a caller that is cancelled holds its lock until it is done."""
    running = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
