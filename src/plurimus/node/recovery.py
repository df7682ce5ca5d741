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
from typing import Any

import structlog

from plurimus.cni.errors import PlurimusError
from plurimus.core import measured
from plurimus.core.ports import Spool
from plurimus.node import message
from plurimus.node.accounts import accounted
from plurimus.node.backoff import Backoff
from plurimus.node.context import DEFAULTS
from plurimus.node.request import Requests

_PAUSE = 5.0
"""Seconds between two looks for what is due."""
_log = structlog.get_logger(__name__)


class Debts:
    """Pays what is in the spool of every `cniDir` that `requests` know of; `clock` gives seconds that only grow."""

    def __init__(self, spool: Callable[[str], Spool], requests: Requests, clock: Callable[[], float]) -> None:
        self._spool = spool
        self._requests = requests
        self._clock = clock
        self._failed = Backoff(clock)
        self._paying = asyncio.Lock()

    @property
    def failed(self) -> list[dict[str, Any]]:
        """The debts that could not be paid, for people."""
        return self._failed.document()

    def wake(self) -> int:
        """Have all that failed be due, for one try; how many."""
        return self._failed.wake()

    async def run(self) -> None:
        """Pay for ever."""
        while True:
            await self.pay()
            await asyncio.sleep(_PAUSE)

    async def pay(self, *, within: float = math.inf, at_once: bool = False) -> int:
        """Pay what is due, and begin with none once `within` seconds are over; the number of debts left.

        With `at_once` what has failed is due, too.  Only one pays at a time.
        """
        async with self._paying:
            return await self._pay_all(self._clock() + within, at_once=at_once)

    async def _pay_all(self, end: float, *, at_once: bool) -> int:
        pending = [
            (folder, name, content)
            for folder in sorted(self._requests.cni_dirs)
            for name, content in self._pending(self._spool(folder))
        ]
        self._failed.keep({(folder, name) for folder, name, _ in pending})
        left = 0
        for folder, name, content in pending:
            if not (at_once or self._failed.is_due((folder, name))) or self._clock() > end:
                left += 1
                continue
            began = self._clock()
            why = await self._try(self._spool(folder), name, content)
            if why:
                self._failed.failed((folder, name), why, since=began)
                left += 1
            else:
                self._failed.done((folder, name))
        measured.SPOOLED.set(left)
        return left

    def _pending(self, spool: Spool) -> list[tuple[str, bytes]]:
        try:
            return spool.pending()
        except PlurimusError as error:
            _log.error("the spool cannot be read", error=str(error))
            return []

    async def _try(self, spool: Spool, name: str, content: bytes) -> str:
        """Why the debt is not paid; empty if it is."""
        try:
            spool.tried(name)
            await self._pay(spool, name, content)
        except PlurimusError as error:
            _log.error("a spooled DEL failed and will be tried again", name=name, code=error.code, error=str(error))
            return str(error)
        except Exception as error:  # noqa: BLE001 - the other sandboxes' debts must be paid, whatever happens with one
            _log.exception("a spooled DEL failed for a reason nobody foresaw and will be tried again", name=name)
            return f"{type(error).__name__}: {error}"
        return ""

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
