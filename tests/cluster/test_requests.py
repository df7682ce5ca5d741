"""ADD and DEL of the runtime while the API server is slow, goes away in the middle, or is not there.

The world is the daemon's own, with a plugin that notes what is attached and waits where it is told to.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from plurimus.adapters import netns
from plurimus.adapters.kubeconfig import Access
from plurimus.adapters.kubernetes import KubernetesCluster
from plurimus.cni.errors import ClusterError, Code
from plurimus.core import config
from plurimus.model.pod import NETWORK_STATUS, Pod
from plurimus.node import daemon
from plurimus.node.late import NODE_NAME
from plurimus.node.recovery import Debts
from plurimus.node.request import Outcome, Request, Requests
from plurimus.node.sweep import Sweep
from plurimus.node.world import NEEDS
from tests import kubeconfigs

from . import objects
from .asdaemon import NODE, annotations, becomes, held, make_pod
from .client import Client
from .controlplane import ControlPlane
from .proxy import Proxy

PLUGIN = """\
#!/bin/sh
cd {folder}
case $CNI_COMMAND in
ADD)
    touch attached/$CNI_IFNAME
    echo '{{"cniVersion": "1.0.0", "interfaces": [{{"name": "'$CNI_IFNAME'", "sandbox": "'$CNI_NETNS'"}}],
           "ips": [{{"address": "10.0.0.2/24", "interface": 0}}]}}'
    ;;
DEL) rm -f attached/$CNI_IFNAME ;;
esac
touch called
while [ -e wait ]; do sleep 0.01; done
"""
PATIENCE = 60.0


class Node:
    """A node whose pods get what the plugin `notes` attaches; the API server is reached through `proxy`."""

    def __init__(self, folder: Path, access: Access, proxy: Proxy, api_timeout: float) -> None:
        self.folder, self.proxy = folder, proxy
        for made in ("bin", "attached", "state"):
            (folder / made).mkdir()
        (folder / "bin/notes").write_text(PLUGIN.format(folder=folder))
        (folder / "bin/notes").chmod(0o755)
        (folder / "default.conf").write_text('{"cniVersion": "1.0.0", "name": "default", "type": "notes"}')
        path = kubeconfigs.write(folder / "kubeconfig", self.proxy.url, ca=access.ca,
                                 user={"tokenFile": str(access.token_file)})  # fmt: skip
        keys = {"kubeconfig": str(path), "apiTimeout": api_timeout, "cniDir": str(folder / "state")}
        self._config = config.parse(json.dumps(keys).encode())
        self.netns = "/run/netns/cluster-requests"
        self.requests: Requests
        self.sweep: Sweep
        self.cluster: KubernetesCluster

    @asynccontextmanager
    async def daemon(self, *, synced: bool = True) -> AsyncIterator[None]:
        """A daemon's parts, wired as it does that; with complete copies, unless there are none to be had."""
        world = daemon.make_world(self._config)
        assert isinstance(world.cluster, KubernetesCluster)
        self.cluster, self.requests = world.cluster, Requests(self._config, world)
        debts = Debts(world.spool, self.requests, time.monotonic)
        self.sweep = Sweep(self._config, world, self.requests, debts, time.monotonic)
        task = asyncio.create_task(world.cluster.run())
        try:
            if synced:
                await asyncio.wait_for(world.cluster.synced(), PATIENCE)
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await world.cluster.close()

    async def call(self, verb: str, pod: Pod) -> Outcome:
        """One call of the runtime."""
        args = f"K8S_POD_NAMESPACE={pod.namespace};K8S_POD_NAME={pod.name};K8S_POD_UID={pod.uid}"
        env = {"CNI_COMMAND": verb, "CNI_CONTAINERID": "c1", "CNI_NETNS": self.netns, "CNI_IFNAME": "eth0",
               "CNI_ARGS": args, "CNI_PATH": str(self.folder / "bin")}  # fmt: skip
        stdin = {"cniVersion": "1.0.0", "name": "node", "type": "plurimus", "cniDir": str(self.folder / "state"),
                 "clusterNetwork": str(self.folder / "default.conf")}  # fmt: skip
        return await self.requests.handle(Request(env, json.dumps(stdin).encode()))

    @asynccontextmanager
    async def during(self, verb: str, pod: Pod) -> AsyncIterator[asyncio.Task[Outcome]]:
        """A call whose first plugin has done its work and does not end before the block does."""
        (self.folder / "called").unlink(missing_ok=True)
        (self.folder / "wait").touch()
        task = asyncio.create_task(self.call(verb, pod))
        try:
            async with asyncio.timeout(PATIENCE):
                while not (self.folder / "called").exists():
                    assert not task.done(), task
                    await asyncio.sleep(0.01)
            yield task
        finally:
            (self.folder / "wait").unlink()

    def attached(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "attached").iterdir())

    def left(self) -> list[str]:
        """What is attached, on record, cached or spooled; what plugins were seen to need is of no pod."""
        files = (path for path in (self.folder / "state").rglob("*") if path.is_file())
        state = [path for path in files if path.name != NEEDS]
        return [*self.attached(), *(str(path) for path in state)]


@pytest.fixture
def api_timeout() -> float:
    return 2.0


@pytest.fixture
async def node(
    tmp_path: Path,
    access: Access,
    control_plane: ControlPlane,
    api_timeout: float,
    root: None,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Node]:
    monkeypatch.setenv(NODE_NAME, NODE)
    async with Proxy.to(control_plane.port) as proxy:
        (tmp_path / "node").mkdir()
        made = Node(tmp_path / "node", access, proxy, api_timeout)
        netns.create(made.netns)
        try:
            yield made
        finally:
            netns.delete(made.netns)


