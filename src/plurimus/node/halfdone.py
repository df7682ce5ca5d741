"""What an earlier daemon, or the node before its reboot, left half done: undone where nobody can want it any more.

At the start every record is looked at, and the cached results without one.  What had a namespace that is no more is
undone, since nobody asks for its DEL after a reboot.  Where the namespace lives, the sandbox is the runtime's to
delete: it is undone here only once the runtime has lost it (`node.runtimesword`), whether it was made to its end, in
which case all its results are in the cache, or not.  The latter is also undone where no runtime can be asked, and the
cluster does not know the pod.  What was being added to a sandbox that ran, or taken from it, is undone alone.
A record that cannot be read is set aside and made anew of the results.

What fails is tried again, ever more seldom, as long as the daemon runs; a request about the sandbox goes in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import structlog

from plurimus.cni import version
from plurimus.cni.args import Environment
from plurimus.cni.errors import PlurimusError, joined
from plurimus.core import measured
from plurimus.core.plan import Plan
from plurimus.node import recall
from plurimus.node.backoff import FIRST, Backoff
from plurimus.node.context import DEFAULTS, Context
from plurimus.node.request import Requests
from plurimus.node.runtimesword import Known, RuntimesWord, Word
from plurimus.node.world import World

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Left:
    """A sandbox that is to be looked at again: for what failed, if there is a `why`; else once more can be asked.

    Where it `is_whole` nothing is missing but the runtime's word.
    """

    why: str = ""
    is_whole: bool = False


async def _nobody_to_ask() -> None:
    """A node whose runtime is not known."""


class HalfDone:
    """Looks after the sandboxes of every `cniDir` that `requests` know of; `clock` gives seconds that only grow."""

    def __init__(
        self, requests: Requests, world: World, clock: Callable[[], float], runtime: Known = _nobody_to_ask
    ) -> None:
        self._requests = requests
        self._world = world
        self._clock = clock
        self._word = RuntimesWord(runtime, clock)
        self._listed: set[str] = set()
        self._open: dict[tuple[str, str], _Left] = {}
        """What is not settled, by folder and container ID."""
        self._failed = Backoff(clock)

    def wake(self) -> int:
        """Have all that failed be due, for one try; how many."""
        return self._failed.wake()

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await self.look()
            await asyncio.sleep(FIRST)

    async def look(self, *, ask: bool = True) -> int:
        """Do what is due; how many sandboxes are left to be looked at again.

        Without `ask` neither the runtime nor the cluster is asked, either of which may take its time.
        """
        for folder in self._folders():
            await self._list(folder)
        if ask and self._open:
            await self._hear()
        for key in [key for key in self._open if self._failed.is_due(key)]:
            word = self._word.of(key[1]) if ask else Word.YET
            if self._open[key].is_whole and word in (Word.YET, Word.STRANGER):
                continue
            began = self._clock()
            left = await self._try(*key, word, ask=ask)
            if left is None:
                del self._open[key]
            else:
                self._open[key] = left
            if left is not None and left.why:
                self._failed.failed(key, left.why, since=began)
            else:
                self._failed.done(key)
        measured.HALF_DONE.set(sum(not each.is_whole for each in self._open.values()))
        return len(self._open)

    async def document(self) -> dict[str, Any]:
        """What is not settled, for people."""
        told: dict[str, Any] = {"failed": self._failed.document(), **self._word.document(self._asked_about())}
        try:
            stores = [self._world.records(folder) for folder in self._folders()]
            told["setAside"] = [path for records in stores for path in await records.aside_paths()]
        except PlurimusError as error:
            told["error"] = str(error)
        return told

    def _folders(self) -> list[str]:
        return sorted({self._context("", folder).netconf.cni_dir for folder in list(self._requests.cni_dirs)})

    async def _list(self, folder: str) -> None:
        if folder in self._listed or not self._failed.is_due(folder):
            return
        records = self._world.records(folder)
        try:
            await records.tidy()
        except PlurimusError as error:
            _log.warning("what was half written stays", folder=folder, error=str(error))
        try:
            recorded = await records.container_ids()
            cached = [entry.container_id for entry in await self._world.results(folder).entries()]
        except PlurimusError as error:
            _log.error("what is on record cannot be listed", folder=folder, error=str(error))
            self._failed.failed(folder, str(error))
            return
        self._failed.done(folder)
        self._listed.add(folder)
        self._open |= dict.fromkeys(((folder, container_id) for container_id in (*recorded, *cached)), _Left())

    def _asked_about(self) -> set[str]:
        return {container_id for _, container_id in self._open}

    async def _hear(self) -> None:
        try:
            await self._word.hear(self._asked_about(), self._recorded)
        except PlurimusError as error:  # of the records: what was heard before holds
            _log.error("what is on record cannot be listed", error=str(error))

    async def _recorded(self) -> set[str]:
        """All that are on record; one that was whole and is not any more got its DEL, and is forgotten."""
        found = {each for folder in self._folders() for each in await self._world.records(folder).container_ids()}
        self._open = {key: left for key, left in self._open.items() if not left.is_whole or key[1] in found}
        return found

    async def _try(self, folder: str, container_id: str, word: Word, *, ask: bool) -> _Left | None:
        """Settle a sandbox; what is left to be done, None for nothing."""
        context = self._context(container_id, folder)
        try:
            async with self._requests.sandbox(context, looks=True):
                return await self._settle(context, word, ask=ask)
        except PlurimusError as error:
            _log.error("a sandbox is not settled and will be looked at again", container=container_id,
                       code=error.code, error=str(error))  # fmt: skip
            return _Left(str(error))
        except Exception as error:  # noqa: BLE001 - the other sandboxes must be looked at, whatever happens with one
            _log.exception("a sandbox is not settled for a reason nobody foresaw", container=container_id)
            return _Left(f"{type(error).__name__}: {error}")

    async def _settle(self, context: Context, word: Word, *, ask: bool) -> _Left | None:
        plan = await recall.known(context.env, context.netconf, self._world)
        if plan is None:
            return None
        if await self._world.kernel.is_gone(plan.netns, plan.cookie):
            await self._undo(context, replace(plan, netns=""), "its namespace is gone")
            return None
        await self._have_record(context, plan)
        # of what others recorded it is not known whether this is its namespace, nor when its results are in the cache
        if not plan.cookie:
            return None
        if word is Word.LOST:
            await self._undo(context, plan, "its namespace is there, and the container runtime has lost it")
            return None
        plan = await context.attacher.undo_under_way(plan)
        missing = [each.ifname for each in plan.attachments if not await context.chain.is_cached(plan, each)]
        if not missing:
            return None if word in (Word.NONE, Word.LISTED) else _Left(is_whole=True)
        if not ask:
            return _Left()
        if word in (Word.NONE, Word.STRANGER) and await self._is_nobodys(plan):
            await self._undo(context, plan, "it was not made to its end, and nobody knows its pod any more")
            return None
        names = ", ".join(missing)
        return _Left(f"{plan.pod}: {names}: neither made nor deleted to the end; the runtime's DEL is waited for")

    async def _undo(self, context: Context, plan: Plan, why: str) -> None:
        _log.warning("undoing a sandbox", why=why, owner=str(plan.pod))
        errors = await context.attacher.undo(plan)
        if errors:
            raise joined(errors)

    async def _have_record(self, context: Context, plan: Plan) -> None:
        """What is known from the cache alone, since the record could not be read, gets on record again."""
        records = self._world.records(context.netconf.cni_dir)
        if await records.load(plan.container_id) is None:
            await context.attacher.remember(plan)
            _log.warning("a record was made anew of cached results", interfaces=[a.ifname for a in plan.attachments])

    async def _is_nobodys(self, plan: Plan) -> bool:
        """Whether the cluster is sure that the pod does not exist."""
        if self._world.cluster is None or not plan.pod.name:
            return False
        pod = await self._world.cluster.get_pod(plan.pod.namespace, plan.pod.name, uid=plan.pod.uid)
        return pod is None or bool(plan.pod.uid and pod.uid and pod.uid != plan.pod.uid and not pod.is_static)

    def _context(self, container_id: str, folder: str) -> Context:
        env = Environment("DEL", container_id, ifname=DEFAULTS["CNI_IFNAME"])
        return self._requests.context(env, {"cniVersion": version.CURRENT, "name": "recovery", "cniDir": folder})
