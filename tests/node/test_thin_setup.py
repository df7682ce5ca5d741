"""The life of a node without a daemon, as the commands and a runtime lead it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

import plurimus

from .cluster import Cluster
from .daemon import PLURIMUS
from .process import PATIENCE, eventually
from .test_setup import install, run, uninstall

pytestmark = pytest.mark.usefixtures("root")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(tmp_path) as made:
        made.default_network()
        yield made


def thin(cluster: Cluster, *more: str | Path) -> list[str | Path]:
    path = cluster.folder / "daemon.json"
    path.write_text(json.dumps(cluster.config))
    return [PLURIMUS, "thin", "--config", path, *more]


def once(cluster: Cluster, *more: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(thin(cluster, "--once", *more), capture_output=True, text=True, check=False, timeout=PATIENCE)


def contents(cluster: Cluster) -> list[list[str]]:
    return [sorted(path.name for path in folder.iterdir()) for folder in (cluster.bin, cluster.etc)]


def test_a_node_without_a_daemon_is_set_up_used_and_left_as_it_was(cluster: Cluster) -> None:
    """F79, F81, F71: the runtime goes by what was written."""
    before = contents(cluster)
    install(cluster)
    done = once(cluster)
    assert done.returncode == 0, done.stderr
    sandbox = cluster.sandbox_of_runtime()
    assert sandbox.netconf["program"] == str(cluster.etc / "plurimus.d/program")
    run(cluster, sandbox, "ADD").succeeded()
    assert sandbox.recorded() == ["pods"]
    run(cluster, sandbox, "CHECK").succeeded()
    run(cluster, sandbox, "STATUS").succeeded()
    assert [row["done"] for row in uninstall(cluster)] == ["removed", "kept"]
    run(cluster, sandbox, "DEL").succeeded()  # by the configuration that the runtime keeps for a sandbox
    assert cluster.made() == [f"{verb} {sandbox.id}" for verb in ("ADD", "CHECK", "STATUS", "DEL")]
    uninstall(cluster)
    assert contents(cluster) == before
    assert not cluster.state.exists()


def test_an_identity_that_only_a_daemon_can_have_is_not_promised(cluster: Cluster) -> None:
    """F76: whoever wants certificates learns that this node goes without."""
    cluster.config["perNodeCertificate"] = {"enabled": True, "bootstrapKubeconfig": "/b", "certDir": "/c"}
    done = once(cluster)
    assert (done.returncode, done.stderr.count("'perNodeCertificate' has no effect")) == (0, 1)


def test_a_node_changes_sides_with_its_pods_alive(cluster: Cluster) -> None:
    """F2, S3: what a daemon made is deleted without one, and back."""
    install(cluster)
    cluster.start()
    eventually(cluster.ours.exists, cluster.log.read_text)
    of_daemon = cluster.sandbox_of_runtime()
    run(cluster, of_daemon, "ADD").succeeded()
    cluster.stop()
    assert once(cluster).returncode == 0
    of_daemon.netconf = cluster.stdin()
    alone = cluster.sandbox_of_runtime()
    assert "program" in alone.netconf
    run(cluster, alone, "ADD").succeeded()
    run(cluster, of_daemon, "DEL").succeeded()
    cluster.start()
    eventually(lambda: "program" not in cluster.stdin(), cluster.log.read_text)
    alone.netconf = cluster.stdin()
    run(cluster, alone, "DEL").succeeded()
    assert (of_daemon.recorded(), alone.recorded()) == ([], [])


def test_the_node_is_kept_until_its_keeper_ends_and_stays_then(cluster: Cluster) -> None:
    """F79, S3: and while it is kept nobody uninstalls it."""
    install(cluster)
    with cluster.log.open("ab") as log:
        keeper = subprocess.Popen(thin(cluster), stderr=log)
    try:
        kept = cluster.etc / "plurimus.d/.kept"
        eventually(lambda: kept.exists() and cluster.ours.exists(), cluster.log.read_text)
        cluster.ours.unlink()
        eventually(cluster.ours.exists, cluster.log.read_text)
        refused = subprocess.run(
            [PLURIMUS, "uninstall", "--bin-dir", cluster.bin, "--conf-dir", cluster.etc, "--cni-dir", cluster.state,
             "--socket-dir", cluster.config["socketDir"]],
            capture_output=True, text=True, check=False, timeout=PATIENCE,
        )  # fmt: skip
        assert (refused.returncode, refused.stdout) == (1, "")
        assert f"`plurimus thin` keeps {cluster.etc}" in refused.stderr
        keeper.terminate()
        assert keeper.wait(PATIENCE) == 0
    finally:
        keeper.kill()
        keeper.wait(PATIENCE)
    assert cluster.ours.exists()
    assert "program" in cluster.stdin()
    uninstall(cluster)
    assert not cluster.ours.exists()


def test_a_node_of_multus_is_taken_over(cluster: Cluster) -> None:
    """S3, F79, F81: its pods are deleted by us, and its configuration counts until ours is there."""
    multus = {"cniVersion": "0.3.1", "name": "multus-cni-network", "type": "multus", "cniDir": str(cluster.state),
              "delegates": [{"cniVersion": "0.3.1", "name": "pods", "type": "told"}]}  # fmt: skip
    (cluster.etc / "00-multus.conf").write_text(json.dumps(multus))
    sandbox = cluster.pod()
    scratch = [{"Conf": {"name": "pods", "type": "told"}, "ConfList": {}, "Name": "pods",
                "Bytes": "eyJjbmlWZXJzaW9uIjoiMC4zLjEiLCJuYW1lIjoicG9kcyIsInR5cGUiOiJ0b2xkIn0="}]  # fmt: skip
    cluster.state.mkdir(exist_ok=True)
    sandbox.record.write_text(json.dumps(scratch))
    install(cluster, "--replace-multus")
    assert once(cluster).returncode == 0
    assert sorted(path.name for path in cluster.etc.iterdir()) == [cluster.ours.name, "10-pods.conf", "plurimus.d"]
    sandbox.netconf = cluster.stdin()
    run(cluster, sandbox, "DEL").succeeded()
    assert cluster.made() == [f"DEL {sandbox.id}"]
    assert sandbox.recorded() == []


@pytest.mark.parametrize(
    ("more", "config", "words"),
    [
        pytest.param((), {"multusAutoconfigDir": "/nowhere"}, "no default network yet", id="no-default-network"),
        pytest.param(("--python", "/nowhere/python"), {}, "/nowhere/python", id="no-python"),
        pytest.param(("--host-root", "/nowhere"), {}, "below /nowhere", id="no-root"),
        pytest.param((), {"multusConfigFile": "/nowhere/70-own.conf"}, "/nowhere/70-own.conf", id="no-file"),
    ],
)
def test_what_cannot_be_set_up_ends_with_status_1(
    cluster: Cluster, more: tuple[str, ...], config: dict[str, str], words: str
) -> None:
    """S16: and says why in one line."""
    cluster.config |= config
    done = once(cluster, *more)
    assert (done.returncode, done.stdout) == (1, "")
    said = done.stderr.splitlines()[-1]
    assert said.startswith("plurimus: ")
    assert words in said
    assert not cluster.ours.exists()


def test_a_configuration_of_ones_own_is_copied(cluster: Cluster, tmp_path: Path) -> None:
    """F79: under its own name."""
    own = {"cniVersion": "1.0.0", "name": "own", "type": "plurimus", "program": str(cluster.etc / "plurimus.d/program"),
           "delegates": [{"cniVersion": "1.0.0", "name": "pods", "type": "told"}]}  # fmt: skip
    (tmp_path / "00-own.conf").write_text(json.dumps(own))
    cluster.config["multusConfigFile"] = str(tmp_path / "00-own.conf")
    assert once(cluster).returncode == 0
    assert json.loads((cluster.etc / "00-own.conf").read_text()) == own
    assert (cluster.etc / "plurimus.d/program").exists()


def copied_python(folder: Path) -> str:
    """A Python with its loader and libraries in `folder`, as a container would put it there; what starts it."""
    (folder / "bin").mkdir(parents=True)
    (folder / "lib").mkdir()
    python = Path(sys.executable).resolve()
    shutil.copy(python, folder / "bin/python3")
    words = subprocess.run(["ldd", python], capture_output=True, text=True, check=True).stdout.split()
    for library in {word for word in words if word.startswith("/")}:
        shutil.copy(library, folder / "lib")
    (loader,) = (folder / "lib").glob("ld-*")
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    (folder / "lib" / version).symlink_to(sysconfig.get_path("stdlib"))
    packages = f"{sysconfig.get_path('purelib')}:{Path(plurimus.__file__).parent.parent}"
    return f"PYTHONHOME={folder} PYTHONPATH={packages} {loader} --library-path {folder}/lib {folder}/bin/python3 -s -P"


def test_a_python_that_a_container_copied_to_the_node_is_started_by_its_own_loader(
    cluster: Cluster, tmp_path: Path
) -> None:
    """Decision 14: several words, and variables before them; the node itself needs no Python."""
    install(cluster)
    done = once(cluster, "--python", copied_python(tmp_path / "opt"))
    assert done.returncode == 0, done.stderr
    words = (cluster.etc / "plurimus.d/program").read_text().splitlines()
    assert words[0] == f"PYTHONHOME={tmp_path}/opt"
    assert words[-2:] == ["-m", "plurimus.cli.cni"]
    sandbox = cluster.sandbox_of_runtime()
    run(cluster, sandbox, "ADD").succeeded()
    run(cluster, sandbox, "DEL").succeeded()
    assert cluster.made() == [f"ADD {sandbox.id}", f"DEL {sandbox.id}"]
