"""Paying debts: the DELs that the shim spooled because no daemon answered.

They are paid one after another, from the start on and as long as the daemon runs; one that fails
is tried again, ever more seldom.  A spooled DEL is void once its sandbox was added anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from plurimus.cni.errors import PlurimusError
from plurimus.core.ports import Spool
from plurimus.node import message
from plurimus.node.request import DEFAULTS, Requests

_PAUSE = 5.0
_MOST_PAUSE = 300.0
_log = structlog.get_logger(__name__)


class Debts:
    """Pays what is in `spool`; `clock` gives seconds that only go forward."""

    def __init__(self, spool: Spool, requests: Requests, clock: Callable[[], float]) -> None:
        self._spool = spool
        self._requests = requests
        self._clock = clock
        self._next: dict[str, tuple[float, float]] = {}

    async def run(self) -> None:
        """Pay for ever."""
        while True:
            await self.pay()
            await asyncio.sleep(_PAUSE)

    async def pay(self) -> int:
        """Pay what is due; the number of debts left."""
        try:
            pending = self._spool.pending()
        except PlurimusError as error:
            _log.error("the spool cannot be read", error=str(error))
            return 0
        self._next = {name: self._next[name] for name, _ in pending if name in self._next}
        for name, content in pending:
            due, pause = self._next.get(name, (0.0, _PAUSE))
            if due <= self._clock() and not await self._pay(name, content):
                self._next[name] = (self._clock() + pause, min(2 * pause, _MOST_PAUSE))
        return len(self._spool.pending())

    async def _pay(self, name: str, content: bytes) -> bool:
        try:
            request, _ = message.decode(content)
        except PlurimusError as error:
            _log.error("a spooled DEL cannot be read", error=str(error), kept_as=self._spool.set_aside(name))
            return True
        try:
            await self._requests.handle(message.spooled(request))
        except PlurimusError as error:
            _log.error("a spooled DEL failed and will be tried again", name=name, code=error.code, error=str(error))
            return False
        self._spool.forget(request.env["CNI_CONTAINERID"], request.env.get("CNI_IFNAME") or DEFAULTS["CNI_IFNAME"])
        _log.info("paid a spooled DEL", name=name)
        return True
