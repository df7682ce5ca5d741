"""A node on which anything may happen: networks of drivers and of executables, and all that can be the matter with it.

Its plugin `moody` has a mood for each verb: it does its work, refuses it, takes its time, or is killed half way.
"""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from plurimus.adapters import netns

from . import snapshot
from .boots import Boots
from .killing import MortalNode
from .nursery import Nursery
from .process import launch
from .runtime import Sandbox
from .surroundings import small_disk

NETWORKS = ("", "a", "a,b", "a,moody", "b,moody", "c", "b,c", "c,moody")
"""What pods ask for: `a` and `b` are drivers', `c` is executables', `moody` is of no known kind."""
MOODS = ("works", "refuses", "dawdles", "dies")
PORTS = 6
"""The ends of veth pairs there are without pods."""
_EXECUTABLES = ("bridge", "macvlan", "tuning")
_OTHERS = ("eth0", "net1", "net2")
"""The interfaces of somebody else, with names that pods have."""
_MOODY = """
import signal, time
from pathlib import Path
verb, name, netns = env["CNI_COMMAND"], env.get("CNI_IFNAME", ""), env.get("CNI_NETNS", "")
told = Path({folder!r})
mood = (told / ("mood-" + verb)).read_text() if (told / ("mood-" + verb)).exists() else "works"
if mood == "refuses":
    print(json.dumps({{"code": 120, "msg": "told to refuse"}}))
    sys.exit(1)
if mood == "dawdles":
    time.sleep(0.2)
inside = ["ip", "-n", os.path.basename(netns), "link"]
if verb == "ADD":
    subprocess.run([*inside, "add", name, "type", "bridge"], check=True)
if mood == "dies":
    os.kill(os.getpid(), signal.SIGKILL)
if verb == "ADD":
    print(json.dumps({{"cniVersion": "1.1.0", "interfaces": [{{"name": name, "sandbox": netns}}]}}))
if verb == "DEL" and netns:
    subprocess.run([*inside, "delete", name], stderr=subprocess.DEVNULL)
"""


class PromisedNode(MortalNode):
    """Its disks are small, and it boots again when it is told to."""

    def __init__(self, nursery: Nursery) -> None:
        self._kept = contextlib.ExitStack()
        super().__init__(Path(self._kept.enter_context(tempfile.TemporaryDirectory())), nursery)
        self._others: list[str] = []
        """The namespaces of somebody else, with interfaces of the names that pods have."""

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as made:
            self.disks = {folder: made.enter_context(small_disk(folder)) for folder in (self.state, self.ipam)}
            self._boots = made.enter_context(Boots(self.folder))
            super().__enter__()
            self._kept.push(made.pop_all())
        for kind in _EXECUTABLES:
            (self.bin / f"executable-{kind}").symlink_to((self.bin / kind).resolve())
        self.script("moody", _MOODY.format(folder=str(self.folder)))
        self.network("a", self.macvlan(0))
        self.network("b", self._chain("b", 1, ""))
        self.network("c", self._chain("c", 0, "executable-"))
        self.network("moody", {"cniVersion": "1.1.0", "name": "moody", "type": "moody"})
        return self

    def __exit__(self, *_: object) -> None:
        with self._kept:
            for path in (*self._others, *(sandbox.netns for sandbox in self.sandboxes)):
                netns.delete(path)
            super().__exit__()

    def pod(self, networks: str, *, executable: bool) -> Sandbox:
        """One whose default network is the executable's or the driver's; both have the same addresses."""
        kind = "executable-bridge" if executable else "bridge"
        with self._cluster_there():
            return self.sandbox(networks, cluster_network=self.bridge(type=kind))

    def given_up(self, sandbox: Sandbox, seconds: float) -> None:
        """An ADD whose runtime ends the shim so much later."""
        call = launch(sandbox, "ADD")
        with contextlib.suppress(subprocess.TimeoutExpired):
            call.wait(seconds)
        call.kill()
        call.communicate()

    def boot(self, *, taken: bool) -> None:
        """Whether or not others get the paths of namespaces before there is a daemon again."""
        if self.runs:
            self.kill()
        self.wait_for_plugins()
        self._boots.anew()
        for sandbox in self.sandboxes:
            netns.delete(sandbox.netns)
            if taken:
                netns.create(sandbox.netns)
                for name in _OTHERS:
                    sandbox.ip("link", "add", name, "type", "bridge")
                self._others.append(sandbox.netns)
        self.sandboxes.clear()
        for left in ("cni", "plurimus"):
            subprocess.run(["rm", "-rf", f"/run/{left}"], check=True)

    def others_have_all(self) -> None:
        """Somebody else's namespaces are as they were; then they go."""
        while self._others:
            links = snapshot.ip_json("link", namespace=Path(self._others[-1]).name)
            assert {link["ifname"] for link in links} == {"lo", *_OTHERS}, self.said()
            netns.delete(self._others.pop())

    def held(self) -> dict[str, Any]:
        """What is taken on this node, by whom: addresses, ports of the bridge, files."""
        found = snapshot.files(self.ipam)
        leases = {Path(name).name: content.replace("\n", " ") for name, content in found.items()}
        ports = [link["ifname"] for link in snapshot.ip_json("link", "show", "type", "veth")]
        return {"leases": leases, "ports": len(ports), "files": sorted(snapshot.files(self.state))}

    def cluster(self, *, away: bool) -> None:
        here, there = self.manifests, self.folder / "away"
        if away and here.exists():
            here.rename(there)
        if not away and there.exists():
            there.rename(here)

    def feels(self, verb: str, mood: str) -> None:
        """What the plugin `moody` is like from now on."""
        (self.folder / f"mood-{verb}").write_text(mood)

    def recovers(self) -> None:
        """All is well again."""
        self.cluster(away=False)
        for verb in ("ADD", "DEL"):
            self.feels(verb, "works")
        for disk in self.disks.values():
            disk.clear()
        if self.runs:
            self.kill()
        self.start_anew()

    def said(self) -> str:
        """The end of the daemons' log."""
        return self.log.read_text()[-5000:]

    def _chain(self, name: str, rail: int, kind: str) -> dict[str, Any]:
        first = self.macvlan(rail, type=f"{kind}macvlan", ipam=self.host_local(f"10.{rail + 20}.0.0/24"))
        return {"cniVersion": "1.1.0", "name": name, "plugins": [first, {"type": f"{kind}tuning", "mtu": 1400}]}

    @contextmanager
    def _cluster_there(self) -> Iterator[None]:
        away = not self.manifests.exists()
        self.cluster(away=False)
        yield
        self.cluster(away=away)
