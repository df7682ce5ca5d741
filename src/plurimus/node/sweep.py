"""The sweep for leaks: what no living sandbox owns is given back, and pods are told of that lack an interface.

It runs beside requests, in the daemon every `sweepInterval`, or when `plurimus gc` asks.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

import msgspec
import structlog

from plurimus.cni import gojson
from plurimus.cni.errors import PlurimusError, RequestError
from plurimus.core import measured
from plurimus.core.config import ConfigFile
from plurimus.core.leaks import Fate
from plurimus.core.plan import PodReference
from plurimus.core.silent import KINDS, NO_STATUS, Silent
from plurimus.model.event import Event
from plurimus.node import holdings, silent
from plurimus.node.giveback import GiveBack
from plurimus.node.leaks import Found, Look, Seen
from plurimus.node.recovery import Debts
from plurimus.node.request import Requests
from plurimus.node.runtimesword import PATIENCE
from plurimus.node.world import World

GRACE = PATIENCE
"""Seconds that something on no record has to be there before it counts as leaked: a runtime may be making its sandbox
with the default network alone, since before Plurimus was on the node."""
_FIRST = 300.0
"""Seconds until the first sweep of a daemon, at most: a node that starts has other things to do."""
_log = structlog.get_logger(__name__)


class Finding(msgspec.Struct, rename="camel"):
    """One thing that is leaked, or may be; `done` says what became of it."""

    kind: str
    what: str
    where: str
    container: str
    interface: str
    pod: str
    fate: str
    why: str
    done: str = ""


class Report(msgspec.Struct, rename="camel"):
    """What a sweep found and did; `odd` is what could not be asked or read."""

    findings: list[Finding] = []
    silent_pods: list[Silent] = []
    odd: list[str] = []


class Wish(msgspec.Struct, frozen=True, rename="camel"):
    """What `plurimus gc` asks of a daemon."""

    dry_run: bool = False
    grace: float = GRACE


def wish(body: bytes | None) -> Wish:
    """What the body of a request asks for; ConfigErrors are the caller's.

    Raises:
        RequestError: it cannot be read.
    """
    try:
        return gojson.convert(gojson.decode(body or b"{}"), Wish)
    except ValueError as error:
        raise RequestError(f"the request for a sweep is malformed: {error}") from error


class Sweep:
    """Sweeps the node of `requests`, and has its `debts` paid first; `clock` gives seconds that only grow.

    `last` is what the last sweep found.
    """

    def __init__(
        self, config: ConfigFile, world: World, requests: Requests, debts: Debts, clock: Callable[[], float]
    ) -> None:
        self._config, self._world, self._requests, self._debts = config, world, requests, debts
        self._look = Look(config, world, clock)
        self._turn = asyncio.Lock()
        self._told: Counter[tuple[str, str, str, str]] = Counter()
        self.last = Report()

    async def run(self) -> None:
        """Sweep for ever, or not at all where the interval is 0."""
        interval = self._config.daemon.sweep_interval
        if not interval:
            return
        await asyncio.sleep(min(interval, _FIRST))
        while True:
            try:
                await self.sweep()
            except PlurimusError as error:
                _log.warning("no leaks can be looked for", error=str(error))
            except Exception:  # noqa: BLE001 - the next look may go well
                _log.exception("the look for leaks failed for a reason nobody foresaw")
            await asyncio.sleep(interval)

    async def sweep(self, *, dry_run: bool = False, grace: float = GRACE) -> Report:
        """One look, and, unless it is a `dry_run`, an end to what it finds.

        Raises:
            PlurimusError: what is on record cannot be read; nothing was done.
        """
        async with self._turn:
            found = await self._look.find(self._requests, grace=grace)
            rows = [(each, _finding(each)) for each in found.seen if each.verdict.fate is not Fate.LIVES]
            report = Report([row for _, row in rows], await silent.pods(found, self._world), found.odd)
            if not dry_run:
                await self._give_back(found, rows)
                self._tell(report)
                await self._world.pod_folders.tidy()  # of what a killed daemon had only put aside
            return report

    def document(self) -> dict[str, object]:
        """What the daemon says of its last sweep."""
        leaked = [each for each in self.last.findings if each.fate == Fate.LEAKED.value]
        left = [each for each in leaked if each.done != "freed"]
        return {"silentPods": self.last.silent_pods, "leaked": len(leaked), "left": left, "odd": self.last.odd}

    async def _give_back(self, found: Found, rows: list[tuple[Seen, Finding]]) -> None:
        back = GiveBack(self._config, self._world, self._requests, found.netconf)
        leaked = [(seen, row) for seen, row in rows if seen.is_leaked]
        for _, row in leaked:
            measured.LEAKS_FOUND.add(row.kind)
        stuck: dict[str, str] = {}
        for seen, row in leaked:
            if row.kind == holdings.SANDBOX and seen.sandbox:
                stuck[row.container] = await back.sandbox(seen.sandbox)
                row.done = stuck[row.container] or "freed"
        if any(row.kind == holdings.OWED for _, row in leaked):
            await self._debts.pay(at_once=True)
        for seen, row in leaked:
            if row.kind == holdings.OWED:
                left = {name for name, _ in self._world.spool(row.where).pending()}
                row.done = "it failed, and is tried again; see the log" if row.what in left else "freed"
            elif row.kind != holdings.SANDBOX:
                row.done = stuck.get(row.container) or await back.one(seen) or "freed"
            (measured.LEAKS_FREED if row.done == "freed" else measured.LEAKS_FAILED).add(row.kind)

    def _tell(self, report: Report) -> None:
        """Log what is left, and have each pod told once of what it lacks.

        A network status is the runtime's or a controller's to write, soon: that it lacks something is told when it
        still does the next time.
        """
        self.last = report
        pods = Counter(kind for _, kind in {(each.pod, each.kind) for each in report.silent_pods})
        for kind in KINDS:
            measured.SILENT_PODS.set(pods[kind], kind)
        keys = {(each.pod, each.uid, each.interface, each.kind): each for each in report.silent_pods}
        self._told = Counter({key: self._told[key] + 1 for key in keys})
        for key, each in keys.items():
            if self._told[key] == (2 if each.kind == NO_STATUS else 1):
                _log.warning("a pod runs without an interface it asked for", pod=each.pod, text=each.text)
                namespace, _, name = each.pod.partition("/")
                if self._world.cluster is not None:
                    self._world.cluster.emit(PodReference(namespace, name, each.uid), [Event.missing(each.text)])
        for row in report.findings:
            if row.fate == Fate.LEAKED.value and row.done != "freed":
                _log.warning("what is leaked cannot be given back", kind=row.kind, what=row.what, error=row.done)
        if report.odd:
            _log.info("not all could be looked at for leaks", causes=report.odd)


def _finding(seen: Seen) -> Finding:
    held = seen.held
    pod = held.pod
    if not pod and seen.sandbox and seen.sandbox.pod.name:
        pod = f"{seen.sandbox.pod.namespace}/{seen.sandbox.pod.name}"
    return Finding(held.kind, held.what, held.where, held.container_id, held.ifname, pod,
                   seen.verdict.fate.value, seen.verdict.why)  # fmt: skip
