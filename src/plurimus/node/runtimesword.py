"""What the container runtime says of sandboxes whose namespaces live, over some time.

A runtime that died between the answer to an ADD and its own note of the sandbox, or that lost its files, never asks for
a DEL, and the namespace is there for ever.  But a runtime also does not list a sandbox yet that it is making, may be
silent, and may not be the one that makes the sandboxes on record.  So a sandbox counts as lost only where

- its ID is one as containerd and CRI-O make them, and was there before this daemon served;
- the runtime answers, and lists at least one other sandbox that is on record;
- it has not listed this one in any answer for `PATIENCE` seconds of this daemon's clock.

Whether the namespace is the one on record, by its cookie, is for who asks to see.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Collection
from enum import Enum
from typing import Any

import structlog

from plurimus.cni.errors import ClusterError, PlurimusError
from plurimus.core.leaks import is_runtimes

PATIENCE = 1800.0
"""Seconds for which a runtime may be making a sandbox whose ADD was answered: kubelet waits for twice its
`runtimeRequestTimeout`, 20 minutes where that is 10; CRI-O goes on behind that, up to 4 minutes for the container, and
keeps what it made unlisted for up to 2 until kubelet asks again."""
_BETWEEN = 60.0
"""Seconds between two questions."""
Known = Callable[[], Awaitable[Collection[str] | None]]
"""The container IDs of all sandboxes the runtime knows; None where there is none to ask.  It raises PlurimusErrors."""
_log = structlog.get_logger(__name__)


class Word(Enum):
    """What is known of a sandbox: `NONE` is to be had; it is not to be had `YET`; the runtime is a `STRANGER`."""

    NONE = "none"
    YET = "yet"
    STRANGER = "stranger"
    LISTED = "listed"
    LOST = "lost"


class RuntimesWord:
    """Asks by `ask`; `clock` gives seconds that only grow."""

    def __init__(self, ask: Known, clock: Callable[[], float]) -> None:
        self._ask, self._clock = ask, clock
        self._due = self._heard = -math.inf
        self._listed: Collection[str] | None = ()
        self._is_stranger = False
        self._silent = ""
        self._missed: dict[str, float] = {}

    async def hear(self, about: Collection[str], recorded: Callable[[], Awaitable[Collection[str]]]) -> None:
        """Ask about sandboxes, if it is time to; `recorded` are all that are on record."""
        if self._clock() < self._due:
            return
        others = await recorded()
        try:
            listed = await self._ask()
            if listed is None and self._heard > -math.inf:
                raise ClusterError("its socket is gone, where there was one")
            self._listed, self._silent = listed, ""
        except PlurimusError as error:
            if not self._silent:
                _log.warning("the container runtime does not say which sandboxes live", error=str(error))
            self._listed, self._silent = (), str(error)
        now = self._clock()
        self._due = now + _BETWEEN
        self._is_stranger = not self._silent and frozenset(self._listed or ()).isdisjoint(others)
        if self._listed and not self._is_stranger:
            self._heard = now
            self._missed = {each: self._missed.get(each, now) for each in about if each not in self._listed}

    def of(self, container_id: str) -> Word:
        """What the last answers say."""
        if self._listed is not None and container_id in self._listed:
            return Word.LISTED
        if self._listed is None or not is_runtimes(container_id):
            return Word.NONE
        if self._is_stranger:
            return Word.STRANGER
        missed = self._missed.get(container_id, math.inf)
        return Word.LOST if not self._silent and self._heard - missed >= PATIENCE else Word.YET

    def document(self, about: Collection[str]) -> dict[str, Any]:
        """Who of those it was asked about is not listed, and why nothing is said, for people."""
        told: dict[str, Any] = {"runtime": self._silent} if self._silent else {}
        missed = [{"what": each, "forSeconds": round(self._heard - since)}
                  for each, since in self._missed.items() if each in about]  # fmt: skip
        return told | ({"notListed": missed} if missed else {})
