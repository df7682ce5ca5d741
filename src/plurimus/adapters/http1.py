"""HTTP/1.1 as a client on one connection: one request after another, each with its answer.

Bytes are read as they come, and held back when nobody takes them.  What h11 and the transport raise becomes a
ConnectionError, or a ValueError for a request that cannot be written.

RFC 9110, RFC 9112.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import cast

import h11

_MOST_UNREAD = 2**20
"""Bytes nobody has asked for at which the sender must wait."""


@dataclass(frozen=True, slots=True)
class Head:
    """An answer's status and its headers, whose names are in lower case."""

    status: int
    headers: dict[bytes, bytes]

    def header(self, name: str) -> str:
        """Empty where there is none of that name."""
        return self.headers.get(name.encode(), b"").decode("latin-1")


class Connection(asyncio.Protocol):
    """The protocol of one connection; `gone` is told when it has ended, whoever ended it."""

    def __init__(self, gone: Callable[[Connection], None] | None = None) -> None:
        self._http = h11.Connection(h11.CLIENT)
        self._gone = gone
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._unread = 0
        self._over: OSError | None = None

    @property
    def open(self) -> bool:
        """Whether it may be asked, as far as this side knows."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def tls(self) -> ssl.SSLContext | None:
        """What its TLS was made with; None without TLS."""
        return cast("ssl.SSLContext | None", self._transport and self._transport.get_extra_info("sslcontext"))

    async def ask(self, method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes | None) -> Head:
        """Send a request; the head of its answer.

        Raises:
            OSError: there is none.
            ValueError: the request has characters that HTTP knows no way to send.
        """
        length = [] if body is None else [("Content-Length", str(len(body)))]
        try:
            request = self._http.send(h11.Request(method=method, target=target, headers=[*headers, *length])) or b""
            rest = self._http.send(h11.Data(data=body)) if body else None
            self._http.send(h11.EndOfMessage())
        except h11.LocalProtocolError as error:
            raise ValueError(f"the request cannot be sent: {error}") from error
        if self._transport is None or self._over is not None:
            raise self._over or ConnectionResetError("the connection was closed")
        self._transport.write(request + rest if rest else request)
        while not isinstance(event := await self._event(), h11.Response):
            pass  # one that only says that the answer is yet to come
        return Head(event.status_code, dict(event.headers))

    async def chunk(self) -> bytes:
        """The next piece of the answer's body; empty at its end.

        Raises:
            OSError: the rest does not come.
        """
        event = await self._event()
        return bytes(event.data) if isinstance(event, h11.Data) else b""

    async def body(self) -> bytes:
        """All of the answer's body that `chunk` has not given.

        Raises:
            OSError: the rest does not come.
        """
        pieces = []
        while piece := await self.chunk():
            pieces.append(piece)
        return b"".join(pieces)

    def renew(self) -> bool:
        """Be ready for the next request, if the last one's answer is whole and the server has not said that it ends."""
        if not self.open or self._http.trailing_data[0]:
            return False
        try:
            self._http.start_next_cycle()
        except h11.LocalProtocolError:
            return False
        self._take_more()
        return True

    def abort(self) -> None:
        """End it without a farewell, which would keep it for as long as the server takes to answer."""
        if self._transport is not None:
            self._transport.abort()

    async def _event(self) -> h11.Event | type[h11.PAUSED]:
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                raise self._over or ConnectionError(f"the answer is no HTTP: {error}") from error
            if event is not h11.NEED_DATA:
                return cast("h11.Event | type[h11.PAUSED]", event)
            if self._over is not None:
                raise self._over
            self._take_more()
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    def _take_more(self) -> None:
        if self._unread > _MOST_UNREAD and self._transport is not None:
            self._transport.resume_reading()
        self._unread = 0

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._http.our_state is h11.IDLE:
            self.abort()  # an answer to nothing
            return
        self._http.receive_data(data)
        held_back = self._unread > _MOST_UNREAD
        self._unread += len(data)
        if self._unread > _MOST_UNREAD and not held_back and self._transport is not None:
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self._http.receive_data(b"")  # the end of a body that has no length, too
        self._over = ConnectionResetError("the server closed the connection")
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._over is None:
            self._over = exc if isinstance(exc, OSError) else ConnectionAbortedError(str(exc or "the connection ended"))
        self._wake()
        if self._gone is not None:
            self._gone(self)
