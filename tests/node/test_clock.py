"""A wall clock that jumps: nothing that is waited for is measured by it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .process import eventually
from .runtime import Sandbox
from .scripts import PASS_ON
from .surroundings import Preloaded, pod_of

YEAR = 365 * 86400
FAILED = ("a spooled DEL failed and will be tried again", "a sandbox is not settled and will be looked at again")

pytestmark = pytest.mark.usefixtures("root")


def is_forgotten(pod: Sandbox) -> Callable[[], bool]:
    return lambda: not pod.record.exists()


def test_requests_and_debts_go_on_however_the_clock_jumps(tmp_path: Path) -> None:
    """Each DEL comes while no daemon is there, and is paid by the next."""
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


def test_what_failed_is_tried_again_in_its_own_time_however_the_clock_jumps_back(tmp_path: Path) -> None:
    """A DEL from the spool, and a sandbox whose namespace is gone."""
    with Preloaded(tmp_path) as node:
        node.script("stuck", f"if os.path.exists({str(tmp_path / 'stuck')!r}):\n    sys.exit(3)\n{PASS_ON}")
        network = {"cniVersion": "1.0.0", "name": "pods", "type": "stuck"}
        deleted, lost = node.sandbox(cluster_network=network), node.sandbox(cluster_network=network)
        for pod in (deleted, lost):
            pod.add()
        node.stop()
        assert deleted.call("DEL").succeeded() == {}
        node.lose(lost)
        (tmp_path / "stuck").touch()
        node.clock_shift.write_text(str(10 * YEAR))
        node.start()
        eventually(lambda: all(words in node.log.read_text() for words in FAILED), node.log.read_text)
        node.clock_shift.write_text(str(-10 * YEAR))
        (tmp_path / "stuck").unlink()
        for pod in (deleted, lost):
            eventually(is_forgotten(pod), node.log.read_text)
        node.reset()
