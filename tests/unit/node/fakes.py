"""The world of a node, in memory: fakes of `core.ports` that record what is asked of them and fail when told to.

Plugins and kernel belong together: what a plugin attached, the kernel has.  A plugin that fails an
ADD leaves what it had made, as real ones do.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from plurimus.adapters.plugins import Gate, open_gate
from plurimus.cni.errors import AttachmentError, PlurimusError
from plurimus.core.devices import Allocation
from plurimus.core.plan import PodReference
from plurimus.core.routes import RouteChange
from plurimus.model.definition import NetworkAttachmentDefinition
from plurimus.model.event import Event
from plurimus.model.pod import Pod
from tests.allocations import allocation


@dataclass(frozen=True, slots=True)
class Call:
    """One run of a plugin: its configuration is what it read on stdin."""

    kind: str
    env: Mapping[str, str]
    conf: dict[str, Any]
    search: tuple[str, ...]

    @property
    def verb(self) -> str:
        return self.env["CNI_COMMAND"]

    @property
    def ifname(self) -> str:
        return self.env.get("CNI_IFNAME", "")

    @property
    def container(self) -> str:
        return self.env.get("CNI_CONTAINERID", "")

    def __str__(self) -> str:
        return " ".join(filter(None, (self.verb, self.kind, self.ifname)))


@dataclass(slots=True)
class Rule:
    """What happens to calls that match; empty fields match any."""

    verb: str
    ifname: str
    kind: str
    error: PlurimusError | None = None
    times: float = float("inf")
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event | None = None

    def open(self) -> None:
        """Let those that wait go on."""
        assert self.opened is not None
        self.opened.set()

    @asynccontextmanager
    async def while_waiting(self, work: Coroutine[Any, Any, object]) -> AsyncIterator[asyncio.Task[object]]:
        """Start `work`, be there while a call of it waits, then let it end."""
        task = asyncio.create_task(work)
        waiting = asyncio.create_task(self.reached.wait())
        await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
        assert waiting.done(), "no such call"
        try:
            yield task
        finally:
            self.open()
            await asyncio.gather(task, return_exceptions=True)
        if not task.cancelled():
            task.result()

    def matches(self, call: Call) -> bool:
        wanted = ((self.verb, call.verb), (self.ifname, call.ifname), (self.kind, call.kind))
        return self.times > 0 and all(mine in ("", its) for mine, its in wanted)


class FakePlugins:
    """Implements `ports.Plugins`; every type exists and succeeds unless told otherwise."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.attached: set[tuple[str, str, str]] = set()
        """Container, namespace and interface."""
        self.answers: dict[str, Callable[[Call], object]] = {}
        self.links: dict[str, str] = {}
        """The kind of interface that is all a type's DEL deletes, by type."""
        self.missing: set[str] = set()
        """Types that are not installed."""
        self.gate: Gate = open_gate
        """What each run waits for before anything of it is seen."""
        self._rules: list[Rule] = []
        self._addresses = count(1)

    def fail(self, verb: str = "", ifname: str = "", *, kind: str = "", times: float = float("inf"),
             error: PlurimusError | None = None) -> Rule:  # fmt: skip
        """Fail the next `times` calls that match."""
        error = error or AttachmentError(f"no {verb} of {ifname or kind} today", code=111)
        self._rules.append(Rule(verb, ifname, kind, error, times))
        return self._rules[-1]

    def hold(self, verb: str = "", ifname: str = "", *, kind: str = "") -> Rule:
        """Keep calls that match waiting until `open` is called; `reached` says that one waits."""
        self._rules.append(Rule(verb, ifname, kind, opened=asyncio.Event()))
        return self._rules[-1]

    def forgive(self) -> None:
        """From now on nothing fails and nothing waits."""
        for rule in self._rules:
            if rule.opened is not None:
                rule.opened.set()
        self._rules.clear()

    def made(self, verb: str = "") -> list[str]:
        """The calls as text, `VERB type interface`."""
        return [str(call) for call in self.calls if verb in ("", call.verb)]

    def find(self, kind: str, search: Sequence[str]) -> str:
        if kind in self.missing:
            raise AttachmentError(f'failed to find plugin "{kind}" in path [{" ".join(search)}]')
        return f"{search[0]}/{kind}"

    async def call(self, kind: str, *, env: Mapping[str, str], conf: Mapping[str, Any], search: Sequence[str]) -> bytes:
        return await self.run(kind, env=env, stdin=json.dumps(conf).encode(), search=search)

    def link(self, kind: str, conf: Mapping[str, Any], search: Sequence[str]) -> str | None:
        return self.links.get(kind)

    def executables(self, kind: str, conf: Mapping[str, Any]) -> Sequence[str]:
        return (kind,)

    def reads_previous(self, kind: str, conf: Mapping[str, Any]) -> bool:
        return True

    async def run(self, kind: str, *, env: Mapping[str, str], stdin: bytes, search: Sequence[str]) -> bytes:
        async with self.gate(kind, env["CNI_COMMAND"]):
            return await self._run(kind, env, stdin, search)

    async def _run(self, kind: str, env: Mapping[str, str], stdin: bytes, search: Sequence[str]) -> bytes:
        call = Call(kind, dict(env), json.loads(stdin), tuple(search))
        self.calls.append(call)
        self.find(kind, search)
        key = (call.container, call.env.get("CNI_NETNS", ""), call.ifname)
        if call.verb == "ADD":
            self.attached.add(key)
        await self._obey(call)
        if call.verb == "ADD":
            answer = self.answers.get(kind, self._result)(call)
            return answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        if call.verb == "DEL":
            self.attached = {there for there in self.attached if (there[0], there[2]) != (key[0], key[2])}
        return b""

    async def _obey(self, call: Call) -> None:
        await asyncio.sleep(0)
        for rule in self._rules:
            if rule.matches(call):
                rule.times -= 1
                rule.reached.set()
                if rule.opened is not None:
                    await rule.opened.wait()
                elif rule.error is not None:
                    # each failure is an error of its own: callers add subjects and notes to it
                    raise type(rule.error)(rule.error.msg, details=rule.error.details, code=rule.error.code)

    def _result(self, call: Call) -> object:
        if "prevResult" in call.conf:
            return call.conf["prevResult"]
        version, address = call.conf["cniVersion"], f"10.0.0.{next(self._addresses)}/24"
        if version < "0.3":
            return {"cniVersion": version, "ip4": {"ip": address}}
        family = {"version": "4"} if version < "1" else {}
        link = {"name": call.ifname, "sandbox": call.env["CNI_NETNS"], "mac": "02:00:00:00:00:01"}
        return {"cniVersion": version, "interfaces": [link], "ips": [{**family, "address": address, "interface": 0}]}


