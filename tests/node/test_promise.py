"""The promise, on a real node, whatever happens to it in whatever order.

Every address and interface is held by a living pod or free, and a pod that was answered has all its interfaces: those
that drivers make, and those of executables.

PLURIMUS_STEPS is how many steps are taken in all; `make soak` takes more than `make test`.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from .nursery import Nursery
from .process import eventually
from .promised import MOODS, NETWORKS, PORTS, PromisedNode
from .runtime import Answer, Sandbox

pytestmark = pytest.mark.usefixtures("root")

STEPS = int(os.environ.get("PLURIMUS_STEPS", "2000"))
AT_ONCE = 50
"""Steps on one node."""
SLOTS = st.sampled_from(["first", "second", "third"])
GIVES_UP = st.sampled_from([None, None, None, 0.02, 0.1])
"""Seconds after which the runtime ends an ADD, if it does."""
AWAY = st.sampled_from([False, False, False, True])
"""Whether an ADD may find no daemon; what happens without one is soon told."""


class Promise(RuleBasedStateMachine):
    """A runtime, and what may happen to a node."""

    nursery: Nursery

    def __init__(self) -> None:
        super().__init__()
        self.kept = contextlib.ExitStack()
        self.node = self.kept.enter_context(PromisedNode(self.nursery))
        self.pods: dict[str, Sandbox] = {}
        self.networks: dict[str, str] = {}
        """What each pod asked for, by its sandbox."""
        self.answered: dict[str, dict[str, Any]] = {}
        """What a pod got, while the runtime counts it as running."""

    @rule(slot=SLOTS, networks=st.sampled_from(NETWORKS), executable=st.booleans(), seconds=GIVES_UP, away=AWAY)
    def add(self, slot: str, networks: str, executable: bool, seconds: float | None, away: bool) -> None:
        """A pod that starts; one that failed to is deleted before its next sandbox is made."""
        if slot in self.answered or (slot in self.pods and not self._deleted(slot)):
            return
        if not away and not self.node.runs:
            self.node.start_anew()
        sandbox = self.pods[slot] = self.node.pod(networks, executable=executable)
        self.networks[sandbox.id] = networks
        if seconds is not None:
            self.node.given_up(sandbox, seconds)
            return
        answer = self._call(sandbox, "ADD")
        if answer.status == 0:
            sandbox.result = self.answered[slot] = answer.document
            self._has_all(slot)

    @rule(slot=SLOTS)
    def delete(self, slot: str) -> None:
        if slot in self.pods:
            self._deleted(slot)

    @rule(slot=SLOTS)
    def check(self, slot: str) -> None:
        if slot in self.answered:
            answer = self._call(self.pods[slot], "CHECK")
            assert answer.status == 0 or not self.node.runs, answer.stdout

    @rule()
    def collect(self) -> None:
        keep = [{"containerID": self.pods[slot].id, "ifname": "eth0"} for slot in self.answered]
        conf = self.node.netconf(self.node.bridge()) | {"cni.dev/valid-attachments": keep}
        self.node.call("GC", conf | {"daemonTimeout": self._patience})
        for slot in self.answered:
            self._has_all(slot)

    @precondition(lambda self: self.node.runs)
    @rule()
    def kill(self) -> None:
        self.node.kill()

    @rule(fatal=st.integers(0, 80))
    def start(self, fatal: int) -> None:
        """Another daemon, that lives for some points; 0: as long as nobody ends it."""
        if self.node.runs:
            self.node.kill()
        self.node.start_anew(fatal=fatal, from_start=bool(fatal))

    @rule(taken=st.booleans())
    def reboot(self, taken: bool) -> None:
        self.node.boot(taken=taken)
        self.pods.clear()
        self.answered.clear()

    @rule(away=st.booleans())
    def lose_cluster(self, away: bool) -> None:
        self.node.cluster(away=away)

    @rule(verb=st.sampled_from(["ADD", "DEL"]), mood=st.sampled_from(MOODS))
    def change_mood(self, verb: str, mood: str) -> None:
        self.node.feels(verb, mood)

    @rule(folder=st.sampled_from(["state", "ipam"]), full=st.booleans())
    def fill_disk(self, folder: str, full: bool) -> None:
        disk = self.node.disks[self.node.folder / folder]
        if full:
            disk.fill()
        else:
            disk.clear()

    @rule()
    def settle(self) -> None:
        """All is well again, the runtime asks for what it still wants: then nobody has what no living pod has."""
        self.node.recovers()
        for slot in list(self.pods):
            if slot not in self.answered:
                assert self._deleted(slot), self.node.said()
        for slot in self.answered:
            self._has_all(slot)
            self.check(slot)
        eventually(
            lambda: self.node.held() == self.wanted(), lambda: (self.node.held(), self.wanted(), self.node.said())
        )
        self.node.others_have_all()

    def wanted(self) -> dict[str, Any]:
        leases, files = {}, []
        for slot, result in self.answered.items():
            sandbox = self.pods[slot]
            files.append(sandbox.id)
            files += [f"results/{entry}" for entry in self._results(sandbox)]
            for ifname, addresses in sandbox.addresses().items():
                leases |= {address.partition("/")[0]: f"{sandbox.id} {ifname}" for address in addresses}
            assert result["ips"]
        return {"leases": leases, "ports": PORTS + len(self.answered), "files": sorted(files)}

    def teardown(self) -> None:
        with self.kept:
            self.settle()
            for slot in list(self.pods):
                assert self._deleted(slot)
            self.settle()
            assert self.node.held() == {"leases": {}, "ports": PORTS, "files": []}

    @property
    def _patience(self) -> float:
        """Seconds the shim waits for a daemon: long where there is one."""
        return 30.0 if self.node.runs else 0.05

    def _call(self, sandbox: Sandbox, verb: str) -> Answer:
        return sandbox.call(verb, daemonTimeout=self._patience)

    def _deleted(self, slot: str) -> bool:
        """Whether a DEL succeeded, behind which the runtime takes the namespace down."""
        self.answered.pop(slot, None)
        if self._call(self.pods[slot], "DEL").status != 0:
            return False
        self.node.lose(self.pods.pop(slot))
        return True

    def _has_all(self, slot: str) -> None:
        wanted = {ifname for _, ifname in self._attachments(self.pods[slot])}
        assert set(self.pods[slot].links()) == wanted, self.node.said()

    def _results(self, sandbox: Sandbox) -> list[str]:
        return [f"{name}-{sandbox.id}-{ifname}" for name, ifname in self._attachments(sandbox)]

    def _attachments(self, sandbox: Sandbox) -> list[tuple[str, str]]:
        """Network and interface of each."""
        named = [name for name in self.networks[sandbox.id].split(",") if name]
        return [("pods", "eth0"), *((name, f"net{at}") for at, name in enumerate(named, 1))]


def test_every_address_and_interface_is_a_living_pods_or_free_and_no_pod_lacks_one() -> None:
    with Nursery() as nursery:
        Promise.nursery = nursery
        examples = max(1, STEPS // AT_ONCE)
        # a shorter example would take minutes to be found: each that fails waits for what does not come
        how = settings(max_examples=examples, stateful_step_count=AT_ONCE, deadline=None, phases=[Phase.generate])
        run_state_machine_as_test(Promise, settings=how)  # type: ignore[no-untyped-call]
