"""HTTP/1.1 as a server on one connection: a request that is whole goes to a handler, and its answer is the last word.

Everything has its bound: the length of a head (h11's) and of a body, the time a request takes to come and an answer
to go.

RFC 9110, RFC 9112; spec section 7.1.
"""

from __future__ import annotations

import asyncio
import select
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import cast

import h11
import structlog

from plurimus.node.message import MOST_BODY, Answer, text

_UNDER_WAY = 30.0
"""Seconds for one request to come, and for one answer to go."""
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
"""To who asks for it (RFC 9110, section 10.1.1): the request has come to somebody who reads it."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request; its headers' names are in lower case, its body is None where that is longer than allowed.

    `gone` is done once nobody waits for the answer any more.
    """

    method: str
    path: str
    headers: dict[bytes, bytes]
    body: bytes | None
    gone: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


Handle = Callable[[Asked], Awaitable[Answer]]


class Connection(asyncio.Protocol):
    """One connection, in `open_ones` as long as it is there; `under_way` is seconds, `most_body` bytes.

    A unix socket may be `for_root` only.

    What a request that is served makes of it that its client has gone is the handler's to say.
    """

    def __init__(
        self,
        handle: Handle,
        open_ones: set[Connection],
        *,
        under_way: float = _UNDER_WAY,
        for_root: bool = True,
        most_body: int = MOST_BODY,
    ) -> None:
        self.since = asyncio.get_running_loop().time()
        self._handle = handle
        self._for_root = for_root
        self._most_body = most_body
        self._open_ones = open_ones
        self._under_way = under_way
        self._http = h11.Connection(h11.SERVER)
        self._head: h11.Request | None = None
        self._body = bytearray()
        self._length = 0
        self._serving: asyncio.Task[None] | None = None
        self._asked: Asked | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._open_ones.add(self)
        self._within(self._under_way)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open_ones.discard(self)
        self._in_time()
        self._leave()

    def end_if_idle(self) -> None:
        """Close it, unless a request or an answer is on its way."""
        if self._serving is None and self._head is None and not self._http.trailing_data[0]:
            self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._http.receive_data(data)
        if self._serving is None:
            self._advance()
        else:
            self._transport.pause_reading()  # what comes behind a request is not for us, and not to pile up

    def eof_received(self) -> bool:
        self._http.receive_data(b"")
        if self._serving is None:
            self._advance()
        if self._has_closed():
            self._leave()
        return True  # who has said all may still listen

    def _has_closed(self) -> bool:
        """Whether the other end is closed as a whole, as it is when its process has ended; half of it may be."""
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), 0)
        return bool(poll.poll(0))  # POLLHUP comes unasked

    def _leave(self) -> None:
        if self._asked is not None and not self._asked.gone.done():
            self._asked.gone.set_result(None)

    def _advance(self) -> None:
        """Take what has come; begin with a request that is whole."""
        try:
            while self._serving is None and self._take(self._http.next_event()):
                pass
        except h11.RemoteProtocolError as error:
            self._answer(text(error.error_status_hint, f"{error}\n"))

    def _take(self, event: object) -> bool:
        """Whether to look for the next event."""
        if isinstance(event, h11.Request):
            self._head, self._body, self._length = event, bytearray(), 0
            self._within(self._under_way)
            if self._for_root and not self._is_root():
                return False
            if self._http.they_are_waiting_for_100_continue:
                self._transport.write(_CONTINUE)
            return True
        if isinstance(event, h11.Data):
            self._length += len(event.data)
            if self._length > self._most_body:
                self._body.clear()  # what is left is read all the same: only then would a client listen
            else:
                self._body += event.data
            return True
        if isinstance(event, h11.EndOfMessage):
            self._in_time()
            self._serving = asyncio.get_running_loop().create_task(self._serve())
        elif isinstance(event, h11.ConnectionClosed):
            self._transport.close()
        return False

    def _is_root(self) -> bool:
        """The socket's mode keeps others out; its peer's user ID is asked all the same."""
        peer = self._transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        _, user, _ = struct.unpack("3i", peer)
        if user != 0:
            _log.warning("refused a connection", user=user)
            self._answer(text(403, "only root may use this socket\n"))
        return bool(user == 0)

    async def _serve(self) -> None:
        head = self._head
        assert head is not None
        body = None if self._length > self._most_body else bytes(self._body)
        self._body.clear()
        path = head.target.partition(b"?")[0].decode("ascii")
        try:
            self._asked = Asked(head.method.decode("ascii"), path, dict(head.headers), body)
            if self._transport.is_closing() or self._has_closed():
                self._leave()
            answer = await self._handle(self._asked)
        except BaseException:
            self._transport.abort()  # no answer is better than a wrong one
            raise
        self._serving = self._asked = None
        self._answer(answer)

    def _answer(self, answer: Answer) -> None:
        """Send it and close: the client is told so, lest it sends another request there."""
        if self._transport.is_closing():
            return
        headers = [*answer.headers.items(), ("Content-Length", str(len(answer.body))), ("Connection", "close")]
        pieces = [self._http.send(h11.Response(status_code=answer.status, headers=headers))]
        if answer.body and not (self._head and self._head.method == b"HEAD"):
            pieces.append(self._http.send(h11.Data(data=answer.body)))
        pieces.append(self._http.send(h11.EndOfMessage()))
        self._transport.write(b"".join(piece for piece in pieces if piece))
        self._head = None
        self._within(self._under_way)
        self._transport.close()

    def _within(self, seconds: float) -> None:
        """End the connection where nothing of what is waited for has come in time."""
        self._in_time()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._transport.abort)

    def _in_time(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
