"""A node on which every step waits until it is let go, so that a test chooses the order of all that runs side by side.

A step is a call of a port, before and after it has had its effect.  `Choices` says which waiting step goes on, or that
the request is cancelled; the same choices give the same run.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import random
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

from plurimus.cni.errors import AttachmentError, PlurimusError
from plurimus.core import config
from plurimus.node.context import Outcome

from .fakes import Call, FakePlugins
from .world import Node

_QUIET = 15
"""Rounds of the loop after which nothing more happens by itself."""


class Choices:
    """Which of the waiting steps goes on: with `seed` 0 always the first, else as the dice of that seed fall.

    The request is cancelled before the step `cancels[0]`, again so many steps later as `cancels[1]` says, and so on.
    """

    def __init__(self, seed: int, cancels: Sequence[int] = ()) -> None:
        self._dice = random.Random(seed) if seed else None
        self._cancels = set(accumulate(cancels))
        self._taken = 0

    def pick(self, waiting: int) -> int:
        self._taken += 1
        return self._dice.randrange(waiting) if self._dice else 0

    def cancels_now(self) -> bool:
        """Whether it is time to; once for each time."""
        now = self._taken in self._cancels
        self._cancels.discard(self._taken)
        return now


class Gates:
    """Where steps wait, in the order they came; `failing` names those that fail, once, before they have an effect."""

    def __init__(self, failing: Sequence[str] = ()) -> None:
        self.waiting: list[asyncio.Future[None]] = []
        self.failing = set(failing)
        self.armed = False

    async def step(self, name: str = "") -> None:
        if not self.armed:
            return
        gate = asyncio.get_running_loop().create_future()
        self.waiting.append(gate)
        try:
            await gate
        finally:
            if gate in self.waiting:
                self.waiting.remove(gate)
        if name in self.failing:
            self.failing.discard(name)
            raise AttachmentError(f"{name} failed", code=111)

    async def play(self, work: Coroutine[Any, Any, Outcome], choices: Choices) -> Outcome | BaseException:
        """How `work` ends when its steps go on as `choices` say."""
        self.armed = True
        task = asyncio.ensure_future(work)
        while not task.done():
            await self._quiet()
            if task.done():
                break
            assert self.waiting, "nothing goes on, and nothing waits"
            if choices.cancels_now():
                task.cancel()
                continue
            self.waiting.pop(choices.pick(len(self.waiting))).set_result(None)
        self.armed = False
        (outcome,) = await asyncio.gather(task, return_exceptions=True)
        return outcome

    async def _quiet(self) -> None:
        for _ in range(_QUIET):
            await asyncio.sleep(0)


class Gated:
    """`target`, with a step before and after each of its asynchronous methods; `named` gives the name of a step."""

    def __init__(self, target: Any, gates: Gates, named: Callable[[str, tuple[Any, ...]], str]) -> None:
        self._target, self._gates, self._named = target, gates, named

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._target, name)
        if not inspect.iscoroutinefunction(method):
            return method

        async def gated(*args: Any, **keys: Any) -> Any:
            await self._gates.step(self._named(name, args))
            value = await method(*args, **keys)
            await self._gates.step()
            return value

        return gated


class Plugins(FakePlugins):
    """Plugins that share a kernel and a store of addresses, in which it shows who came first.

    A subnet's lowest free address is given; of two routes to one destination the earlier stays; what looks at
    the sandbox tells which interfaces it found, `sbr` which routing table was free, and what is on an interface of the
    node who made that.  One that fails leaves its interface, its address and its routes.
    """

    def __init__(self, gates: Gates) -> None:
        super().__init__()
        self._gates = gates
        self.links = {"macvlan": "macvlan", "ptp": "veth", "tuning": ""}
        self.addresses: dict[str, list[str]] = {}
        self.table: list[tuple[str, str]] = []
        """Destination and interface of each route, in the order they were made."""
        self.tables: list[str] = []
        """Which interface has which table: the number is the place."""
        self.on_node: dict[str, str] = {}
        """Bridges of the node, and who made each."""

    async def run(self, kind: str, *, env: Any, stdin: bytes, search: Sequence[str]) -> bytes:
        call = Call(kind, dict(env), json.loads(stdin), tuple(search))
        self.calls.append(call)
        if call.verb == "ADD":
            return json.dumps(await self._add(call)).encode()
        if call.verb == "DEL":
            await self._gates.step(f"DEL {call.ifname}")
            self._remove(call)
            await self._gates.step()
        return b""

    async def _add(self, call: Call) -> dict[str, Any]:
        await self._gates.step()
        seen = sorted(ifname for _, _, ifname in self.attached)
        self.attached.add((call.container, call.env["CNI_NETNS"], call.ifname))
        await self._gates.step()
        made = dict(call.conf.get("prevResult") or {"cniVersion": "1.0.0", "interfaces": [self._link(call)], "ips": []})
        ipam = call.conf.get("ipam") or {}
        for subnet in [ipam["subnet"]] if "subnet" in ipam else []:
            made["ips"] = [{"address": self._address(subnet, call.ifname), "interface": 0}]
            self.table.append((subnet, call.ifname))
        routes = ipam.get("routes", [])
        self.table += [(route["dst"], call.ifname) for route in routes]
        if routes:
            made["routes"] = routes
        if call.kind == "sbr":
            made["dns"] = {"search": [str(self._take(self.tables, call.ifname))]}
        elif bridge := call.conf.get("bridge"):
            made["dns"] = {"search": [self.on_node.setdefault(bridge, call.ifname)]}
        elif master := call.conf.get("master"):
            made["dns"] = {"search": [self.on_node.get(master, "nobody")]}
        await self._gates.step(f"ADD {call.ifname}")
        if call.kind == "watcher" or call.conf.get("linkInContainer"):
            made["dns"] = {"search": seen}
        return made

    def _link(self, call: Call) -> dict[str, str]:
        return {"name": call.ifname, "sandbox": call.env["CNI_NETNS"], "mac": "02:00:00:00:00:01"}

    def _address(self, subnet: str, ifname: str) -> str:
        at = self._take(self.addresses.setdefault(subnet, []), ifname)
        return f"{subnet.rpartition('.')[0]}.{at + 1}/24"

    @staticmethod
    def _take(held: list[str], ifname: str) -> int:
        """The lowest place that is free, which is then the interface's."""
        at = held.index("") if "" in held else len(held)
        held[at : at + 1] = [ifname]
        return at

    def _remove(self, call: Call) -> None:
        self.attached = {there for there in self.attached if there[2] != call.ifname}
        self.table = [route for route in self.table if route[1] != call.ifname]
        for held in (self.tables, *self.addresses.values()):
            held[:] = ["" if owner == call.ifname else owner for owner in held]

    def leads(self) -> dict[str, str]:
        """By which interface each destination is reached: of several routes by the first."""
        return dict(reversed(self.table))

    def there(self) -> set[str]:
        """The interfaces in the kernel, and those whose address or table is not given back."""
        return {ifname for _, _, ifname in self.attached} | {
            owner for held in (self.tables, *self.addresses.values()) for owner in held if owner
        }

    def held(self) -> dict[str, list[str]]:
        """Who has which address of each subnet."""
        return {subnet: owners for subnet, owners in self.addresses.items() if any(owners)}


