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
from typing import Any

import structlog
from aiohttp import web

from plurimus.cni.errors import PlurimusError
from plurimus.node import hotplug, message
from plurimus.node.context import Outcome, Request
from plurimus.node.listener import BACKLOG
from plurimus.node.message import InterfaceAttributes
from plurimus.node.request import Requests

_MOST_BODY = 32 * 2**20
_LAST_WORDS = 2.0
"""Seconds for an answer on its way, once all requests have ended."""
_SILENCE = 5.0
"""Seconds that may pass between a shim's probe and its request."""
_PROBES = ("/healthz", "/readyz")
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
        self._running: set[asyncio.Task[Any]] = set()
        self._runner: web.AppRunner | None = None

    async def start(self, listener: socket.socket) -> None:
        """Serve on `listener`, a bound unix socket."""
        app = web.Application(middlewares=[_only_root], client_max_size=_MOST_BODY)
        app.on_response_prepare.append(_say_what_comes_next)
        app.router.add_post("/cni", self._cni)
        app.router.add_post("/delegate", self._delegate)
        for path, handler in zip(_PROBES, (self._healthz, self._readyz), strict=True):
            app.router.add_get(path, handler)
            app.router.add_post(path, handler)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_LAST_WORDS, keepalive_timeout=_SILENCE)
        await self._runner.setup()
        await web.SockSite(self._runner, listener, backlog=BACKLOG).start()

    async def stop(self) -> None:
        """Say that it is not ready, let requests end, cancel what is left and wait until that is undone (S39).

        Until then a DEL is served, since the shim of Multus sends none a second time.
        """
        self._stopping = True
        loop = asyncio.get_running_loop()
        end = loop.time() + self._draining
        while self._running and loop.time() < end:
            await asyncio.wait(self._running, timeout=end - loop.time())
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)
        if self._runner is not None:
            await self._runner.cleanup()

    async def _cni(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, lambda asked, _: self._requests.handle(asked))

    async def _delegate(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, functools.partial(hotplug.handle, self._requests))

    async def _answer(self, request: web.Request, handle: Handle) -> web.StreamResponse:
        ours = message.OUR_SHIM in request.headers
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        about: dict[str, str] = {}
        try:
            asked, attributes = message.decode(await request.read())
            about = {"verb": asked.env.get("CNI_COMMAND", ""), "container": asked.env.get("CNI_CONTAINERID", "")}
            async with self._slots:
                return message.answer(await handle(asked, attributes), ours=ours)
        except PlurimusError as error:
            notes = getattr(error, "__notes__", [])
            _log.error("request failed", code=error.code, error=str(error), notes=notes, **about)
            return message.refusal(error, ours=ours)
        except Exception as error:  # noqa: BLE001 - a runtime must get a CNI error, whatever happens here
            _log.exception("request failed for a reason nobody foresaw", **about)
            return message.refusal(PlurimusError(f"internal error: {error!r}"), ours=ours)
        finally:
            self._running.discard(task)

    async def _healthz(self, _: web.Request) -> web.StreamResponse:
        return web.Response()

    async def _readyz(self, _: web.Request) -> web.StreamResponse:
        return web.Response(status=500, text="shutting down\n") if self._stopping else web.Response()


async def _say_what_comes_next(request: web.Request, response: web.StreamResponse) -> None:
    """A connection is closed behind its answer, and the client told so, lest it sends another request there.

    Only our shim may: its request comes behind its probe.
    """
    if message.OUR_SHIM in request.headers and request.path in _PROBES and response.status == 200:
        response.headers["Connection"] = "keep-alive"
    else:
        response.force_close()
        response.headers["Connection"] = "close"


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
