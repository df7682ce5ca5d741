"""The promise, on a real node, whatever happens to it in whatever order.

Every address and interface is held by a living pod or free, and a pod that was answered has all its interfaces.

PLURIMUS_STEPS is how many steps are taken in all; `make soak` takes more than `make test`.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from plurimus.adapters import netns

from . import snapshot
from .boots import Boots
from .killing import MortalNode
from .nursery import Nursery
from .process import eventually
from .runtime import Answer, Sandbox

pytestmark = pytest.mark.usefixtures("root")

STEPS = int(os.environ.get("PLURIMUS_STEPS", "2000"))
AT_ONCE = 50
"""Steps on one node."""
SLOTS = st.sampled_from(["first", "second", "third"])
NETWORKS = st.sampled_from(["", "a", "a,b", "b,moody", "a,moody"])
MOODY = """
from pathlib import Path
told = Path({folder!r})
verb = env["CNI_COMMAND"]
if (told / ("refuse-" + verb)).exists():
    print(json.dumps({{"code": 120, "msg": "told to refuse"}}))
    sys.exit(1)
if verb == "ADD":
    subprocess.run(["ip", "netns", "exec", os.path.basename(env["CNI_NETNS"]), "ip", "link", "add", env["CNI_IFNAME"],
                    "type", "dummy"], check=True)
    print(json.dumps({{"cniVersion": "1.1.0", "interfaces": [{{"name": env["CNI_IFNAME"],
                      "sandbox": env["CNI_NETNS"]}}]}}))
