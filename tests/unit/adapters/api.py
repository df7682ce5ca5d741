"""A server that says to the API's clients what a real one cannot be made to say: one scripted answer after another."""

from __future__ import annotations

import asyncio
import ctypes
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

from plurimus.adapters.apiserver import ApiServer
from plurimus.adapters.kubeconfig import Access

_SO_ATTACH_FILTER, _BPF_RETURN = 26, 0x06


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer; a body that is no text is written as JSON."""

    status: int = 200
    body: Any = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stream:
    """A watch: events (objects, or bytes as they are), then its end, a broken connection, or nothing more."""

    events: Iterable[Any] = ()
    then: Literal["end", "break", "stay"] = "stay"


@dataclass(frozen=True, slots=True)
class Silence:
    """No answer."""


@dataclass(frozen=True, slots=True)
class Break:
    """The connection is closed in place of an answer."""


Answer = Reply | Stream | Silence | Break


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it came, and when; the path is as it was escaped."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    at: float


class Server:
    """`answers` are given in turn, the last one again and again."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.seen: list[Seen] = []
        self.url = ""
        self._over = asyncio.Event()
        self._heard: list[web.BaseRequest] = []

    def deafen(self) -> None:
        """Let the connections there are receive nothing more, as when the way from the client is cut."""
        code = ctypes.create_string_buffer(struct.pack("HBBI", _BPF_RETURN, 0, 0, 0))
        program = struct.pack("HL", 1, ctypes.addressof(code))
        for request in self._heard:
            if request.transport is not None:
                request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self._heard.append(request)
        body = await request.read()
        now = asyncio.get_running_loop().time()
        self.seen.append(
            Seen(request.method, request.rel_url.raw_path, dict(request.query), dict(request.headers),
                 json.loads(body) if body else None, now)
        )  # fmt: skip
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Reply):
            text = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
            return web.Response(status=answer.status, text=text, headers=answer.headers)
        if isinstance(answer, Stream):
            return await self._stream(request, answer)
        if isinstance(answer, Silence):
            await self._over.wait()
        _break(request)
        return web.Response()

    async def _stream(self, request: web.BaseRequest, stream: Stream) -> web.StreamResponse:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        for event in stream.events:
            await response.write(event if isinstance(event, bytes) else json.dumps(event).encode() + b"\n")
        if stream.then == "stay":
            await self._over.wait()
        if stream.then != "end":
            _break(request)
        return response

    def watches(self) -> list[Seen]:
        return [seen for seen in self.seen if "watch" in seen.query]

    def lists(self) -> list[Seen]:
        return [seen for seen in self.seen if "watch" not in seen.query]

    def end(self) -> None:
        """Let go of those that wait."""
        self._over.set()


def _break(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.abort()


@asynccontextmanager
async def serving(
    *answers: Answer, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[Server]:
    """The server, listening."""
    server = Server()
    server.answers += answers
    runner = web.ServerRunner(web.Server(server.answer), shutdown_timeout=0.5)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, 0, ssl_context=tls)
        await site.start()
        port = runner.addresses[0][1]
        server.url = f"http{'s' if tls else ''}://{f'[{host}]' if ':' in host else host}:{port}"
        yield server
    finally:
        server.end()
        await runner.cleanup()


@asynccontextmanager
async def client(server: Server, *, timeout: float = 10.0, **access: Any) -> AsyncIterator[ApiServer]:
    """What is tested, asking `server`."""
    api = ApiServer(Access(server.url, **access), timeout=timeout)
    try:
        yield api
    finally:
        await api.close()


def status(code: int, reason: str = "", message: str = "", **headers: str) -> Reply:
    """A refusal as the API puts it."""
    body = {"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message}
    return Reply(code, body, {name.replace("_", "-"): value for name, value in headers.items()})
