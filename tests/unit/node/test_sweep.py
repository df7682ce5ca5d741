"""A sweep of whereabouts' addresses goes by the API server's word, and does nothing without it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from plurimus.adapters.apiserver import ApiServer
from plurimus.adapters.kubeconfig import Access
from plurimus.adapters.kubernetes import KubernetesCluster
from plurimus.cni import gojson
from plurimus.core import measured
from plurimus.core.config import ConfigFile, parse
from plurimus.node.recovery import Debts
from plurimus.node.request import Requests
from plurimus.node.sweep import GRACE, Report, Sweep
from plurimus.node.world import World, real_world
from tests.criserver import Runtime

from ..drivers.pools import Node, Shelf
from ..drivers.test_whereaboutsslices import SLICED

GONE, RUNS, AWAY = "d" * 64, "a" * 64, "b" * 64
NODE = "node-1"
POOL = "rail0-node-1-10.0.0.0-26"
IPAM = {"type": "whereabouts", "range": "10.0.0.0/24", **SLICED}


class Cluster:
    """An API server with the pods `here`, and `elsewhere` on other nodes; without `answers` it refuses."""

    def __init__(self) -> None:
        self.here: list[dict[str, Any]] = []
        self.elsewhere: set[str] = set()
        self.answers = True

    def runs(self, name: str, **annotations: str) -> None:
        metadata = {"namespace": "ns", "name": name, "uid": f"uid-{name}", "annotations": annotations}
        self.here.append({"metadata": metadata, "spec": {}, "status": {"phase": "Running"}})

    async def answer(self, request: web.Request) -> web.Response:
        if not self.answers:
            return web.json_response({"code": 403, "reason": "Forbidden", "message": "no"}, status=403)
        if request.path == "/api/v1/pods":
            assert request.query["fieldSelector"] == f"spec.nodeName={NODE}"
            return web.json_response({"metadata": {}, "items": self.here})
        name = request.path.rpartition("/")[2]
        if name in self.elsewhere:
            return web.json_response({"metadata": {"namespace": "ns", "name": name}})
        return web.json_response({"code": 404, "reason": "NotFound", "message": "none"}, status=404)


@pytest.fixture
async def cluster() -> AsyncIterator[tuple[Cluster, ApiServer]]:
    made, app = Cluster(), web.Application()
    app.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    api = ApiServer(Access(f"http://127.0.0.1:{runner.addresses[0][1]}"), timeout=5)
    yield made, api
    await api.close()
    await runner.cleanup()


def config(folder: Path) -> ConfigFile:
    document = {
        "chrootDir": str(folder / "root"),
        "cniDir": str(folder / "state"),
        "criSocket": "/cri.sock",
        "delegates": [{"cniVersion": "1.0.0", "name": "rail", "type": "macvlan", "ipam": IPAM}],
    }
    return parse(gojson.encode(document).encode())


async def swept(folder: Path, api: ApiServer, shelf: Shelf, **options: Any) -> Report:
    """Sweep a node whose runtime has no sandbox."""
    read = config(folder)
    world = real_world(read, KubernetesCluster(api, NODE), None, lambda: shelf, chroot=str(folder / "root"))
    with Runtime(folder / "root/cri.sock"):
        return await sweep_of(read, world, lambda: 0.0).sweep(**{"grace": 0, **options})


def sweep_of(read: ConfigFile, world: World, clock: Callable[[], float]) -> Sweep:
    made = requests(read, world)
    return Sweep(read, world, made, Debts(world.spool, made, clock), clock)


def requests(read: ConfigFile, world: World) -> Requests:
    made = Requests(read, world)
    made.cni_dirs = {str(read.overlay["cniDir"])}  # and not this machine's own
    return made


async def shelf_of(folder: Path) -> Shelf:
    shelf = Shelf()
    node = Node(shelf, folder, NODE)
    for pod, container in (("gone", GONE), ("runs", RUNS), ("away", AWAY)):
        await node.add(pod, container=container, **SLICED)
    return shelf


@pytest.fixture(autouse=True)
def node_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULTUS_NODE_NAME", NODE)


async def test_addresses_of_pods_that_are_not_here_are_given_back(
    tmp_path: Path, cluster: tuple[Cluster, ApiServer]
) -> None:
    there, api = cluster
    there.runs("runs")
    there.elsewhere.add("away")
    shelf = await shelf_of(tmp_path)
    report = await swept(tmp_path, api, shelf, dry_run=True)
    assert {each.container for each in report.findings if each.fate == "leaked"} == {GONE, AWAY}
    assert len(shelf.held(POOL)) == 3
    report = await swept(tmp_path, api, shelf)
    assert {each.done for each in report.findings} == {"freed"}
    assert list(shelf.held(POOL).values()) == [f"ns/runs net1 {RUNS}"]
    assert list(shelf.reserved().values()) == ["ns/runs net1"]


async def test_nothing_is_given_back_where_the_api_server_does_not_say(
    tmp_path: Path, cluster: tuple[Cluster, ApiServer]
) -> None:
    there, api = cluster
    shelf = await shelf_of(tmp_path)
    there.answers = False
    report = await swept(tmp_path, api, shelf)
    assert {each.fate for each in report.findings} == {"kept"}
    assert "does not tell where pod ns/gone is" in report.findings[0].why
    assert any("403" in text for text in report.odd)
    assert len(shelf.held(POOL)) == 3


async def test_what_has_no_age_waits_from_the_first_look_that_saw_it(
    tmp_path: Path, cluster: tuple[Cluster, ApiServer]
) -> None:
    _, api = cluster
    shelf, now = await shelf_of(tmp_path), [0.0]
    read = config(tmp_path)
    world = real_world(read, KubernetesCluster(api, NODE), None, lambda: shelf, chroot=str(tmp_path / "root"))
    sweep = sweep_of(read, world, lambda: now[0])
    before = measured.LEAKS_FREED.value("allocation")
    with Runtime(tmp_path / "root/cri.sock"):
        for clock, left in ((0.0, 3), (GRACE - 1, 3), (GRACE, 0)):
            now[0] = clock
            await sweep.sweep()
            assert len(shelf.held(POOL)) == left
    assert measured.LEAKS_FREED.value("allocation") == before + 3


async def test_a_running_pod_that_asks_for_networks_and_has_no_record_is_silent(
    tmp_path: Path, cluster: tuple[Cluster, ApiServer]
) -> None:
    there, api = cluster
    there.runs("asks", **{"k8s.v1.cni.cncf.io/networks": "rail"})
    there.runs("plain")
    there.runs("host", **{"k8s.v1.cni.cncf.io/networks": "rail"})
    there.here[-1]["spec"]["hostNetwork"] = True
    there.runs("ends", **{"k8s.v1.cni.cncf.io/networks": "rail"})
    there.here[-1]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    there.runs("waits", **{"k8s.v1.cni.cncf.io/networks": "rail"})
    there.here[-1]["status"]["phase"] = "Pending"
    report = await swept(tmp_path, api, Shelf())
    assert [each.pod for each in report.silent_pods] == ["ns/asks"]
