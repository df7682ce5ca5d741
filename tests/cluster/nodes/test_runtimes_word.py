"""What containerd itself says of sandboxes, and what goes by it: the sweep, and a daemon's recovery."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
from pathlib import Path
from typing import Any

from plurimus.adapters import cri, daemonsocket, netns
from plurimus.core.config import ConfigFile
from plurimus.node import daemon
from plurimus.node.halfdone import HalfDone
from plurimus.node.request import Requests
from plurimus.node.runtimesword import PATIENCE
from plurimus.node.world import real_world
from tests.cluster import objects
from tests.cluster.client import Client
from tests.cluster.node import Node, Sandbox
from tests.cluster.service import PATIENCE as SECONDS
from tests.cluster.waiting import eventually
from tests.node.daemon import PLURIMUS

from .plurimus import Plurimus
from .pods import delete, pod, running

PODS = ("lives", "lost", "gone")


def forget(node: Node, lost: list[Sandbox]) -> None:
    """Have containerd lose all it knows of sandboxes and their containers; their namespaces stay."""
    node.kubelet.stop()
    for each in lost:
        of_pod = (
            f'labels."io.kubernetes.pod.name"=={each.pod}',
            f'labels."io.kubernetes.pod.namespace"=={each.namespace}',
        )
        for container in node.containerd.ctr("containers", "list", "--quiet", ",".join(of_pod)).split():
            with contextlib.suppress(subprocess.CalledProcessError):  # its status is the task's, which was killed
                node.containerd.ctr("tasks", "delete", "--force", container)
            node.containerd.ctr("containers", "delete", container)
        node.containerd.ctr("sandboxes", "remove", "--force", each.id)
    node.containerd.stop()
    node.containerd.start()
    node.kubelet.start()


def listed(node: Node, config: ConfigFile) -> dict[str, tuple[str, str, str]]:
    """What the adapter makes of containerd's answer."""
    told = asyncio.run(cri.of_node(config.daemon).listed())
    assert told is not None
    return {each.id: (each.namespace, each.name, each.uid) for each in told}


def recovery(plurimus: Plurimus) -> dict[str, Any]:
    """What the daemon says of what it found at its start."""
    status, body = asyncio.run(daemonsocket.fetch(plurimus.sockets / "multus.sock", "/status", timeout=SECONDS))
    assert status == 200
    told: dict[str, Any] = json.loads(body)["recovery"]
    return told


def undone(config: ConfigFile) -> int:
    """Recover as a daemon does that starts now, but in minutes that go by at once; how many are open then."""
    now = 0.0

    async def recover() -> int:
        nonlocal now
        world = real_world(config, None, None)
        half_done = HalfDone(Requests(config, world), world, lambda: now, cri.of_node(config.daemon).ids)
        await half_done.look()
        now += PATIENCE
        return await half_done.look()

    return asyncio.run(recover())


def leaked(plurimus: Plurimus) -> set[str]:
    """The containers that a dry run of the sweep finds dead."""
    command = [PLURIMUS, "gc", "--dry-run", "--json", "--config", plurimus.folder / "daemon.json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode in (0, 3), done.stderr
    report = json.loads(done.stdout)
    assert report["odd"] == []
    return {each["container"] for each in report["findings"] if each["fate"] == "leaked"}


def test_what_containerd_has_lost_is_found_by_the_sweep_and_by_the_next_daemon_and_what_it_lists_lives(
    node: Node, plurimus: Plurimus, admin: Client, namespace: str
) -> None:
    """Decisions 28 and 30."""
    before = plurimus.left()
    plurimus.network("rail", namespace)
    for name in PODS:
        objects.create(admin, pod(name, namespace, "rail"))
    for name in PODS:
        running(admin, name, namespace)
    with plurimus.configured(criSocket=str(node.containerd.socket)):
        config = daemon.load(plurimus.folder / "daemon.json")
        uids = {name: admin.get(objects.path(objects.pod(name, namespace)))["metadata"]["uid"] for name in PODS}
        sandboxes = {name: node.sandbox(namespace, name) for name in PODS}
        told = listed(node, config)
        assert {each.id: (namespace, name, uids[name]) for name, each in sandboxes.items()}.items() <= told.items()
        assert told.keys() == {each.id for each in node.sandboxes()}
        assert leaked(plurimus) == set()

        lost, gone = sandboxes["lost"], sandboxes["gone"]
        forget(node, [lost, gone])
        assert listed(node, config).keys().isdisjoint({lost.id, gone.id})
        for name in ("lost", "gone"):  # kubelet makes them anew
            eventually(lambda name=name: [each for each in node.sandboxes() if each.pod == name])
            running(admin, name, namespace)
        netns.delete(f"/run/netns/{gone.netns}")
        assert leaked(plurimus) == {gone.id}

        plurimus.kill()
        plurimus.daemon.start()
        eventually(plurimus.records, lambda records: gone.id not in records)
        waits = eventually(lambda: recovery(plurimus).get("notListed", []))
        assert [each["what"] for each in waits] == [lost.id]
        assert Path(f"/run/netns/{lost.netns}").exists()
        plurimus.daemon.stop(kindly=True)
        assert undone(config) == 0
        assert plurimus.records() == {each.id for each in node.sandboxes() if each.namespace == namespace}
        plurimus.daemon.start()
    netns.delete(f"/run/netns/{lost.netns}")
    for name in PODS:
        delete(admin, name, namespace)
    plurimus.is_as(before)
