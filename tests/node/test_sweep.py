"""`plurimus gc` and the sweep: what was leaked on purpose is given back, the living keep all they have."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from plurimus.adapters import netns
from plurimus.adapters.podfiles import PodFiles
from plurimus.core.plan import DEVICE_INFO_DIR
from tests.criserver import Runtime, sandbox

from . import snapshot
from .daemon import PLURIMUS, Node
from .process import eventually
from .runtime import Sandbox
from .scripts import PASS_ON

DEAD, LISTED, YOUNG = "d" * 64, "a" * 64, "b" * 64
OLD = 3600
EXECUTABLES = ["bridge", "macvlan", "host-local"]


@pytest.fixture(scope="module", params=[[], EXECUTABLES], ids=["drivers", "executables"])
def node_config(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return {"executables": request.param, "criSocket": str(tmp_path_factory.mktemp("cri") / "cri.sock")}


@pytest.fixture
def runtime(node: Node) -> Iterator[Runtime]:
    with Runtime(Path(node.config["criSocket"]), [sandbox(LISTED)]) as made:
        yield made


def run(node: Node, *options: str) -> subprocess.CompletedProcess[str]:
    argv = [PLURIMUS, "gc", "--config", node.folder / "daemon.json", "--json", *options]
    return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)


def gc(node: Node, *options: str, status: int = 0) -> dict[str, Any]:
    done = run(node, *options)
    assert done.returncode == status, (done.stdout, done.stderr, node.log.read_text()[-4000:])
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def leaked(report: dict[str, Any]) -> set[tuple[str, str]]:
    return {(each["kind"], each["what"]) for each in report["findings"] if each["fate"] == "leaked"}


def kept(report: dict[str, Any]) -> dict[str, str]:
    return {each["what"]: each["why"] for each in report["findings"] if each["fate"] == "kept"}


def pods(node: Node, count: int) -> list[Sandbox]:
    node.network("rail", node.macvlan())
    return [node.sandbox("rail") for _ in range(count)]


def end(node: Node, pod: Sandbox) -> None:
    """Its namespace goes behind our back."""
    netns.delete(pod.netns)
    node.sandboxes.remove(pod)


def stored(node: Node) -> list[dict[str, str]]:
    """What is on the disk: the kernel takes its time with a namespace."""
    return [snapshot.files(folder) for folder in (node.state, node.ipam)]


def lease(node: Node, network: str, address: str, container_id: str, age: float = OLD) -> Path:
    path = node.ipam / network / address
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{container_id}\r\nnet1")
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_a_sandbox_whose_namespace_went_behind_our_back_is_undone_and_a_living_one_is_not(
    node: Node, runtime: Runtime
) -> None:
    living, dead = pods(node, 2)
    living.add()
    before = node.snapshot()
    del before[f"namespace {dead.name}"]
    dead.add()
    end(node, dead)
    there = stored(node)
    found = gc(node, "--dry-run", status=3)
    assert ("sandbox", "eth0, net1") in leaked(found)
    assert {each["container"] for each in found["findings"] if each["fate"] == "leaked"} == {dead.id}
    assert found["findings"][0]["pod"] == f"default/{dead.pod}"
    assert stored(node) == there
    report = gc(node)
    assert {each["done"] for each in report["findings"] if each["fate"] == "leaked"} == {"freed"}
    node.is_as(before)
    living.check()
    assert leaked(gc(node, "--dry-run")) == set()


def test_one_that_only_libcnis_cache_knows_is_undone_from_it(node: Node, runtime: Runtime) -> None:
    living, dead = pods(node, 2)
    living.add()
    before = node.snapshot()
    del before[f"namespace {dead.name}"]
    dead.add()
    dead.record.unlink()
    end(node, dead)
    gc(node)
    node.is_as(before)


def test_leases_go_by_the_runtimes_word_and_by_their_age(node: Node, runtime: Runtime) -> None:
    (living,) = pods(node, 1)
    living.add()
    stays = [
        lease(node, "rail", "10.10.0.91", LISTED),
        lease(node, "rail", "10.10.0.92", YOUNG, age=26 * 60),  # a runtime may still be making its sandbox
        lease(node, "rail", "10.10.0.93", "by-hand"),
        lease(node, "unnamed", "10.10.0.94", DEAD),
    ]
    before = node.snapshot()
    path = lease(node, "rail", "10.10.0.99", DEAD)
    found = gc(node, "--dry-run", status=3)
    assert leaked(found) == {("lease", "10.10.0.99")}
    assert set(kept(found)) == {"10.10.0.92", "10.10.0.93"}
    assert path.exists()
    gc(node)
    node.is_as(before)
    assert all(each.exists() for each in stays)
    living.check()


def test_files_of_dead_sandboxes_go_and_others_stay(node: Node, runtime: Runtime) -> None:
    pods(node, 1)[0].add()
    infos, folders = Path(DEVICE_INFO_DIR), Path("/run/plurimus/pods")
    infos.mkdir(parents=True, exist_ok=True)
    folders.mkdir(parents=True, exist_ok=True)
    for container_id in (DEAD, LISTED):
        (infos / f"default-rail-{container_id}_net1").write_text("{}")
        os.utime(infos / f"default-rail-{container_id}_net1", (1, 1))
        (folders / f"uid-{container_id[0]}").mkdir()
        (folders / f".of-uid-{container_id[0]}").write_text(container_id)
    (folders / ".old-0123456789abcdef" / "deeper").mkdir(parents=True)  # a daemon was killed that had put it aside
    try:
        gc(node, "--grace", "0")
        assert [each.name for each in infos.iterdir()] == [f"default-rail-{LISTED}_net1"]
        assert sorted(each.name for each in folders.iterdir()) == [".of-uid-a", "uid-a"]
    finally:
        shutil.rmtree(infos)
        shutil.rmtree(folders)


@pytest.mark.parametrize("how", ["it refuses", "it is away"])
def test_where_the_runtime_does_not_say_nothing_is_given_back(node: Node, how: str) -> None:
    living, dead = pods(node, 2)
    living.add()
    dead.add()
    end(node, dead)
    lease(node, "rail", "10.10.0.99", DEAD)
    before = stored(node)
    socket = Path(node.config["criSocket"])
    with Runtime(socket) if how == "it refuses" else contextlib.nullcontext() as runtime:
        if runtime is not None:
            runtime.refusal = grpc.StatusCode.UNAVAILABLE
        report = gc(node, "--grace", "0")
    assert leaked(report) == set()
    assert str(socket) in kept(report)["10.10.0.99"]
    assert str(socket) in report["odd"][0]
    assert stored(node) == before


def test_a_sandbox_the_runtime_still_lists_is_the_runtimes_to_delete(node: Node, runtime: Runtime) -> None:
    (dead,) = pods(node, 1)
    dead.add()
    runtime.sandboxes.append(sandbox(dead.id))
    end(node, dead)
    before = stored(node)
    assert gc(node)["findings"] == []
    assert stored(node) == before
    assert dead.call("DEL").status == 0


def test_a_sweep_beside_an_add_takes_nothing_of_it(node: Node, runtime: Runtime) -> None:
    gate = node.folder / "gate"
    gate.touch()
    waiting = (
        f'import time\nwhile os.path.exists({str(gate)!r}) and env["CNI_COMMAND"] == "ADD":\n    time.sleep(0.01)\n'
    )
    node.script("waiting", waiting + PASS_ON)
    node.network("rail", {"cniVersion": "1.1.0", "plugins": [node.macvlan(), {"type": "waiting"}]})
    pod = node.sandbox("rail")
    adding = threading.Thread(target=pod.add)
    adding.start()
    try:
        eventually(lambda: any((node.ipam / "rail").glob("10.*")), node.log.read_text)
        before = node.snapshot()
        assert leaked(gc(node, "--grace", "0")) == set()
        assert node.snapshot() == before
    finally:
        gate.unlink()
        adding.join()
    pod.check()


def test_a_pod_that_lost_an_interface_is_told_once_and_the_doctor_says_so(node: Node, runtime: Runtime) -> None:
    silent, well = pods(node, 2)
    silent.add()
    well.add()
    silent.ip("link", "delete", "net1")
    (one,) = gc(node)["silentPods"]
    assert (one["pod"], one["interface"]) == (f"default/{silent.pod}", "net1")
    gc(node)
    events = PodFiles(node.manifests / "status").events("default", silent.pod)
    assert [each.reason for each in events].count("InterfaceMissing") == 1
    doctor = subprocess.run([PLURIMUS, "doctor", "--config", node.folder / "daemon.json", "--output", "json"],
                            capture_output=True, text=True, timeout=120, check=False)  # fmt: skip
    (said,) = [each for each in json.loads(doctor.stdout) if each["subject"] == "pods"]
    assert silent.pod in said["text"]
    assert "delete the pod" in said["todo"]
