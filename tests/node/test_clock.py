"""A wall clock that jumps: nothing that is waited for is measured by it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .process import eventually
from .runtime import Sandbox
from .surroundings import Preloaded, pod_of

YEAR = 365 * 86400

pytestmark = pytest.mark.usefixtures("root")


def is_forgotten(pod: Sandbox) -> Callable[[], bool]:
    return lambda: not pod.record.exists()


def test_requests_and_debts_go_on_however_the_clock_jumps(tmp_path: Path) -> None:
    """Its first DEL fails and is owed by the daemon, which tries it again in its own time."""
    with Preloaded(tmp_path) as node:
        before = node.snapshot()
        for jump in (10 * YEAR, -10 * YEAR, 0):
            pod = pod_of(node)
            pod.add()
            node.clock_shift.write_text(str(jump))
            pod.check()
            node.stop()
            assert pod.call("DEL").succeeded() == {}  # which the shim spools
            node.start()
            node.clock_shift.write_text(str(-jump))
            eventually(is_forgotten(pod), node.log.read_text)
            assert pod.links() == {}
        years = {line[line.index('"timestamp": "') + 14 :][:4] for line in node.log.read_text().splitlines()}
        assert len(years) > 1, "the daemon's clock has not jumped"
        for sandbox in node.sandboxes:
            before[f"namespace {sandbox.name}"] = node.snapshot()[f"namespace {sandbox.name}"]
        node.is_as(before)
        node.reset()
