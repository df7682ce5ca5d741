"""Leaving a node: beside requests that are under way there, and beside files of other people."""

from __future__ import annotations

import asyncio
from pathlib import Path

from structlog.testing import capture_logs

from plurimus.adapters.sandboxlocks import FileLocks
from plurimus.cni import conf
from plurimus.core import record
from plurimus.core.plan import Attachment, Plan, PodReference
from plurimus.node import settle
from tests.patience import until

from .test_install import Node, node  # noqa: F401

SANDBOX = "abc"


async def test_a_request_that_has_begun_counts_like_a_pod(node: Node) -> None:  # noqa: F811
    """F71, S3: it may not be on record yet."""
    await node.install()
    async with FileLocks(node.state / ".locks").hold(SANDBOX):
        (step,) = await node.uninstall()
        assert step.done == "kept"
        assert step.note.startswith("1 pods on record")
    await node.uninstall()
    assert node.programs() == []
    assert not node.state.exists()


async def test_what_killed_requests_left_of_their_locks_goes(node: Node) -> None:  # noqa: F811
    """F71."""
    (node.state / ".locks").mkdir()
    for name in (SANDBOX, f".{SANDBOX}"):
        (node.state / ".locks" / name).touch()
    await node.uninstall()
    assert not node.state.exists()


async def test_a_sandbox_that_a_call_works_on_is_settled_behind_it(node: Node, tmp_path: Path) -> None:  # noqa: F811
    """F71, S5: two plugins at once could free what one of them takes."""
    called = tmp_path / "called"
    (node.bin / "told").write_text(f"#!/bin/sh\necho $CNI_COMMAND >>{called}\n")
    (node.bin / "told").chmod(0o755)
    config = conf.parse({"cniVersion": "1.0.0", "name": "rail", "type": "told"})
    plan = Plan(SANDBOX, str(tmp_path / "gone"), PodReference.from_args(()), (Attachment("eth0", config, "rail"),))
    (node.state / SANDBOX).write_bytes(record.encode(plan))
    with capture_logs() as logs:
        async with FileLocks(node.state / ".locks").hold(SANDBOX):
            settling = asyncio.create_task(settle.settle(bin_dir=node.bin, cni_dir=node.state))
            await until(lambda: settling.done() or any("lock" in line for line in logs))
            assert not called.exists()
        assert await settling == [SANDBOX]
    assert called.read_text() == "DEL\n"


async def test_a_file_of_somebody_else_stays_where_thin_kept_its_own(node: Node) -> None:  # noqa: F811
    """F71: a kubeconfig of the administrator's, say."""
    kept = node.conf / "plurimus.d"
    kept.mkdir()
    for name in ("program", "kubeconfig", ".kept", ".program.tmp", ".kubeconfig.tmp", "mine"):
        (kept / name).touch()
    await node.uninstall()
    assert [path.name for path in kept.iterdir()] == ["mine"]
    (kept / "mine").unlink()
    await node.uninstall()
    assert not kept.exists()
