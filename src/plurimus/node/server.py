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
_STATUS = "/status"
_PATHS = {
    "/cni": ("POST",),
    "/delegate": ("POST",),
    _STATUS: ("GET", "HEAD"),
    **dict.fromkeys(_PROBES, ("GET", "HEAD", "POST")),
}
_log = structlog.get_logger(__name__)

Handle = Callable[[Request, InterfaceAttributes], Awaitable[Outcome]]


class Server:
    """Serves until stopped; `draining` seconds is how long running requests may take to end."""

    def __init__(self, requests: Requests, *, draining: float, connection_limit: int | None = None) -> None:
        self._requests = requests
        self._draining = draining
        self._slots = asyncio.Semaphore(connection_limit) if connection_limit else contextlib.nullcontext()
        self._stopping = False
        self._running: set[asyncio.Task[Any]] = set()
        self._runner: web.ServerRunner | None = None

    async def start(self, listener: socket.socket) -> None:
        """Serve on `listener`, a bound unix socket."""
        # the server below aiohttp's applications: so few paths need no router
        server = web.Server(self._serve, request_factory=_request, access_log=None, keepalive_timeout=_SILENCE)
        self._runner = web.ServerRunner(server, shutdown_timeout=_LAST_WORDS)
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

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request.  Its connection is closed behind it, and the client told so, lest it sends another there.

        Only our shim may: its request comes behind its probe.
        """
        response = _refused_peer(request) or await self._respond(request)
        if message.OUR_SHIM in request.headers and request.path in _PROBES and response.status == 200:
            response.headers["Connection"] = "keep-alive"
        else:
            response.force_close()
            response.headers["Connection"] = "close"
        return response

    async def _respond(self, request: web.BaseRequest) -> web.StreamResponse:
        methods = _PATHS.get(request.path)
        if methods is None:
            return web.Response(status=404, text="no such path\n")
        if request.method not in methods:
            return web.Response(status=405, text="no such method\n", headers={"Allow": ", ".join(methods)})
        if request.path == "/cni":
            return await self._answer(request, lambda asked, _: self._requests.handle(asked))
        if request.path == "/delegate":
            return await self._answer(request, functools.partial(hotplug.handle, self._requests))
        if request.path == _STATUS:
            return web.json_response({"unknownOptions": self._requests.unknown_options.document()})
        if request.path == "/readyz" and self._stopping:
            return web.Response(status=500, text="shutting down\n")
        return web.Response()

    async def _answer(self, request: web.BaseRequest, handle: Handle) -> web.StreamResponse:
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


def _request(head: Any, payload: Any, protocol: Any, writer: Any, task: asyncio.Task[None]) -> web.BaseRequest:
    loop = asyncio.get_running_loop()
    return web.BaseRequest(head, payload, protocol, writer, task, loop, client_max_size=_MOST_BODY)


def _refused_peer(request: web.BaseRequest) -> web.StreamResponse | None:
    """The socket's mode keeps others out; its peer's user ID is asked all the same."""
    connection = request.transport.get_extra_info("socket") if request.transport else None
    if connection is None:
        return web.Response(status=403, text="the connection has gone\n")
    _, user, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    if user != 0:
        _log.warning("refused a connection", user=user)
        return web.Response(status=403, text="only root may use this socket\n")
    return None
