"""One request at a time for each sandbox, in a process that serves them all; implements `ports.SandboxLocks`."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from plurimus.cni.errors import ClusterError

ENDED = "a DEL of this sandbox came meanwhile and ended this request; what it had done is undone"


class LocksInProcess:
    """Requests for one container ID wait for each other, in the order they came."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[asyncio.Lock, int]] = {}
        self._can_end: dict[str, list[asyncio.Timeout]] = {}
        self._looks: Counter[str] = Counter()
        self._turn, self._recording = asyncio.Lock(), 0
        self._open, self._quiet = asyncio.Event(), asyncio.Event()
        self._open.set()
        self._quiet.set()

    @asynccontextmanager
    async def hold(
        self, container_id: str, *, can_end: bool = False, ends: bool = False, looks: bool = False
    ) -> AsyncIterator[None]:
        if ends:
            self._end(container_id)
        if looks:
            self._looks[container_id] += 1
            try:
                async with self._hold(container_id):
                    yield
            finally:
                self._looks[container_id] -= 1
                self._looks += Counter()  # which drops those that are none
            return
        if not can_end:
            async with self._hold(container_id):
                yield
            return
        with self._ended(container_id) as scope:
            async with scope, self._hold(container_id):
                yield

    def _end(self, container_id: str) -> None:
        for scope in self._can_end.pop(container_id, ()):
            scope.reschedule(0)  # which is over

    @contextmanager
    def _ended(self, container_id: str) -> Iterator[asyncio.Timeout]:
        """What makes the block end where it is inside of it."""
        scope = asyncio.timeout(None)
        scopes = self._can_end.setdefault(container_id, [])
        scopes.append(scope)
        try:
            yield scope
        except TimeoutError as error:
            if not scope.expired():
                raise
            ended = ClusterError(ENDED)
            for note in getattr(error.__cause__, "__notes__", ()):
                ended.add_note(note)
            raise ended from None
        finally:
            scopes.remove(scope)
            if not scopes and self._can_end.get(container_id) is scopes:
                del self._can_end[container_id]

    @asynccontextmanager
    async def _hold(self, container_id: str) -> AsyncIterator[None]:
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
        return {container_id for container_id, (_, users) in self._held.items() if users > self._looks[container_id]}

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
