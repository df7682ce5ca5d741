"""The node's CNI configuration as a real daemon keeps it, and as the real shim uses it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from plurimus.cni import conf

from .cluster import Cluster
from .process import PATIENCE, eventually, refuses_to_start

pytestmark = pytest.mark.usefixtures("root")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(tmp_path) as made:
        yield made


def test_a_runtime_reaches_the_daemon_by_it_with_every_verb(cluster: Cluster) -> None:
    """F65, F66: pods get the default network it was made from; GC and STATUS are reachable."""
    cluster.default_network()
    cluster.start()
    eventually(cluster.ours.exists, cluster.log.read_text)
    assert conf.parse(cluster.ours.read_bytes()).plugins[0]["capabilities"] == {"portMappings": True}
    sandbox = cluster.sandbox_of_runtime()
    sandbox.add()
    sandbox.check()
    cluster.call("STATUS", cluster.stdin()).succeeded()
    cluster.call("GC", cluster.stdin(**{"cni.dev/valid-attachments": []})).succeeded()
    assert sandbox.recorded() == []
    verbs = [call.split()[0] for call in cluster.made()]
    assert verbs == ["ADD", "CHECK", "STATUS", "DEL", "GC"]


def test_it_is_there_once_requests_are_served_and_not_before(cluster: Cluster) -> None:
    """Spec section 7.5: a runtime takes the node for ready because of it."""
    cluster.default_network()
    sign = cluster.folder / "ready"
    cluster.config |= {"readinessindicatorfile": str(sign), "readinessTimeout": PATIENCE}
    cluster.spawn()
    eventually(lambda: bool(cluster.logged("waiting for the default network")), cluster.log.read_text)
    assert not cluster.ours.exists()
    sign.touch()
    eventually(cluster.ours.exists, cluster.log.read_text)
    assert cluster.asks("/readyz") == 200
    events = [line["event"] for line in cluster.lines()]
    assert events.index("ready") < events.index("wrote the node's CNI configuration")


def test_a_daemon_that_cannot_serve_writes_none(cluster: Cluster) -> None:
    """Spec section 7.5."""
    cluster.default_network()
    cluster.start()
    eventually(cluster.ours.exists, cluster.log.read_text)
    cluster.ours.unlink()
    assert "another daemon is listening" in refuses_to_start(cluster.folder / "daemon.json")
    eventually(cluster.ours.exists, cluster.log.read_text)  # by the first one, which serves


def test_it_stays_when_the_daemon_ends_and_fails_pods_until_the_next(cluster: Cluster) -> None:
    """S3, F71: no pod starts with the default network alone."""
    cluster.default_network()
    cluster.start()
    eventually(cluster.ours.exists, cluster.log.read_text)
    kept = cluster.ours.read_bytes()
    cluster.config["daemonTimeout"] = 0.1
    for end in (cluster.stop, cluster.kill):
        end()
        assert cluster.ours.read_bytes() == kept
        sandbox = cluster.pod()
        sandbox.netconf = cluster.stdin(daemonTimeout=0.1)
        sandbox.call("ADD").refused(11)
        cluster.config.pop("daemonTimeout", None)
        cluster.start()
        sandbox.add()


def test_it_waits_for_a_default_network_and_follows_it(cluster: Cluster) -> None:
    """F70, S4: instead of ending; the log says what for."""
    cluster.start()
    eventually(lambda: bool(cluster.logged("the node's CNI configuration")), cluster.log.read_text)
    assert "no default network yet" in cluster.logged("the node's CNI configuration")[0]["wrong"]
    stdin = {"cniVersion": "1.1.0", "name": "x", "type": "plurimus", "daemonSocketDir": cluster.config["socketDir"]}
    assert "no default network yet" in cluster.call("STATUS", stdin).refused(50)
    cluster.default_network()
    eventually(cluster.ours.exists, cluster.log.read_text)
    cluster.call("STATUS", cluster.stdin()).succeeded()
    cluster.default_network(capabilities={"bandwidth": True})
    eventually(lambda: b"bandwidth" in cluster.ours.read_bytes(), cluster.log.read_text)
    kept = cluster.ours.read_bytes()
    (cluster.etc / "10-pods.conf").write_text("")
    eventually(lambda: len(cluster.logged("the node's CNI configuration")) == 2, cluster.log.read_text)
    assert cluster.ours.read_bytes() == kept


def test_another_program_that_takes_it_away_is_named_by_status(cluster: Cluster) -> None:
    """S20, F70: as Cilium does in its exclusive mode; the runtime hears code 50."""
    cluster.default_network("05-cilium.conf")
    cluster.start()
    eventually(cluster.ours.exists, cluster.log.read_text)
    stdin = cluster.stdin()
    for _ in range(3):
        eventually(cluster.ours.exists, cluster.log.read_text)
        cluster.call("STATUS", stdin).succeeded()
        cluster.ours.rename(f"{cluster.ours}.cilium_bak")
    eventually(cluster.ours.exists, cluster.log.read_text)
    assert "it seems by Cilium in exclusive mode" in cluster.call("STATUS", stdin).refused(50)
    cluster.sandbox_of_runtime().add()


def test_with_a_file_of_the_administrator_the_daemon_runs_on(cluster: Cluster) -> None:
    """S11, F72: the file is installed as it is, and used."""
    cluster.default_network()
    mine = cluster.folder / "70-mine.conf"
    delegates = [{"cniVersion": "1.0.0", "name": "pods", "type": "told"}]
    mine.write_text(
        json.dumps({"cniVersion": "1.0.0", "name": "mine", "type": "plurimus", "delegates": delegates,
                    "daemonSocketDir": cluster.config["socketDir"]})
    )  # fmt: skip
    cluster.config["multusConfigFile"] = str(mine)
    cluster.start()
    installed = cluster.etc / mine.name
    eventually(installed.exists, cluster.log.read_text)
    assert installed.read_bytes() == mine.read_bytes()
    assert not cluster.ours.exists()
    sandbox = cluster.pod()
    sandbox.netconf = json.loads(installed.read_bytes())
    sandbox.add()
    assert cluster.process.poll() is None
    cluster.stop()
    assert installed.exists()
