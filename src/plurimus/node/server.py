"""The daemon's HTTP over a unix socket: who may speak, which paths there are, what they answer.

Spec sections 7.1 and 7.2.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import struct
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

from plurimus.cni.errors import PlurimusError
from plurimus.node import hotplug, message
from plurimus.node.message import InterfaceAttributes
from plurimus.node.request import Outcome, Request, Requests

_MOST_BODY = 32 * 2**20
_log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Handle = Callable[[Request, InterfaceAttributes], Awaitable[Outcome]]


class Server:
    """Serves until stopped; `draining` seconds is how long running requests may take to end."""

    def __init__(self, requests: Requests, *, draining: float, connection_limit: int | None = None) -> None:
        self._requests = requests
        self._draining = draining
        self._slots = asyncio.Semaphore(connection_limit) if connection_limit else contextlib.nullcontext()
        self._stopping = False
        self._runner: web.AppRunner | None = None

    async def start(self, listener: socket.socket) -> None:
        """Serve on `listener`, a bound unix socket."""
        app = web.Application(middlewares=[_only_root], client_max_size=_MOST_BODY)
        app.router.add_post("/cni", self._cni)
        app.router.add_post("/delegate", self._delegate)
        for path, handler in (("/healthz", self._healthz), ("/readyz", self._readyz)):
            app.router.add_get(path, handler)
            app.router.add_post(path, handler)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=self._draining, keepalive_timeout=0)
        await self._runner.setup()
        await web.SockSite(self._runner, listener, backlog=1024).start()

    async def stop(self) -> None:
        """Take no new connection, let running requests end, cancel what is left (S39)."""
        self._stopping = True
        if self._runner is not None:
            await self._runner.cleanup()

    async def _cni(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, lambda asked, _: self._requests.handle(asked))

    async def _delegate(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, functools.partial(hotplug.handle, self._requests))

    async def _answer(self, request: web.Request, handle: Handle) -> web.StreamResponse:
        ours = message.OUR_SHIM in request.headers
        try:
            asked, attributes = message.decode(await request.read())
            async with self._slots:
                return message.answer(await handle(asked, attributes), ours=ours)
        except PlurimusError as error:
            _log.error("request failed", code=error.code, error=str(error), notes=getattr(error, "__notes__", []))
            return message.refusal(error, ours=ours)
        except Exception as error:  # noqa: BLE001 - a runtime must get a CNI error, whatever happens here
            _log.exception("request failed for a reason nobody foresaw")
            return message.refusal(PlurimusError(f"internal error: {error!r}"), ours=ours)

    async def _healthz(self, _: web.Request) -> web.StreamResponse:
        return web.Response()

    async def _readyz(self, _: web.Request) -> web.StreamResponse:
        return web.Response(status=500, text="shutting down\n") if self._stopping else web.Response()


@web.middleware
async def _only_root(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The socket's mode keeps others out; its peer's user ID is asked all the same."""
    connection = request.transport.get_extra_info("socket") if request.transport else None
    if connection is None:
        return web.Response(status=403, text="the connection has gone\n")
    _, user, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    if user != 0:
        _log.warning("refused a connection", user=user)
        return web.Response(status=403, text="only root may use this socket\n")
    return await handler(request)
