"""One request at a time for each sandbox, in a process that serves them all; implements `ports.SandboxLocks`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class LocksInProcess:
    """Requests for one container ID wait for each other, in the order they came."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[asyncio.Lock, int]] = {}
        self._turn, self._recording = asyncio.Lock(), 0
        self._open, self._quiet = asyncio.Event(), asyncio.Event()
        self._open.set()
        self._quiet.set()

    @asynccontextmanager
    async def hold(self, container_id: str) -> AsyncIterator[None]:
        lock, users = self._held.get(container_id, (asyncio.Lock(), 0))
        self._held[container_id] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            _, users = self._held[container_id]
            if users == 1:
                del self._held[container_id]
            else:
                self._held[container_id] = (lock, users - 1)

    def busy(self) -> set[str]:
        """The container IDs some request holds or waits for."""
        return set(self._held)

    @asynccontextmanager
    async def recording(self) -> AsyncIterator[None]:
        while not self._open.is_set():
            await self._open.wait()
        self._recording += 1
        self._quiet.clear()
        try:
            yield
        finally:
            self._recording -= 1
            if not self._recording:
                self._quiet.set()

    @asynccontextmanager
    async def standstill(self) -> AsyncIterator[None]:
        """Closed from now on, so those who come meanwhile cannot keep it from being reached."""
        async with self._turn:
            self._open.clear()
            try:
                await self._quiet.wait()
                yield
            finally:
                self._open.set()
