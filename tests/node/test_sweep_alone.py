"""The sweep without being asked, and `plurimus gc` where no daemon runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from plurimus.adapters import netns

from .daemon import Node
from .process import Daemon, eventually
from .test_sweep import end, gc, pods, run

pytestmark = pytest.mark.usefixtures("root")


def test_a_daemon_sweeps_by_itself(tmp_path: Path) -> None:
    with Node(tmp_path, sweepInterval=0.2) as node:
        living, dead = pods(node, 2)
        living.add()
        before = node.snapshot()
        del before[f"namespace {dead.name}"]
        dead.add()
        end(node, dead)
        eventually(lambda: not dead.record.exists(), node.log.read_text)
        node.is_as(before)
        living.check()
        node.reset()


def test_without_a_daemon_nothing_is_given_back_unless_that_is_wanted(tmp_path: Path) -> None:
    with Daemon(tmp_path) as node:
        node.start()
        gone, owed = node.pod(), node.pod()
        gone.add()
        owed.add()
        node.stop()
        owed.delete()
        netns.delete(gone.netns)
        node.sandboxes.remove(gone)
        found = gc(node, "--dry-run", status=3)
        assert {each["kind"] for each in found["findings"]} >= {"sandbox", "owed DEL"}
        refused = run(node)
        assert refused.returncode == 1
        assert "no daemon answers" in refused.stderr
        assert gone.record.exists()
        report = gc(node, "--without-daemon")
        assert {each["done"] for each in report["findings"] if each["fate"] == "leaked"} == {"freed"}
        assert sorted(node.made()[-2:]) == sorted([f"DEL {gone.id}", f"DEL {owed.id}"])
        assert not gone.record.exists()
        assert not owed.record.exists()
        assert node.spooled() == []
