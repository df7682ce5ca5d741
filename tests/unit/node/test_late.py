"""What a process for one call has of the cluster: asked late, told within a bound."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from plurimus.cni.errors import Code, ConfigError
from plurimus.core import config
from plurimus.core.plan import PodReference
from plurimus.model.event import Event
from plurimus.model.ippool import Pool
from plurimus.model.pod import Pod
from plurimus.node.late import Late
from tests import kubeconfigs

from ..adapters.api import Answer, Reply, Server, Silence, serving, status

POD = PodReference("default", "trainer", "uid-1")
EVENTS = [Event("Normal", "AddedInterface", "one"), Event("Normal", "AddedInterface", "two")]


def late(folder: Path, server: Server | None, *, patience: float = 30.0) -> Late:
    """The cluster of a kubeconfig that names `server`; without one there is no such file."""
    path = folder / "kubeconfig"
    if server is not None:
        kubeconfigs.write(path, server.url)
    return Late(config.parse(b"{}"), str(path), patience=patience)


async def test_pods_and_definitions_are_asked_for_and_a_status_is_written(tmp_path: Path) -> None:
    """F40, S14, S47: by live requests, since there is no copy."""
    pod = {"metadata": {"namespace": "default", "name": "trainer", "uid": "uid-1", "annotations": {"other": "x"}}}
    definition = {"metadata": {"namespace": "default", "name": "data"}, "spec": {"config": "{}"}}
    async with serving(Reply(body=pod), Reply(body=definition), status(404), Reply()) as server:
        cluster = late(tmp_path, server)
        found = await cluster.get_pod("default", "trainer", uid="uid-1")
        assert found == Pod("default", "trainer", "uid-1", {})
        network = await cluster.get_definition("default", "data")
        assert network is not None
        assert network.config == "{}"
        assert await cluster.get_pod("default", "gone") is None
        await cluster.write_status(found, "[]")
        await cluster.close()
        assert [seen.method for seen in server.seen] == ["GET", "GET", "GET", "PATCH"]
        assert server.seen[-1].body["metadata"]["uid"] == "uid-1"


async def test_events_are_sent_before_the_end(tmp_path: Path) -> None:
    """F44: one for each reason, however many interfaces there are."""
    async with serving(Reply()) as server:
        cluster = late(tmp_path, server)
        cluster.emit(POD, EVENTS)
        assert server.seen == []
        await cluster.close()
        (seen,) = server.seen
        assert (seen.path, seen.body["message"]) == ("/api/v1/namespaces/default/events", "one\ntwo")


@pytest.mark.parametrize("answer", [Silence(), status(403, "Forbidden", "no"), None])
async def test_events_that_cannot_be_sent_fail_nothing(tmp_path: Path, answer: Answer | None) -> None:
    """Spec section 3.5: nor do they keep the runtime waiting; the last case has no kubeconfig."""
    async with serving(answer or Reply()) as server:
        cluster = late(tmp_path, None if answer is None else server, patience=0.3)
        cluster.emit(POD, EVENTS)
        with capture_logs() as logs:
            await cluster.close()
    assert len(logs) == 1
    assert "could not be sent" in logs[0]["event"]


async def test_nothing_is_asked_where_nobody_asks(tmp_path: Path) -> None:
    """F2: a DEL works without a kubeconfig."""
    with capture_logs() as logs:
        await late(tmp_path, None).close()
    assert logs == []


def test_a_missing_kubeconfig_is_seen_by_status(tmp_path: Path) -> None:
    """F4: code 50, which makes the node not ready."""
    with pytest.raises(
        ConfigError, match=f"pods cannot be started: kubeconfig {tmp_path}/kubeconfig: No such"
    ) as caught:
        late(tmp_path, None).check()
    assert caught.value.code == Code.PLUGIN_NOT_AVAILABLE


async def test_whereabouts_objects_are_where_the_kubeconfig_leads(tmp_path: Path) -> None:
    body = {"spec": {"range": "10.0.0.0/24", "allocations": {}}}
    async with serving(Reply(body=body)) as server:
        cluster = late(tmp_path, server)
        assert await cluster.pools().pool("kube-system", "10.0.0.0-24") == Pool("10.0.0.0/24")
        await cluster.close()
    with pytest.raises(ConfigError, match="kubeconfig"):
        late(tmp_path / "none", None).pools()
