"""What stands between a client and a server, and can be told to be slow, to be silent and to break."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

_PIECE = 4096
_PATIENCE = 30.0


class Proxy:
    """Forwards TCP connections to a port of loopback; `url` is where it listens.

    `delay` is how many seconds the server's bytes take.  While `refusing`, new connections are closed at once.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self.url = ""
        self.delay = 0.0
        self.refusing = False
        self.connections = 0
        """How many were made so far."""
        self._left: int | None = None
        self._was_cut = asyncio.Event()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    @asynccontextmanager
    async def to(cls, port: int) -> AsyncIterator[Self]:
        """A proxy that listens."""
        proxy = cls(port)
        server = await asyncio.start_server(proxy._accept, "127.0.0.1", 0)
        # the name is that of the certificate
        proxy.url = f"https://localhost:{server.sockets[0].getsockname()[1]}"
        try:
            yield proxy
        finally:
            server.close()
            proxy.cut()
            for task in proxy._tasks:
                task.cancel()
            await asyncio.gather(*proxy._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Break every connection there is."""
        for writer in self._open:
            writer.transport.abort()
        self._was_cut.set()

    def cut_after(self, size: int) -> None:
        """Break every connection once the servers have sent so many bytes more."""
        self._left = size
        self._was_cut.clear()

    async def was_cut(self) -> None:
        """Wait until what `cut_after` said has come to pass."""
        await asyncio.wait_for(self._was_cut.wait(), _PATIENCE)

    def hold(self) -> None:
        """Forward nothing; nobody is told."""
        self._flowing.clear()

    def go_on(self) -> None:
        self._flowing.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.refusing:
            writer.transport.abort()
            return
        try:
            upstream_reader, upstream = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, upstream}
        for source, sink, answers in ((reader, upstream, False), (upstream_reader, writer, True)):
            task = asyncio.create_task(self._forward(source, sink, answers=answers))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _forward(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, answers: bool) -> None:
        """Until one end closes; what was sent comes in order, each piece as long after it was sent as it has to."""
        loop = asyncio.get_running_loop()
        on_the_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._arrive(on_the_way, sink, answers=answers))
            piece = b"."
            while piece:
                try:
                    piece = await source.read(_PIECE)
                except OSError:
                    piece = b""
                on_the_way.put_nowait((loop.time() + (self.delay if answers else 0.0), piece))

    async def _arrive(
        self, on_the_way: asyncio.Queue[tuple[float, bytes]], sink: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while True:
                due, piece = await on_the_way.get()
                await asyncio.sleep(due - asyncio.get_running_loop().time())
                await self._flowing.wait()
                if not piece:
                    break
                sink.write(self._counted(piece) if answers else piece)
                await sink.drain()
        self._open.discard(sink)
        sink.close()

    def _counted(self, piece: bytes) -> bytes:
        if self._left is None:
            return piece
        piece, self._left = piece[: self._left], self._left - len(piece)
        if self._left <= 0:
            self._left = None
            asyncio.get_running_loop().call_soon(self.cut)
        return piece