"""


class Promise(RuleBasedStateMachine):
    """A runtime, and what may happen to a node."""

    nursery: Nursery

    def __init__(self) -> None:
        super().__init__()
        self.kept = contextlib.ExitStack()
        self.folder = Path(self.kept.enter_context(tempfile.TemporaryDirectory()))
        self.node = MortalNode(self.folder, self.nursery)
        for small in (self.node.state, self.node.ipam):
            self.kept.enter_context(small_disk(small))
        self.boots = self.kept.enter_context(Boots(self.folder))
        self.kept.enter_context(self.node)
        self.node.network("a", self.node.macvlan(0))
        chain = [self.node.macvlan(1) | {"name": "b"}, {"type": "tuning", "mtu": 1400}]
        self.node.network("b", {"cniVersion": "1.1.0", "name": "b", "plugins": chain})
        self.node.network("moody", {"cniVersion": "1.1.0", "name": "moody", "type": "moody"})
        self.node.script("moody", MOODY.format(folder=str(self.folder)))
        self.pods: dict[str, Sandbox] = {}
        self.networks: dict[str, str] = {}
        """What each pod asked for, by its sandbox."""
        self.answered: dict[str, dict[str, Any]] = {}
        """What a pod got, while the runtime counts it as running."""
        self.others: list[str] = []
        """The namespaces of somebody else, with an interface of the name that pods have."""

    @rule(slot=SLOTS, networks=NETWORKS)
    def add(self, slot: str, networks: str) -> None:
        """A pod that starts; one that failed to is deleted before its next sandbox is made."""
        if slot in self.answered or (slot in self.pods and not self._deleted(slot)):
            return
        with self._cluster_there():
            sandbox = self.pods[slot] = self.node.sandbox(networks)
        self.networks[sandbox.id] = networks
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
        """Whether or not others have got the paths of namespaces before there is a daemon again."""
        if self.node.runs:
            self.node.kill()
        self.boots.anew()
        for sandbox in self.pods.values():
            netns.delete(sandbox.netns)
            if taken:
                netns.create(sandbox.netns)
                sandbox.ip("link", "add", "eth0", "type", "bridge")
                self.others.append(sandbox.netns)
        self.pods.clear()
        self.answered.clear()
        self.node.sandboxes.clear()
        for left in ("cni", "plurimus"):
            subprocess.run(["rm", "-rf", f"/run/{left}"], check=True)

    @rule(away=st.booleans())
    def lose_cluster(self, away: bool) -> None:
        self._cluster(away=away)

    @rule(verb=st.sampled_from(["ADD", "DEL"]), refuses=st.booleans())
    def change_mood(self, verb: str, refuses: bool) -> None:
        mood = self.folder / f"refuse-{verb}"
        if refuses:
            mood.touch()
        else:
            mood.unlink(missing_ok=True)

    @rule(folder=st.sampled_from(["state", "ipam"]), full=st.booleans())
    def fill_disk(self, folder: str, full: bool) -> None:
        self._fill(folder, full=full)

    @rule()
    def settle(self) -> None:
        """All is well again, the runtime asks for what it still wants: then nobody has what no living pod has."""
        self._cluster(away=False)
        for verb in ("ADD", "DEL"):
            self.change_mood(verb, refuses=False)
        for folder in ("state", "ipam"):
            self._fill(folder, full=False)
        if self.node.runs:
            self.node.kill()
        self.node.start_anew()
        for slot in list(self.pods):
            if slot not in self.answered:
                assert self._deleted(slot), self.node.log.read_text()[-5000:]
        for slot in self.answered:
            self._has_all(slot)
            self.check(slot)
        eventually(lambda: self.held() == self.wanted(), lambda: (self.held(), self.wanted(), self._log()))
        while self.others:
            assert snapshot.ip_json("link", "show", "eth0", namespace=Path(self.others[-1]).name), self._log()
            netns.delete(self.others.pop())

    def held(self) -> dict[str, Any]:
        """What is taken on this node, by whom: addresses, ports of the bridge, files."""
        taken = [path for path in sorted(self.node.ipam.rglob("*"))
                 if path.is_file() and not path.name.startswith(("last_reserved_ip.", "lock"))]  # fmt: skip
        leases = {path.name: path.read_bytes().decode().replace("\r\n", " ") for path in taken}
        ports = [link["ifname"] for link in snapshot.ip_json("link", "show", "type", "veth")]
        return {"leases": leases, "ports": len(ports), "files": sorted(snapshot.files(self.node.state))}

    def wanted(self) -> dict[str, Any]:
        leases, files = {}, []
        for slot, result in self.answered.items():
            sandbox = self.pods[slot]
            files.append(sandbox.id)
            files += [f"results/{entry}" for entry in self._results(sandbox)]
            for ifname, addresses in sandbox.addresses().items():
                leases |= {address.partition("/")[0]: f"{sandbox.id} {ifname}" for address in addresses}
            assert result["ips"]
        return {"leases": leases, "ports": 6 + len(self.answered), "files": sorted(files)}

    def teardown(self) -> None:
        try:
            self.settle()
            for slot in list(self.pods):
                assert self._deleted(slot)
            self.settle()
            assert self.held() == {"leases": {}, "ports": 6, "files": []}
        finally:
            for path in (*self.others, *(sandbox.netns for sandbox in self.node.sandboxes)):
                netns.delete(path)
            self.kept.close()

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
        assert set(self.pods[slot].links()) == wanted, self._log()

    def _results(self, sandbox: Sandbox) -> list[str]:
        return [f"{name}-{sandbox.id}-{ifname}" for name, ifname in self._attachments(sandbox)]

    def _attachments(self, sandbox: Sandbox) -> list[tuple[str, str]]:
        """Network and interface of each."""
        named = [name for name in self.networks[sandbox.id].split(",") if name]
        return [("pods", "eth0"), *((name, f"net{at}") for at, name in enumerate(named, 1))]

    @contextmanager
    def _cluster_there(self) -> Iterator[None]:
        away = not self.node.manifests.exists()
        self._cluster(away=False)
        yield
        self._cluster(away=away)

    def _cluster(self, *, away: bool) -> None:
        here, there = self.node.manifests, self.folder / "away"
        if away and here.exists():
            here.rename(there)
        if not away and there.exists():
            there.rename(here)

    def _fill(self, folder: str, *, full: bool) -> None:
        filler = self.folder / folder / ".filler"
        filler.unlink(missing_ok=True)
        if full:
            with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
                while file.write(bytes(4096)):
                    pass

    def _log(self) -> str:
        return self.node.log.read_text()[-5000:]


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "small", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def test_every_address_and_interface_is_a_living_pods_or_free_and_no_pod_lacks_one() -> None:
    with Nursery() as nursery:
        Promise.nursery = nursery
        examples = max(1, STEPS // AT_ONCE)
        # a shorter example would take minutes to be found: each that fails waits for what does not come
        how = settings(max_examples=examples, stateful_step_count=AT_ONCE, deadline=None, phases=[Phase.generate])
        run_state_machine_as_test(Promise, settings=how)  # type: ignore[no-untyped-call]
