"""The daemon's HTTP over a unix socket: who may speak, which paths there are, what they answer.

Spec sections 7.1 and 7.2.
"""

from __future__ import annotations

import asyncio
import functools
import socket
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any

from plurimus.cni.errors import PlurimusError
from plurimus.core import measured
from plurimus.node import hotplug, message, metrics
from plurimus.node.accounts import accounted
from plurimus.node.connection import Asked, Connection
from plurimus.node.context import Outcome, Request
from plurimus.node.listener import BACKLOG
from plurimus.node.message import Answer, InterfaceAttributes
from plurimus.node.request import Requests
from plurimus.node.sweep import Sweep
from plurimus.node.sweep import wish as wished

_LAST_WORDS = 2.0
"""Seconds for an answer on its way, once all requests have ended."""
_LOOK = 0.005
"""Seconds until it is looked again whether it has gone."""
_OURS = message.OUR_SHIM.lower().encode()
_AT_ONCE = "/cni/now"
"""What our shim asks instead of a probe and `/cni`: it is told at once that its request has come, or is not begun."""
_PROBES = ("/healthz", "/readyz")
_STATUS = "/status"
_SWEEP = "/gc"
_PATHS = {
    "/cni": ("POST",),
    _AT_ONCE: ("POST",),
    "/delegate": ("POST",),
    _STATUS: ("GET", "HEAD"),
    _SWEEP: ("POST",),
    metrics.PATH: metrics.METHODS,
    **dict.fromkeys(_PROBES, ("GET", "HEAD", "POST")),
}
_NOT_WITHOUT = ("ADD", "CHECK", "STATUS")
"""What is ended when nobody waits for the answer any more: an ADD, which then is undone, and what changes nothing."""

Handle = Callable[[Request, InterfaceAttributes], Awaitable[Outcome]]
Report = Callable[[], Awaitable[Any]]
"""What is told of one subject by GET /status, as it goes into JSON."""
NO_REPORTS: Mapping[str, Report] = MappingProxyType({})


class Server:
    """Serves until stopped; `draining` seconds is how long running requests may take to end.

    Who wants leaks swept away asks `sweep`; `reports` are what GET /status tells beside.
    """

    def __init__(
        self,
        requests: Requests,
        *,
        draining: float,
        sweep: Sweep | None = None,
        reports: Mapping[str, Report] = NO_REPORTS,
    ) -> None:
        self._requests = requests
        self._sweep = sweep
        self._reports = reports
        self._draining = draining
        self._stopping = False
        self._running: set[asyncio.Task[Any]] = set()
        self._connections: set[Connection] = set()
        self._listening: asyncio.Server | None = None

    async def start(self, listener: socket.socket) -> None:
        """Serve on `listener`, a bound unix socket."""
        loop = asyncio.get_running_loop()
        # asyncio's backlog also is how often it tries to accept at once, which without descriptors it does in vain
        self._listening = await loop.create_server(
            lambda: Connection(self._serve, self._connections), sock=listener, backlog=1
        )
        listener.listen(BACKLOG)

    async def stop(self) -> None:
        """Say that it is not ready, let requests end, cancel what is left and wait until that is undone (S39).

        Until then a DEL is served, since the shim of Multus sends none a second time.
        """
        self._stopping = True
        loop = asyncio.get_running_loop()
        end = loop.time() + self._draining
        while self._running and loop.time() < end:
            await asyncio.wait(self._running, timeout=end - loop.time())
        await self._cancel()
        await asyncio.sleep(_LOOK)  # in which what has been sent before is heard
        if self._listening is not None:
            self._listening.close()
        end = loop.time() + _LAST_WORDS
        while self._connections and loop.time() < end:
            for connection in list(self._connections):
                connection.end_if_idle()
            await asyncio.sleep(_LOOK)
        await self._cancel()
        for connection in list(self._connections):
            connection.abort()

    async def _cancel(self) -> None:
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)

    async def _serve(self, asked: Asked) -> Answer:
        answer = await self._respond(asked)
        handler = _handler(asked) if asked.path in _PATHS else "NotFound"
        method = asked.method.lower() if asked.method in ("GET", "HEAD", "POST") else "unknown"
        measured.MULTUS_REQUESTS.add(handler, str(answer.status), method)
        return answer

    async def _respond(self, asked: Asked) -> Answer:
        methods = _PATHS.get(asked.path)
        if methods is None:
            return message.text(404, "no such path\n")
        if asked.method not in methods:
            return message.text(405, "no such method\n", Allow=", ".join(methods))
        if asked.path in ("/cni", _AT_ONCE):
            return await self._carried_out(asked)
        if asked.path == "/delegate":
            return await self._answer(asked, functools.partial(hotplug.handle, self._requests))
        if asked.path == _STATUS:
            told = {key: await report() for key, report in self._reports.items()}
            if self._sweep:
                told["sweep"] = self._sweep.document()
            return message.document({**self._requests.document(), **told})
        if asked.path == _SWEEP:
            return await self._swept(asked)
        if asked.path == metrics.PATH:
            return await metrics.answer(asked)
        if asked.path == "/readyz" and self._stopping:
            return message.text(500, "shutting down\n")
        return Answer()

    async def _carried_out(self, asked: Asked) -> Answer:
        """Answer a CNI request; what asks to be begun at once is not begun where that would be in vain."""
        in_vain = asked.path == _AT_ONCE and (self._stopping or asked.gone.done())
        if in_vain and not message.is_delete(asked.body):
            return message.text(503, "shutting down\n")
        return await self._answer(asked, lambda request, _: self._requests.handle(request))

    async def _swept(self, asked: Asked) -> Answer:
        """Sweep now; a daemon that ends does not wait for it, and nothing is lost then."""
        if self._sweep is None:
            return message.text(404, "no sweep\n")
        try:
            wish = wished(asked.body)
            return message.document(await self._sweep.sweep(dry_run=wish.dry_run, grace=wish.grace))
        except PlurimusError as error:
            return message.refusal(error, ours=False)

    async def _answer(self, asked: Asked, handle: Handle) -> Answer:
        ours = _OURS in asked.headers
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            with accounted(_handler(asked)) as account:
                request, attributes = message.decode(asked.body)
                account.about(request.env)
                if account.verb in _NOT_WITHOUT:
                    asked.gone.add_done_callback(lambda _: task.cancel())
                try:
                    return message.answer(await handle(request, attributes), ours=ours)
                except asyncio.CancelledError:
                    gone = asked.gone.done()
                    account.fields["because"] = "nobody waits for the answer any more" if gone else "the daemon ends"
                    raise
        except PlurimusError as error:
            return message.refusal(error, ours=ours)
        except Exception as error:  # noqa: BLE001 - a runtime must get a CNI error, whatever happens here
            return message.refusal(PlurimusError(f"internal error: {error!r}"), ours=ours)
        finally:
            self._running.discard(task)


def _handler(asked: Asked) -> str:
    """What log and metrics call the path: one name for what is the same."""
    return "/cni" if asked.path == _AT_ONCE else asked.path
