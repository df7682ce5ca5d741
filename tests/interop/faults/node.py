"""A node with one candidate on it, Plurimus or the real Multus, which a fault befalls; and what the fault left.

Both have the same API server, plugins, pods and runtime.  The runtime is patient as kubelet is: a DEL that fails is
sent again, and once it succeeds the sandbox's namespace goes.
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

from plurimus.adapters import netns
from tests.interop.node import PLUGINS, SharedNode
from tests.node import links, snapshot, storm
from tests.node.daemon import Node
from tests.node.memorygroup import MemoryGroup
from tests.node.process import TOLD
from tests.node.runtime import Answer, Sandbox, launched
from tests.node.scripts import PASS_ON

OURS, MULTUS = "ours", "thick"
"""The candidates, by how a runtime reaches them."""
GIVES_UP = 30.0
"""Seconds after which the runtime ends a call."""
SETTLES = 8.0
"""Seconds in which what is to go behind the answers goes."""
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Left:
    """What a fault left, once the runtime has done all it can."""

    addresses: int = 0
    interfaces: int = 0
    silent: int = 0
    """Pods that run without an interface they asked for."""
    killed: int = 0
    """Processes that the kernel killed for want of memory, and daemons that ended by themselves."""
    stuck: int = 0
    """Pods whose DEL never succeeds."""

    def values(self) -> list[int]:
        return [getattr(self, field.name) for field in fields(self)]


class FaultNode(SharedNode):
    """Only the candidate's daemon runs: it must not find the other's records and mend them.

    It and what it starts have `group`, the memory of the reboot storm.
    """

    def __init__(self, folder: Path, candidate: str) -> None:
        super().__init__(folder)
        self.candidate = candidate
        folder = self.multus.default.parent
        self.config |= {"manifests": "", "kubeconfig": self.multus.kubeconfig, "apiTimeout": 2,
                        "multusAutoconfigDir": str(folder), "cniConfigDir": str(folder)}  # fmt: skip
        self.generated = folder / "00-plurimus.conflist" if candidate == OURS else self.multus.generated
        """The node's CNI configuration, by which a runtime finds the candidate."""
        self.group = MemoryGroup(storm.LIMIT)
        self.wrapper = self.multus.wrapper = self.group.wrapper
        self._changing = threading.Lock()
        self.stuck = self.silent = self.died = 0

    def __enter__(self) -> Self:
        self.group.__enter__()
        self.api.start()
        Node.__enter__(self)
        if self.candidate == MULTUS:
            self.stop()
            self.multus.start()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            super().__exit__()
        finally:
            self.group.end_all()
            self.group.__exit__()

    def start_daemon(self) -> None:
        if self.candidate == OURS:
            self.start()
        else:
            self.multus.generated.unlink(missing_ok=True)  # by which it is known that it serves
            self.multus.start()

    @property
    def daemon(self) -> subprocess.Popen[bytes]:
        process = self._daemon if self.candidate == OURS else self.multus._process
        assert isinstance(process, subprocess.Popen)
        return process

    def has_ended(self) -> bool:
        """Whether the daemon has ended, which nobody asked of it; it is counted, unless the kernel has counted it."""
        status = self.daemon.poll()
        self.died += status not in (None, -signal.SIGKILL)
        return status is not None

    def kill_daemon(self) -> None:
        """As the kernel ends a container: what the daemon has started ends with it."""
        process = self.daemon
        children = [int(pid) for task in Path(f"/proc/{process.pid}/task").iterdir()
                    for pid in (task / "children").read_text().split()]  # fmt: skip
        process.kill()
        process.wait(30)
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                subprocess.run(["kill", "-KILL", str(pid)], stderr=subprocess.DEVNULL, check=False)
        self._daemon = self.multus._process = None

    def told(self) -> None:
        """Install the plugin `told`, which waits as long as there is the file `wait`, and `broken`, which fails."""
        self.script("told", TOLD.format(folder=str(self.folder)) + PASS_ON)
        self.script("broken", "if env['CNI_COMMAND'] == 'ADD':\n    print(json.dumps({'code': 50, 'msg': 'broken'}))\n"
                              "    sys.exit(1)\n")  # fmt: skip
        self.script("rubbish", "print('all is well')\n")
        for name in ("started", "wait"):
            (self.folder / name).unlink(missing_ok=True)

    def four(self, third: str = "") -> Sandbox:
        """A pod with four networks; `third` is a plugin behind macvlan in the third of them."""
        self.told()
        for number, name in enumerate(("one", "two", "three")):
            config: dict[str, Any] = self.macvlan(number % 2) | {
                "name": name, "ipam": self.host_local(f"10.{number + 20}.0.0/24")}  # fmt: skip
            if third and name == "two":
                config = {"cniVersion": "1.1.0", "name": name, "plugins": [config, {"type": third}]}
            self.network(name, config)
        return self.sandbox("one,two,three")

    def choose(self, pod: Sandbox) -> None:
        """As a runtime does: without the candidate's configuration it calls for a pod what the next one names."""
        if not self.generated.exists():
            pod.netconf = json.loads(self.multus.default.read_bytes())

    def launch(self, pod: Sandbox, verb: str) -> subprocess.Popen[bytes]:
        """A call that runs beside the test."""
        conf = pod.netconf | (self.ways[self.candidate] if "clusterNetwork" in pod.netconf else {})
        env = {"CNI_COMMAND": verb, "CNI_PATH": str(self.bin), **pod.environment()}
        plugin = PLUGINS.get(conf["type"], self.bin / conf["type"])
        return launched(plugin, env, conf, stderr=subprocess.DEVNULL)

    def begin(self, pod: Sandbox) -> subprocess.Popen[bytes]:
        """An ADD whose plugin `told` has been started and waits."""
        (self.folder / "wait").touch()
        call = self.launch(pod, "ADD")
        until((self.folder / "started").exists, 30)
        assert (self.folder / "started").exists(), "the plugin was never started"
        return call

    def go(self) -> None:
        (self.folder / "wait").unlink(missing_ok=True)

    def ask(self, pod: Sandbox, verb: str, seconds: float = GIVES_UP) -> Answer | None:
        """How a call ended; None where the runtime gave up and ended the plugin."""
        call = self.launch(pod, verb)
        try:
            stdout, _ = call.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            give_up(call)
            return None
        return Answer(call.returncode, stdout)

    def runs(self, pod: Sandbox) -> bool:
        """Whether the pod runs; one that lacks an interface is counted."""
        answer = self.ask(pod, "ADD")
        if answer is None or answer.status != 0:
            return False
        self.silent += not {"eth0", "net1", "net2", "net3"} <= set(pod.links())
        return True

    def remove(self, pod: Sandbox) -> None:
        """`removed`; one that is not is counted."""
        self.stuck += not self.removed(pod)

    def removed(self, pod: Sandbox) -> bool:
        """Delete a pod as a runtime does, again and again until it works, and then its namespace; whether it did."""
        for _ in range(_TRIES):
            answer = self.ask(pod, "DEL")
            if answer is not None and answer.status == 0:
                netns.delete(pod.netns)
                with self._changing:
                    self.sandboxes.remove(pod)
                return True
        return False

    def anew(self, pod: Sandbox, number: int) -> Sandbox:
        """Another sandbox for the pod, which had so many."""
        made = replace(pod, id=f"{pod.id}-{number}", netns=f"{pod.netns}-{number}")
        netns.create(made.netns)
        netns.visit(made.netns, links.trust_addresses)
        with self._changing:
            self.sandboxes.append(made)
        return made

    def befall(self, fault: Callable[[FaultNode], None]) -> Left:
        """What `fault` leaves."""
        before, killed = set(snapshot.kernel()["links"]), self.group.killed
        self.stuck = self.silent = self.died = 0
        try:
            fault(self)
        finally:
            self.go()
        if self.has_ended():
            self.start_daemon()
        until(lambda: not self._addresses() and not self._interfaces(before), SETTLES)
        dead = self.group.killed - killed + self.died
        left = Left(self._addresses(), self._interfaces(before), self.silent, dead, self.stuck)
        self.clear()
        return left

    def clear(self) -> None:
        """What is left goes, and the next fault meets a daemon that knows nothing of it."""
        if self.candidate == OURS:
            self.stop()
        else:
            self.multus.stop()
            self.multus.generated.unlink(missing_ok=True)
        self.reset()
        self.start_daemon()

    def _addresses(self) -> int:
        return sum(path.is_file() and path.name[0].isdigit() for path in self.ipam.rglob("*"))

    def _interfaces(self, before: set[str]) -> int:
        """Those on the host that were not there before, and those of pods; of a pair both ends count as one."""
        there = {each.name for each in Path("/run/netns").iterdir()}
        mine = [each for each in self.sandboxes if each.name in there]
        inside = sum(len(each.links()) for each in mine)
        veths = sum("eth0" in each.links() for each in mine)
        return inside + max(0, len(set(snapshot.kernel()["links"]) - before) - veths)


def give_up(call: subprocess.Popen[bytes]) -> None:
    """As a runtime does: it kills the plugin it started, and no more than that."""
    call.kill()
    call.communicate()


def until(holds: Callable[[], bool], seconds: float) -> None:
    """Wait until it is so, or not any longer."""
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.05)