class SteppedNode(Node):
    """A node whose steps wait at `gates`."""

    plugins: Plugins

    def __init__(self, gates: Gates, *, side_by_side: bool, **keys: Any) -> None:
        super().__init__(**keys)
        self.gates = gates
        self.plugins = Plugins(gates)
        self.kernel._plugins = self.plugins
        records, results, spool = self.stores["/var/lib/cni/multus"]
        self.world = replace(
            self.world,
            plugins=self.plugins,
            cluster=Gated(self.cluster, gates, lambda name, _: name),
            kernel=Gated(self.kernel, gates, lambda name, _: name),
            records=lambda _: Gated(records, gates, lambda name, _: f"records.{name}"),
            results=lambda _: Gated(results, gates, lambda name, _: f"results.{name}"),
            spool=lambda _: spool,
        )
        self.config = config.parse(json.dumps({"sideBySide": side_by_side}).encode())
        self.restart()

    def run(self, verb: str, choices: Choices) -> Outcome | BaseException:
        """How a request ends, with the test's loop to itself."""
        return asyncio.run(self._run(verb, choices))

    async def _run(self, verb: str, choices: Choices) -> Outcome | BaseException:
        self.restart()
        return await self.gates.play(self.call(verb), choices)

    def remains(self) -> dict[str, Any]:
        """All there is of any sandbox: in the kernel, in the store of addresses, on record, in the cache."""
        return {
            "kernel": sorted(self.plugins.attached),
            "routes": self.plugins.leads(),
            "changes": [dict(each) for each in self.kernel.changes],
            "addresses": self.plugins.held(),
            "record": {name: json.loads(content) for name, content in self.records.files.items()},
            "results": {name: entry.encode() for name, entry in self.results.files.items()},
            "status": [json.loads(text) for _, text in self.cluster.statuses],
            "events": [(event.kind, event.reason, event.text) for _, event in self.cluster.events],
        }


def is_clean(node: SteppedNode) -> bool:
    """Whether nothing is left of any sandbox; the network status of a pod whose ADD failed is the API server's."""
    left = node.remains()
    return node.left() == [] and not any(left[key] for key in ("kernel", "routes", "addresses", "record", "results"))


def error_of(outcome: Outcome | BaseException) -> str:
    """The words of a failed request; empty for one that succeeded."""
    return str(outcome) if isinstance(outcome, PlurimusError) else type(outcome).__name__
