"""Connections to one API server, kept for the next request; as many as there are requests at a time.

All requests may be sent twice, so one that meets the end of a connection which had been kept goes to another one.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from plurimus.adapters import apisocket
from plurimus.adapters.http1 import Connection, Head

if TYPE_CHECKING:
    from plurimus.adapters.apiserver import Identity

_MOST = 100
"""Requests at a time; watches do not count."""


class Pool:
    """Connections to `server`, a URL of which the path does not matter."""

    def __init__(self, server: str) -> None:
        place = urlsplit(server)
        self._host, self._port = place.hostname or "", place.port or (443 if place.scheme == "https" else 80)
        self._authority = place.netloc.rpartition("@")[2]
        self._slots = asyncio.Semaphore(_MOST)
        self._all: set[Connection] = set()
        self._idle: dict[Connection, asyncio.TimerHandle] = {}
        self._closed = False

    async def close(self) -> None:
        """End all connections, those too that wait for an answer, and keep none from now on."""
        self._closed = True
        for connection in self._all:
            connection.abort()
        await asyncio.sleep(0)  # in which they end

    async def ask(self, method: str, target: str, identity: Identity, body: bytes | None = None) -> tuple[Head, bytes]:
        """The answer, whole.

        Raises:
            OSError: there is none.
            ValueError: the request cannot be sent.
        """
        async with self._slots:
            connection, head = await self.begin(method, target, identity, body)
            try:
                return head, await connection.body()
            finally:
                self.release(connection)

    async def begin(
        self, method: str, target: str, identity: Identity, body: bytes | None = None
    ) -> tuple[Connection, Head]:
        """A connection with an answer of which the head has come; to be given to `release` when that has been read.

        Raises:
            OSError: there is none.
            ValueError: the request cannot be sent.
        """
        headers = [("Host", self._authority), *identity.headers.items()]
        kept = self._kept(identity.tls)
        if kept is not None:
            try:
                return kept, await kept.ask(method, target, headers, body)
            except OSError:
                kept.abort()
                if self._closed:
                    raise
                for other in self._idle:  # they are as old, and each would take as long to be found dead
                    other.abort()
            except BaseException:
                kept.abort()
                raise
        connection = await self._connect(identity.tls, identity.server_name)
        try:
            return connection, await connection.ask(method, target, headers, body)
        except BaseException:
            connection.abort()
            raise

    def release(self, connection: Connection) -> None:
        """Keep the connection, or end it where its answer is not whole."""
        if connection.renew() and not self._closed:
            self._idle[connection] = asyncio.get_running_loop().call_later(apisocket.IDLE, connection.abort)
        else:
            connection.abort()

    def _kept(self, tls: ssl.SSLContext | None) -> Connection | None:
        """The connection that was used last; those of an identity that is not the current one any more are ended."""
        while self._idle:
            connection, timer = self._idle.popitem()
            timer.cancel()
            if connection.open and connection.tls is tls:
                return connection
            connection.abort()
        return None

    async def _connect(self, tls: ssl.SSLContext | None, server_name: str) -> Connection:
        socket = await apisocket.connect(self._host, self._port)
        name = (server_name or self._host) if tls else None
        loop = asyncio.get_running_loop()
        connection = Connection(self._gone)
        self._all.add(connection)  # before it can end
        try:
            await loop.create_connection(lambda: connection, sock=socket, ssl=tls, server_hostname=name)
        except BaseException:
            self._all.discard(connection)
            connection.abort()  # or the loop, which may say farewell to the server first, watches what is closed below
            socket.close()
            raise
        return connection

    def _gone(self, connection: Connection) -> None:
        self._all.discard(connection)
        timer = self._idle.pop(connection, None)
        if timer is not None:
            timer.cancel()
