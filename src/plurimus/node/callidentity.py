"""The identity that a thin node's calls have: a token of the container's service account that outlives its pod.

Where the account may not ask for one, calls get the container's own: they go on for as long as that pod is there.

Decision 14.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol

import structlog

from plurimus.adapters.accounttoken import Issued
from plurimus.adapters.apiserver import ApiError
from plurimus.adapters.kubeconfig import Access
from plurimus.cni.errors import PlurimusError

LIFE = 24 * 3600
"""Seconds for which a token is asked.  It is renewed at half of them: calls go on for the other half by themselves."""
_PERIOD = 1.0
_FIRST_PAUSE, _MOST_PAUSE = 5.0, 300.0
_FORBIDDEN = 403


class Issue(Protocol):
    """Asks for a token that lives for some seconds; a PlurimusError says why there is none."""

    def __call__(self, access: Access, /, *, seconds: int) -> Awaitable[Issued]: ...


_log = structlog.get_logger(__name__)


class CallIdentity:
    """`own` is the container's; `issue` asks for another token, and is None where that one is to be used.

    `clock` gives seconds that only grow.
    """

    def __init__(self, own: Access, issue: Issue | None, clock: Callable[[], float]) -> None:
        self._own = own
        self._issue = issue
        self._clock = clock
        self._due = 0.0
        self._pause = _FIRST_PAUSE
        self._refused = False
        self.access: Access | None = own if issue is None else None
        """None before the API server was asked."""
        self.lasting = issue is None
        """Whether it may take the place of one that calls have already."""

    async def run(self) -> None:
        """Renew for ever."""
        while True:
            try:
                await self.renew()
            except Exception:  # noqa: BLE001 - calls need a token tomorrow, whatever was wrong this time
                _log.exception("renewing the token of calls failed for a reason nobody foresaw")
                self._put_off()
            await asyncio.sleep(_PERIOD)

    async def renew(self) -> None:
        """Ask for a token where one is due."""
        if self._issue is None or self._clock() < self._due:
            return
        try:
            issued = await self._issue(self._own, seconds=LIFE)
        except PlurimusError as error:
            self._put_off()
            if isinstance(error, ApiError) and error.status == _FORBIDDEN:
                self._go_on_with_own(str(error))
            elif self.access is None:
                self.access = self._own
                _log.warning("the API server gave no token for calls; it is asked again", error=str(error))
            return
        self.access, self.lasting = replace(self._own, token=issued.token, token_file=None), True
        self._due, self._pause, self._refused = self._clock() + issued.seconds / 2, _FIRST_PAUSE, False
        _log.info("calls have a new token", seconds=issued.seconds)

    def _go_on_with_own(self, error: str) -> None:
        if not self._refused:
            todo = "give its role the verb create on serviceaccounts/token, as deploy/plurimus-thin.yaml does"
            _log.warning("calls have the token of this pod, and fail once it is gone", error=error, todo=todo)
        self.access, self.lasting, self._refused = self._own, True, True

    def _put_off(self) -> None:
        self._due = self._clock() + self._pause
        self._pause = min(2 * self._pause, _MOST_PAUSE)