@pytest.fixture
def pod(admin: Client, namespace: str, access: Access) -> Pod:
    """A pod with one network beside the default one."""
    objects.create(admin, objects.network("rail", namespace, '{"cniVersion": "1.0.0", "type": "notes"}'))
    return make_pod(admin, namespace, networks="rail")


@pytest.mark.parametrize("api_timeout", [10.0])
async def test_a_slow_api_server_makes_an_add_slow_and_a_del_not_at_all(node: Node, pod: Pod, admin: Client) -> None:
    """S13: 700 ms for each answer; DEL asks nobody, so it needs nobody to be there."""
    node.proxy.delay = 0.7
    async with node.daemon():
        outcome = await node.call("ADD", pod)
        assert outcome.result is not None
        assert node.attached() == ["eth0", "net1"]
        status = json.loads(annotations(admin, pod)[NETWORK_STATUS])
        assert [element["interface"] for element in status] == ["eth0", "net1"]
        node.proxy.refusing = True
        node.proxy.cut()
        await node.call("DEL", pod)
        assert node.left() == []


@pytest.mark.parametrize("api_timeout", [10.0])
async def test_what_the_slow_api_server_has_not_told_yet_is_asked_for(
    node: Node, namespace: str, admin: Client, access: Access
) -> None:
    """S13, S29: pod and definition are made when the copies are complete, and no event of them came yet."""
    async with node.daemon():
        node.proxy.delay = 0.7
        objects.create(admin, objects.network("new", namespace, '{"cniVersion": "1.0.0", "type": "notes"}'))
        new = make_pod(admin, namespace, "new", networks="new")
        assert held(node.cluster, namespace) == []
        await node.call("ADD", new)
        assert node.attached() == ["eth0", "net1"]
        await node.call("DEL", new)
        assert node.left() == []


async def test_an_api_server_that_stops_during_an_add_has_it_undone(
    node: Node, pod: Pod, control_plane: ControlPlane, admin: Client
) -> None:
    """F40: no status can be written, so the pod does not count as attached; code 11, and a later try succeeds."""
    async with node.daemon():
        try:
            async with node.during("ADD", pod) as adding:
                control_plane.apiserver.stop()
            with pytest.raises(ClusterError) as raised:
                await adding
            assert raised.value.code == Code.TRY_AGAIN_LATER
            assert f"{pod.namespace}/{pod.name}" in raised.value.msg
            assert node.left() == []
        finally:
            control_plane.apiserver.start()
        await node.call("ADD", pod)
        assert node.attached() == ["eth0", "net1"]
        assert NETWORK_STATUS in annotations(admin, pod)
        await node.call("DEL", pod)


async def test_an_api_server_that_stops_during_a_del_is_not_missed(
    node: Node, pod: Pod, control_plane: ControlPlane
) -> None:
    async with node.daemon():
        await node.call("ADD", pod)
        try:
            async with node.during("DEL", pod) as deleting:
                control_plane.apiserver.stop()
            await deleting
            assert node.left() == []
        finally:
            control_plane.apiserver.start()


async def test_a_daemon_that_never_reached_the_api_server_deletes_and_adds_nothing_it_does_not_know(
    node: Node, pod: Pod
) -> None:
    """S13, S14: no placeholder in place of a pod nobody can look up."""
    async with node.daemon():
        await node.call("ADD", pod)
    node.proxy.refusing = True
    async with node.daemon(synced=False):
        await node.call("DEL", pod)
        assert node.left() == []
        with pytest.raises(ClusterError) as raised:
            await node.call("ADD", pod)
        assert raised.value.code == Code.TRY_AGAIN_LATER
        assert node.left() == []


async def test_a_pod_that_is_deleted_during_its_add_is_not_attached(
    node: Node, pod: Pod, namespace: str, admin: Client
) -> None:
    """S14, S47: code 11 and nothing left; a pod of the same name keeps its own status."""
    async with node.daemon():
        async with node.during("ADD", pod) as adding:
            admin.delete(f"/api/v1/namespaces/{namespace}/pods/{pod.name}", {"gracePeriodSeconds": 0})
            another = make_pod(admin, namespace, pod.name, networks="rail")
        with pytest.raises(ClusterError, match="was deleted or replaced") as raised:
            await adding
        assert raised.value.code == Code.TRY_AGAIN_LATER
        assert NETWORK_STATUS not in annotations(admin, another)
        assert node.left() == []


async def test_a_look_for_leaks_costs_one_list_of_this_nodes_pods(
    node: Node, pod: Pod, control_plane: ControlPlane
) -> None:
    """docs/reference/api-requests.md: whatever the number of pods and networks."""
    async with node.daemon():
        await node.call("ADD", pod)
        before = len(control_plane.audit.read_text().splitlines())
        report = await node.sweep.sweep(dry_run=True)
        await node.call("DEL", pod)
    assert (report.findings, report.odd) == ([], [])

    def read() -> list[str]:
        """What was asked for and not written; a request is written down once it was answered."""
        asked = (json.loads(line) for line in control_plane.audit.read_text().splitlines()[before:])
        return [each["requestURI"] for each in asked if each["verb"] in ("get", "list")]

    await becomes(read, [f"/api/v1/pods?limit=500&fieldSelector=spec.nodeName%3D{NODE}"])
