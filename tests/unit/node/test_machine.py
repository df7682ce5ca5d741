"""A node through any sequence of requests, failures and restarts: what is attached is never lost track of."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import Coroutine
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from plurimus.cni.errors import PlurimusError
from plurimus.node import hotplug
from plurimus.node.context import Request
from plurimus.node.message import InterfaceAttributes
from plurimus.node.recovery import Debts

from .world import Node

CONTAINERS = st.sampled_from(["c1", "c2"])
IFNAMES = st.sampled_from(["eth0", "net1", "net2", "net9"])
HOT = json.dumps({"cniVersion": "1.0.0", "name": "hot", "type": "hot"}).encode()


class Machine(RuleBasedStateMachine):
    """A runtime, a controller and a shim, which do what they like."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.node = Node()
        self.node.network("a", type="macvlan")
        self.node.networks("b")
        self.node.pod("a,b")
        self.known: set[str] = set()
        """The sandboxes the runtime counts as living."""

    def do(self, work: Coroutine[Any, Any, Any]) -> bool:
        """Whether a request succeeded."""
        with contextlib.suppress(PlurimusError):
            self.loop.run_until_complete(work)
            return True
        return False

    def where(self, container: str) -> dict[str, str]:
        return {"container": container, "netns": f"/run/netns/{container}"}

    @rule(container=CONTAINERS)
    def add(self, container: str) -> None:
        if self.do(self.node.call("ADD", **self.where(container))):
            self.known.add(container)
            assert self.node.recorded(container) == ["eth0", "net1", "net2"]

    @rule(container=CONTAINERS)
    def delete(self, container: str) -> None:
        done = self.do(self.node.call("DEL", **self.where(container)))
        if done and not self.node.spool.has(container, "eth0"):  # what was never made may be owed instead
            assert not [there for there in self.node.plugins.attached if there[0] == container]
            assert container not in self.node.records.files
        self.known.discard(container)

    @rule(container=CONTAINERS, verb=st.sampled_from(["ADD", "DEL"]))
    def plug(self, container: str, verb: str) -> None:
        if container in self.known:
            env = self.node.env(verb, ifname="net9", **self.where(container))
            self.do(hotplug.handle(self.node.requests, Request(env, HOT), InterfaceAttributes()))

    @rule()
    def collect(self) -> None:
        keep = [{"containerID": container, "ifname": "eth0"} for container in sorted(self.known)]
        if self.do(self.node.call("GC", {"cni.dev/valid-attachments": keep})):
            assert {there[0] for there in self.node.plugins.attached} <= self.known

    @rule(container=CONTAINERS)
    def owe(self, container: str) -> None:
        """A DEL the shim could not deliver."""
        config = base64.b64encode(json.dumps(self.node.netconf).encode()).decode()
        body = {"env": self.node.env("DEL", **self.where(container)), "config": config}
        self.node.spool.put(container, "eth0", json.dumps(body).encode())
        self.known.discard(container)

    @rule()
    def pay(self) -> None:
        owed = {name.partition("-")[0] for name, _ in self.node.spool.pending()}
        if self.loop.run_until_complete(Debts(self.node.world.spool, self.node.requests, self.loop.time).pay()) == 0:
            assert not {there[0] for there in self.node.plugins.attached} & owed

    @rule(verb=st.sampled_from(["ADD", "DEL"]), ifname=IFNAMES, times=st.integers(1, 3))
    def break_plugin(self, verb: str, ifname: str, times: int) -> None:
        self.node.plugins.fail(verb, ifname, times=times)

    @rule()
    def mend(self) -> None:
        self.node.plugins.forgive()

    @rule()
    def restart(self) -> None:
        self.node.restart()

    @rule(container=CONTAINERS)
    def lose_namespace(self, container: str) -> None:
        """The node was rebooted: what was in the namespace is gone, what the plugins keep elsewhere is not."""
        if container not in self.known:
            self.node.kernel.leftovers.add(f"/run/netns/{container}")

    @invariant()
    def what_is_attached_is_on_record(self) -> None:
        for container, _, ifname in self.node.plugins.attached:
            assert ifname in self.node.recorded(container), (container, ifname)

    @invariant()
    def what_lives_was_not_taken_away(self) -> None:
        for container in self.known:
            assert {"eth0", "net1", "net2"} <= {
                there[2] for there in self.node.plugins.attached if there[0] == container
            }

    def teardown(self) -> None:
        self.node.plugins.forgive()
        for container in ("c1", "c2"):
            assert self.do(self.node.call("DEL", **self.where(container)))
        self.pay()
        assert self.node.left() == []
        self.loop.close()


Machine.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestMachine = Machine.TestCase
