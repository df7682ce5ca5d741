"""A server that says byte by byte what a test wants, and a pool of connections to it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from plurimus.adapters.apipool import Pool
from plurimus.adapters.apiserver import Identity

PLAIN = Identity({"Accept": "application/json"}, None)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Answer = Callable[["Peer"], Awaitable[None]]


class Peer:
    """The server's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def heard(self) -> bytes:
        """The head of a request, its body behind it."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        _, there, length = head.partition(b"Content-Length: ")
        return head + (await self.reader.readexactly(int(length.split(b"\r")[0])) if there else b"")

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def ended(self) -> None:
        """Until the client has closed."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(1024):
                pass


class Peers:
    """The connections there have been, in turn."""

    def __init__(self, answer: Answer) -> None:
        self.all: list[Peer] = []
        self.over: list[asyncio.Event] = []
        self.url = ""
        self._answer = answer

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer, over = Peer(reader, writer), asyncio.Event()
        self.all.append(peer)
        self.over.append(over)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await self._answer(peer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        over.set()


@asynccontextmanager
async def serving(answer: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[Peers, Pool]]:
    peers = Peers(answer)
    server = await asyncio.start_server(peers.serve, "127.0.0.1", 0, ssl=tls)
    peers.url = f"http{'s' if tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}/base"
    pool = Pool(peers.url)
    try:
        yield peers, pool
    finally:
        await pool.close()
        server.close()
        for over in peers.over:
            await over.wait()


async def always(peer: Peer) -> None:
    while True:
        await peer.heard()
        await peer.say(OK)


async def ask(pool: Pool, identity: Identity = PLAIN, target: str = "/x", method: str = "GET") -> bytes:
    head, body = await pool.ask(method, target, identity)
    assert head.status == 200
    return body