class FakeKernel:
    """Implements `ports.Kernel`: namespaces have what plugins attached and what is in `taken`."""

    def __init__(self, plugins: FakePlugins) -> None:
        self._plugins = plugins
        self.taken: set[str] = set()
        self.changes: list[Mapping[str, Sequence[RouteChange]]] = []
        self.own_namespace = "/proc/1/ns/net"
        self.leftovers: set[str] = set()
        self.cookies: dict[str, str] = {}
        self.error: PlurimusError | None = None
        self.delete_error: PlurimusError | None = None
        self.deleted: list[Mapping[str, str]] = []

    async def look(self, netns: str) -> tuple[str, set[str]]:
        there = {ifname for _, place, ifname in self._plugins.attached if place == netns}
        return await self.cookie(netns), self.taken | there

    async def change_default_routes(self, netns: str, changes: Mapping[str, Sequence[RouteChange]]) -> None:
        if self.error is not None:
            raise self.error
        self.changes.append(changes)

    async def delete_links(self, netns: str, kinds: Mapping[str, str]) -> set[str]:
        if self.delete_error is not None:
            raise self.delete_error
        self.deleted.append(kinds)
        gone = {there for there in self._plugins.attached if there[1] == netns and there[2] in kinds}
        self._plugins.attached -= gone
        return {ifname for _, _, ifname in gone}

    async def is_own_namespace(self, netns: str) -> bool:
        return netns == self.own_namespace

    async def cookie(self, netns: str) -> str:
        return self.cookies.get(netns, f"cookie of {netns}")

    async def is_leftover(self, netns: str) -> bool:
        return netns in self.leftovers

    async def is_anothers(self, netns: str, cookie: str) -> bool:
        return bool(cookie and netns) and cookie != await self.cookie(netns)

    async def is_gone(self, netns: str, cookie: str) -> bool:
        return netns in self.leftovers or bool(cookie and not netns) or await self.is_anothers(netns, cookie)


class FakeCluster:
    """Implements `ports.Cluster` and `ports.DeviceSource`."""

    def __init__(self) -> None:
        self.pods: dict[tuple[str, str], Pod] = {}
        self.definitions: dict[tuple[str, str], NetworkAttachmentDefinition] = {}
        self.devices: dict[str, list[str]] = {}
        self.statuses: list[tuple[Pod, str]] = []
        self.events: list[tuple[str, Event]] = []
        self.asked: list[str] = []
        self.error: PlurimusError | None = None
        self.error_about = ""
        """Which questions are answered with `error`: those that begin so."""
        self.write_error: PlurimusError | None = None

    async def get_pod(self, namespace: str, name: str, *, uid: str = "") -> Pod | None:
        self._note(f"pod {namespace}/{name}")
        return self.pods.get((namespace, name))

    async def get_definition(self, namespace: str, name: str) -> NetworkAttachmentDefinition | None:
        self._note(f"definition {namespace}/{name}")
        return self.definitions.get((namespace, name))

    async def allocated(self, pod: Pod) -> Allocation:
        self._note(f"devices {pod}")
        return allocation(self.devices)

    async def write_status(self, pod: Pod, status: str) -> None:
        if self.write_error is not None:
            raise self.write_error
        self.statuses.append((pod, status))

    async def close(self) -> None:
        """Nothing to give back."""

    def emit(self, pod: PodReference, events: Sequence[Event]) -> None:
        self.events += [(f"{pod.namespace}/{pod.name}", event) for event in events]

    def told(self) -> list[tuple[str, str, str]]:
        """The events without their pods."""
        return [(event.kind, event.reason, event.text) for _, event in self.events]

    def _note(self, question: str) -> None:
        self.asked.append(question)
        if self.error is not None and question.startswith(self.error_about):
            raise self.error
