"""A daemon that is killed while it sweeps for leaks: nobody who lives loses anything, and the next sweep ends it.

PLURIMUS_KILL_EVERY=1 tries every point.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from plurimus.adapters import daemonsocket
from plurimus.cni.errors import ClusterError
from plurimus.core.plan import DEVICE_INFO_DIR
from tests.criserver import Runtime, sandbox
from tests.patience import SLOWER

from .killing import MortalNode, Tally
from .leftovers import settles, there
from .mortal import chosen, empty, mortal_node
from .nursery import Nursery
from .runtime import Sandbox

pytestmark = pytest.mark.usefixtures("root")

DEAD, LISTED = "d" * 64, "a" * 64
INFOS, FOLDERS = Path(DEVICE_INFO_DIR), Path("/run/plurimus/pods")
KINDS = {"os.remove sandbox", "os.remove pods-", "os.remove a-", "os.remove 10.10.", "os.remove 10.244.",
         "os.posix_spawn iptables-restore", "os.remove default-a-", "os.remove .of-", "answer"}  # fmt: skip
STEP = 12


@pytest.fixture
def node(nursery: Nursery, tmp_path: Path) -> Iterator[MortalNode]:
    socket = tmp_path / "cri.sock"
    with (
        Runtime(socket, [sandbox(LISTED)]),
        mortal_node(tmp_path, nursery, "drivers", criSocket=str(socket)) as made,
    ):
        yield made
    for folder in (INFOS, FOLDERS):
        shutil.rmtree(folder, ignore_errors=True)


def pod(node: MortalNode) -> Sandbox:
    node.network("a", node.macvlan(0))
    return node.sandbox("a", cluster_network=node.bridge(ipMasq=True))


def holds(node: MortalNode, container_id: str, number: int) -> None:
    """Whoever it is has been having an address, device information and a folder of its pod for long."""
    lease = node.ipam / "a" / f"10.10.0.{number}"
    lease.write_text(f"{container_id}\r\nnet1")
    info = INFOS / f"default-a-{container_id}_net1"
    uid = f"uid-{container_id[0]}"
    (FOLDERS / uid).mkdir(parents=True, exist_ok=True)
    INFOS.mkdir(parents=True, exist_ok=True)
    info.write_text("{}")
    (FOLDERS / uid / "facts").write_text("of a device")
    (FOLDERS / f".of-{uid}").write_text(container_id)
    for path in (lease, info):
        os.utime(path, (1, 1))


def leak(node: MortalNode) -> None:
    """Two pods go behind everybody's back, one of them off the record, and one is on no record at all."""
    recorded, cached = pod(node), pod(node)
    for each in (recorded, cached):
        each.add()
    cached.record.unlink()
    for each in (recorded, cached):
        node.lose(each)
    holds(node, DEAD, 99)


def sweep(node: MortalNode) -> list[str]:
    """What became of each thing that was leaked."""
    socket = Path(node.config["socketDir"]) / "multus.sock"
    body = json.dumps({"grace": 0}).encode()
    status, content = asyncio.run(daemonsocket.fetch(socket, "/gc", method="POST", timeout=60 * SLOWER, body=body))
    assert status == 200, content
    return [each["done"] for each in json.loads(content)["findings"] if each["fate"] == "leaked"]


def test_a_sweep_that_is_killed_takes_nothing_from_who_lives_and_is_finished_by_the_next(node: MortalNode) -> None:
    empty(node, pod(node))
    living = pod(node)
    living.add()
    holds(node, LISTED, 91)
    before = there(node)
    leak(node)
    done: list[str] = []
    names = node.tried(lambda: done.extend(sweep(node)))
    assert len(done) >= 5
    assert set(done) == {"freed"}
    settles(node, before, "without a kill")
    node.stop()
    tally = Tally("sweep", names, KINDS)
    for at, _ in tally.count(chosen(names, [None], step=STEP)):
        node.start_anew(fatal=at)
        leak(node)
        node.arm()
        with contextlib.suppress(ClusterError):
            sweep(node)
        if not tally.kills(node):
            node.kill()
        node.start_anew()
        assert set(sweep(node)) <= {"freed"}
        settles(node, before, f"killed at {names[at - 1]!r} of a sweep")
        living.check()
        node.stop()
    node.start_anew()
    assert sweep(node) == []
    living.delete()
