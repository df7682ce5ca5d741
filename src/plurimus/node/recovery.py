"""Paying debts: the DELs that the shim spooled because no daemon answered.

They are paid one after another, from the start on and as long as the daemon runs; one that fails
is tried again, ever more seldom.  A spooled DEL is void once its sandbox was added anew.

The shim spools below the `cniDir` of the runtime's configuration, which the daemon's file may
override for the daemon alone; so every `cniDir` the daemon knows of is looked into.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

import structlog

from plurimus.cni.errors import PlurimusError
from plurimus.core import measured
from plurimus.core.ports import Spool
from plurimus.node import message
from plurimus.node.accounts import accounted
from plurimus.node.context import DEFAULTS
from plurimus.node.request import Requests

_PAUSE = 5.0
_MOST_PAUSE = 300.0
_log = structlog.get_logger(__name__)


class Debts:
    """Pays what is in the spool of every `cniDir` that `requests` know of; `clock` gives seconds that only grow."""

    def __init__(self, spool: Callable[[str], Spool], requests: Requests, clock: Callable[[], float]) -> None:
        self._spool = spool
        self._requests = requests
        self._clock = clock
        self._next: dict[tuple[str, str], tuple[float, float]] = {}

    async def run(self) -> None:
        """Pay for ever."""
        while True:
            await self.pay()
            await asyncio.sleep(_PAUSE)

    async def pay(self, *, within: float = math.inf) -> int:
        """Pay what is due, and begin with none once `within` seconds are over; the number of debts left."""
        end = self._clock() + within
        pending = [
            (folder, name, content)
            for folder in sorted(self._requests.cni_dirs)
            for name, content in self._pending(self._spool(folder))
        ]
        owed = {(folder, name) for folder, name, _ in pending}
        self._next = {key: when for key, when in self._next.items() if key in owed}
        left = 0
        for folder, name, content in pending:
            due, pause = self._next.get((folder, name), (0.0, _PAUSE))
            now = self._clock()
            if now < due or now > end:
                left += 1
            elif not await self._try(self._spool(folder), name, content):
                self._next[folder, name] = (self._clock() + pause, min(2 * pause, _MOST_PAUSE))
                left += 1
        measured.SPOOLED.set(left)
        return left

    def _pending(self, spool: Spool) -> list[tuple[str, bytes]]:
        try:
            return spool.pending()
        except PlurimusError as error:
            _log.error("the spool cannot be read", error=str(error))
            return []

    async def _try(self, spool: Spool, name: str, content: bytes) -> bool:
        """Whether the debt is paid."""
        try:
            spool.tried(name)
            await self._pay(spool, name, content)
        except PlurimusError as error:
            _log.error("a spooled DEL failed and will be tried again", name=name, code=error.code, error=str(error))
            return False
        except Exception:  # noqa: BLE001 - the other sandboxes' debts must be paid, whatever happens with one
            _log.exception("a spooled DEL failed for a reason nobody foresaw and will be tried again", name=name)
            return False
        return True

    async def _pay(self, spool: Spool, name: str, content: bytes) -> None:
        try:
            request, _ = message.decode(content)
        except PlurimusError as error:
            _log.error("a spooled DEL cannot be read", error=str(error), kept_as=spool.set_aside(name))
            return
        with accounted("spool") as account:
            account.about(request.env)
            await self._requests.handle(message.spooled(request, spool))
        spool.forget(request.env["CNI_CONTAINERID"], request.env.get("CNI_IFNAME") or DEFAULTS["CNI_IFNAME"])
        _log.info("paid a spooled DEL", name=name)
