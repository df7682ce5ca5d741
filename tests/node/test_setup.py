"""A node's life as the commands and a real daemon lead it: installed, taken over from Multus, looked over, left."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .cluster import Cluster
from .daemon import PLURIMUS
from .process import PATIENCE, eventually
from .runtime import Answer, Sandbox

pytestmark = pytest.mark.usefixtures("root")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(tmp_path) as made:
        yield made


def command(cluster: Cluster, name: str, *more: str) -> list[dict[str, Any]]:
    """What a command did or found."""
    done = subprocess.run(
        [PLURIMUS, name, "--output", "json", *more], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.stdout, done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    assert done.returncode == int(any(row.get("level") == "problem" for row in rows))
    return rows


def install(cluster: Cluster, *more: str) -> list[dict[str, Any]]:
    return command(cluster, "install", "--bin-dir", str(cluster.bin), "--conf-dir", str(cluster.etc), *more)


def uninstall(cluster: Cluster) -> list[dict[str, Any]]:
    places = {"bin-dir": cluster.bin, "conf-dir": cluster.etc, "cni-dir": cluster.state,
              "socket-dir": cluster.config["socketDir"]}  # fmt: skip
    return command(cluster, "uninstall", *(word for key, path in places.items() for word in (f"--{key}", str(path))))


def problems(cluster: Cluster) -> list[str]:
    found = command(cluster, "doctor", "--config", str(cluster.folder / "daemon.json"))
    assert len(found) > 5
    return [row["text"] for row in found if row["level"] == "problem"]


def run(cluster: Cluster, sandbox: Sandbox, verb: str) -> Answer:
    """One verb as a runtime does it: by the program that the configuration names."""
    env = {"CNI_COMMAND": verb, "CNI_PATH": str(cluster.bin), **sandbox.environment()}
    done = subprocess.run(
        [cluster.bin / sandbox.netconf["type"]], input=json.dumps(sandbox.netconf).encode(), env=env,
        capture_output=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    return Answer(done.returncode, done.stdout)


def test_a_node_is_installed_used_and_left_as_it_was(cluster: Cluster) -> None:
    """F81, F65, F71: the shim that was installed is the one that works; in the end only the default network is left."""
    cluster.default_network()
    before = (sorted(path.name for path in cluster.bin.iterdir()), sorted(path.name for path in cluster.etc.iterdir()))
    install(cluster)
    cluster.start()
    eventually(cluster.ours.exists, cluster.log.read_text)
    assert problems(cluster) == []
    sandbox = cluster.sandbox_of_runtime()
    run(cluster, sandbox, "ADD").succeeded()
    cluster.stop()
    assert any("multus.sock" in text for text in problems(cluster))
    assert [row["done"] for row in uninstall(cluster)] == ["removed", "kept"]
    assert not cluster.ours.exists()
    run(cluster, sandbox, "DEL").succeeded()
    assert cluster.spooled() == [f"{sandbox.id}-eth0.json"]
    cluster.spawn()
    eventually(lambda: cluster.spooled() == [], cluster.log.read_text)
    cluster.stop()
    cluster.ours.unlink(missing_ok=True)
    uninstall(cluster)
    left = (sorted(path.name for path in cluster.bin.iterdir()), sorted(path.name for path in cluster.etc.iterdir()))
    assert left == before
    assert not cluster.state.exists()


def test_the_pods_of_multus_are_deleted_by_whom_took_its_place(cluster: Cluster) -> None:
    """S3, F81: under the name in Multus' configuration; new pods get ours without a gap between the two."""
    cluster.default_network()
    multus = {
        "cniVersion": "0.3.1",
        "name": "multus-cni-network",
        "type": "multus-shim",
        "clusterNetwork": str(cluster.etc / "10-pods.conf"),
        "daemonSocketDir": cluster.config["socketDir"],
        "daemonTimeout": 0.1,
        "cniDir": str(cluster.state),
    }
    (cluster.etc / "00-multus.conf").write_text(json.dumps(multus))
    (cluster.bin / "multus-shim").write_text("theirs")
    install(cluster, "--replace-multus")
    waiting = cluster.sandbox_of_runtime()
    assert waiting.netconf == multus
    run(cluster, waiting, "ADD").refused(11)  # instead of a pod with its default network alone
    cluster.start()
    eventually(cluster.ours.exists, cluster.log.read_text)
    run(cluster, waiting, "ADD").succeeded()
    eventually(lambda: sorted(path.name for path in cluster.etc.iterdir()) == [cluster.ours.name, "10-pods.conf"],
               cluster.log.read_text)  # fmt: skip
    assert cluster.stdin()["type"] == "plurimus"
    fresh = cluster.sandbox_of_runtime()
    run(cluster, fresh, "ADD").succeeded()
    for sandbox in (waiting, fresh):
        run(cluster, sandbox, "DEL").succeeded()
        assert sandbox.recorded() == []
    assert cluster.spooled() == []


def test_a_running_daemon_keeps_the_node_from_being_uninstalled(cluster: Cluster) -> None:
    """F71."""
    cluster.default_network()
    install(cluster)
    cluster.start()
    eventually(cluster.ours.exists, cluster.log.read_text)
    done = subprocess.run(
        [PLURIMUS, "uninstall", "--bin-dir", cluster.bin, "--conf-dir", cluster.etc, "--cni-dir", cluster.state,
         "--socket-dir", cluster.config["socketDir"]], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "a daemon is listening" in done.stderr
    assert cluster.ours.exists()
