"""Surroundings that fail around a daemon of a test's own: it is stopped, preloaded, or has only just begun."""

from __future__ import annotations

from pathlib import Path

import pytest

from .daemon import Node
from .surroundings import Preloaded, pod_of, processes, small_disk

pytestmark = pytest.mark.usefixtures("root")


def test_a_full_spool_makes_the_runtime_try_again(tmp_path: Path) -> None:
    """The daemon is away, and the shim cannot keep the DEL: it must not say that it succeeded."""
    with Node(tmp_path) as node, small_disk(node.state) as disk:
        pod = pod_of(node)
        before = node.snapshot()
        pod.add()
        node.stop()
        disk.fill()
        said = pod.call("DEL").document
        assert str(node.state) in said["msg"]
        node.start()
        pod.delete()
        disk.clear()
        node.is_as(before)
        node.reset()


def test_a_record_that_does_not_reach_the_disk_refuses_the_pod(tmp_path: Path) -> None:
    """fsync fails: what is in memory may be gone after a crash, and with it the knowledge of what to undo."""
    with Preloaded(tmp_path) as node:
        pod = pod_of(node)
        before = node.snapshot()
        node.fsync_fails.touch()
        answer = pod.call("ADD")
        assert f"cannot write {pod.record}: Input/output error" in answer.refused(5)
        assert "kernel's log" in answer.document["details"]
        assert node.snapshot() == before
        node.fsync_fails.unlink()
        pod.add()
        node.fsync_fails.touch()
        pod.delete()  # of a record that a crash brings back nothing is left to undo
        node.is_as(before)
        node.reset()


@pytest.mark.parametrize("free", [0, 1, 3])
def test_a_daemon_that_may_have_no_more_threads_says_so_and_serves_later(tmp_path: Path, free: int) -> None:
    with Node(tmp_path) as node:
        pod = pod_of(node)
        before = node.snapshot()
        with processes(node, free):
            answer = pod.call("ADD")
            if not free:
                assert "thread" in answer.refused(999)
                assert "limit of processes" in answer.document["details"]
        pod.delete()
        node.is_as(before)
        pod.add()
        pod.delete()
        node.is_as(before)
        node.reset()
