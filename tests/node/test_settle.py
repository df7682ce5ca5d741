"""A node that is left while it has pods: what they had is given back once they are gone, and not before."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from plurimus.adapters import netns

from .cluster import Cluster
from .process import eventually
from .runtime import Sandbox
from .test_setup import install, run, uninstall

pytestmark = pytest.mark.usefixtures("root")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(tmp_path) as made:
        yield made


@pytest.fixture
def sandbox(cluster: Cluster) -> Sandbox:
    """Of a pod that was made before the daemon ended."""
    cluster.default_network()
    install(cluster)
    cluster.start()
    eventually(cluster.ours.exists, cluster.log.read_text)
    made = cluster.sandbox_of_runtime()
    run(cluster, made, "ADD").succeeded()
    cluster.stop()
    return made


def done(cluster: Cluster) -> list[tuple[str, str]]:
    return [(Path(row["path"]).name, row["done"]) for row in uninstall(cluster)]


def test_a_pod_that_lives_keeps_what_it_has_and_one_that_is_gone_does_not(cluster: Cluster, sandbox: Sandbox) -> None:
    """F71: nobody else asks for it, since the runtime calls the default network alone."""
    assert done(cluster) == [("00-plurimus.conflist", "removed"), ("plurimus", "kept")]
    assert cluster.made() == [f"ADD {sandbox.id}"]
    netns.delete(sandbox.netns)
    assert done(cluster)[:2] == [(sandbox.id, "removed"), ("plurimus", "removed")]
    assert cluster.made() == [f"ADD {sandbox.id}", f"DEL {sandbox.id}"]
    assert not cluster.state.exists()


def test_what_a_plugin_will_not_delete_stays_on_record(cluster: Cluster, sandbox: Sandbox) -> None:
    """F71: and the shim with it, until another try succeeds."""
    netns.delete(sandbox.netns)
    cluster.refuse_to_delete(True)
    assert done(cluster) == [("00-plurimus.conflist", "removed"), ("plurimus", "kept")]
    assert sandbox.recorded() == ["pods"]
    cluster.refuse_to_delete(False)
    assert (sandbox.id, "removed") in done(cluster)


def test_a_del_that_is_owed_is_paid_without_a_daemon(cluster: Cluster, sandbox: Sandbox) -> None:
    """S5, F71."""
    run(cluster, sandbox, "DEL").succeeded()
    assert cluster.spooled() == [f"{sandbox.id}-eth0.json"]
    assert ("plurimus", "removed") in done(cluster)
    assert cluster.made() == [f"ADD {sandbox.id}", f"DEL {sandbox.id}"]
    assert not cluster.state.exists()


def test_a_namespace_is_gone_only_where_its_folder_can_be_seen(tmp_path: Path, sandbox: Sandbox) -> None:
    """F71: a container without the host's /run/netns knows nothing about the pods."""
    (tmp_path / "leftover").touch()
    places = {path: netns.is_gone(path) for path in (sandbox.netns, str(tmp_path / "leftover"), str(tmp_path / "none"),
                                                     str(tmp_path / "unseen/none"), "")}  # fmt: skip
    assert list(places.values()) == [False, True, True, False, False]


def test_a_namespace_named_by_its_process_is_gone_with_it() -> None:
    """F71: the whole folder goes, as that of a pod's first process."""
    with subprocess.Popen(["sleep", "60"]) as process:
        path = f"/proc/{process.pid}/ns/net"
        assert not netns.is_gone(path)
        process.kill()
        process.wait()
        assert netns.is_gone(path)
