"""The node's CNI configuration through any sequence of what default networks, other programs and restarts do to it."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from plurimus.cni import conf
from plurimus.core import cnifolder

from ..core.primaries import CALICO, CILIUM, FLANNEL
from .cnifolder import OURS, Folder

NETWORKS = st.sampled_from([CALICO, CILIUM, FLANNEL])
LONG = 600.0
"""Seconds after which no quarrel keeps the file away."""


class Machine(RuleBasedStateMachine):
    """Three default networks that come and go; `disturbed` as long as the file may be what others left."""

    def __init__(self) -> None:
        super().__init__()
        self.path = Path(tempfile.mkdtemp())
        self.folder = Folder(self.path)
        self.ever = False
        """Whether this daemon has written the file."""
        self.disturbed = False

    @rule(name=NETWORKS)
    def install(self, name: str) -> None:
        self.folder.install(name)

    @rule(name=NETWORKS)
    def uninstall(self, name: str) -> None:
        (self.path / name).unlink(missing_ok=True)

    @rule(name=NETWORKS, size=st.integers(0, 60))
    def tear(self, name: str, size: int) -> None:
        """A writer that empties a file before it fills it."""
        path = self.path / name
        if path.exists():
            path.write_bytes(path.read_bytes()[:size])

    @rule(kind=st.sampled_from(["plurimus", "multus", "multus-shim"]))
    def install_what_delegates(self, kind: str) -> None:
        (self.path / "03-other.conf").write_text(json.dumps({"cniVersion": "1.0.0", "name": "x", "type": kind}))

    @rule()
    def uninstall_what_delegates(self) -> None:
        (self.path / "03-other.conf").unlink(missing_ok=True)

    @rule(how=st.sampled_from(["rename", "remove", "change"]))
    def take_away(self, how: str) -> None:
        ours = self.path / OURS
        if not ours.exists():
            return
        self.disturbed = True
        if how == "rename":
            ours.rename(f"{ours}.cilium_bak")
        elif how == "remove":
            ours.unlink()
        else:
            ours.write_text("{}")

    @rule(seconds=st.sampled_from([1.0, 40.0, LONG]))
    def look(self, seconds: float) -> None:
        self.folder.look(seconds)
        error = self.folder.status()
        if seconds == LONG and (error is None or "not in place" not in error.msg):
            self.disturbed = False
        if (self.path / OURS).exists() and not self.disturbed:
            self.ever = True

    @rule()
    def restart(self) -> None:
        """Another daemon, which finds the file as it is."""
        self.folder = Folder(self.path)
        self.ever = False

    @invariant()
    def it_is_never_torn_nor_calls_itself(self) -> None:
        """S4, S35: whatever is there was made whole, and leads to a default network."""
        ours = self.path / OURS
        if ours.exists() and not self.disturbed:
            (plugin,) = conf.parse(ours.read_bytes()).plugins
            assert not cnifolder.is_own(plugin["clusterNetwork"])
            assert Path(plugin["clusterNetwork"]).name in (CALICO, CILIUM, FLANNEL)

    @invariant()
    def it_stays_once_it_was_there(self) -> None:
        """S3, S4."""
        if self.ever and not self.disturbed:
            assert (self.path / OURS).exists()

    def teardown(self) -> None:
        """In the end the first readable default network wins, however long it takes, and all is well."""
        self.uninstall_what_delegates()
        self.folder.install(CILIUM)
        for _ in range(2):
            self.folder.look(LONG)
        assert self.folder.network() == CILIUM
        assert self.folder.status() is None
        shutil.rmtree(self.path)


Machine.TestCase.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)
TestMachine = Machine.TestCase
