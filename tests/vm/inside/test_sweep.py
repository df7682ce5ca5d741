"""`plurimus gc` and a virtual function that only the files of the driver still know of."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plurimus.adapters import cri, daemonsocket
from tests.criserver import Runtime, sandbox
from tests.node import snapshot
from tests.node.daemon import Node
from tests.node.runtime import Sandbox
from tests.node.test_sweep import DEAD, LISTED, OLD, gc, kept, leaked
from tests.patience import SLOWER

from . import sriov
from .cards import Vf

RESOURCE = "intel.com/sriov_rdma"
SETTINGS = {"vlan": 100, "vlanQoS": 3, "trust": "on", "spoofchk": "off", "mtu": 1400, "capabilities": {"mac": True}}
MAC = "02:00:00:00:00:11"


@pytest.fixture
def runtime() -> Iterator[None]:
    """Where the daemon looks for one, with the sandbox of the living pod."""
    with Runtime(Path(cri.SOCKETS[0]), [sandbox(LISTED)]):
        yield


@pytest.fixture(autouse=True)
def nothing_on_disk() -> Iterator[None]:
    yield
    sriov.forget()


def added(node: Node, container_id: str, vf: Vf, **selected: str) -> Sandbox:
    pod = node.sandbox([{"name": "rail", **selected}], devices={RESOURCE: [vf.pci]})
    pod.id = container_id
    pod.add()
    return pod


def forgotten(node: Node, pod: Sandbox) -> None:
    """Its record and its results are lost."""
    pod.record.unlink()
    for result in (node.state / "results").glob(f"*-{pod.id}-*"):
        result.unlink()


def aged(node: Node, seconds: float) -> None:
    """What is kept for the dead pod was written that long ago."""
    leases = [path for path in node.ipam.rglob("*.*") if path.is_file() and DEAD in path.read_text()]
    assert len(leases) == 2
    for path in (sriov.STATE / f"{DEAD}-net1", *leases):
        os.utime(path, (time.time() - seconds,) * 2)


def swept(node: Node, *, dry_run: bool = False) -> dict[str, Any]:
    """What the daemon answers whom the command asks, too, and which takes seconds to start here."""
    socket, body = Path(node.config["socketDir"]) / "multus.sock", json.dumps({"dryRun": dry_run}).encode()
    asked = daemonsocket.fetch(socket, "/gc", method="POST", timeout=60 * SLOWER, body=body)
    status, content = asyncio.run(asked)
    assert status == 200, content
    report: dict[str, Any] = json.loads(content)
    return report


def there(node: Node, living: Sandbox, vf: Vf) -> dict[str, Any]:
    """What is on disk of pods and their functions, and the function of the living one."""
    link = {key: vf.link(living.name)[key] for key in ("ifname", "address", "mtu")}
    settings = {key: value for key, value in vf.settings().items() if key != "address"}
    on_disk = {"state": snapshot.files(node.state), "addresses": snapshot.files(node.ipam), "functions": sriov.left()}
    return {**on_disk, "link": link, "has": living.addresses(), "settings": settings}


def test_a_function_that_no_living_sandbox_owns_is_given_back(node: Node, vfs: list[Vf], runtime: None) -> None:
    conf = {"cniVersion": "1.0.0", "type": "sriov", "ipam": node.host_local("10.56.0.0/16"), **SETTINGS}
    node.network("rail", conf, **{"k8s.v1.cni.cncf.io/resourceName": RESOURCE})
    home, (lost, other) = sriov.state(vfs[0]), vfs
    living = added(node, LISTED, other)
    before = there(node, living, other)
    dead = added(node, DEAD, lost, mac=MAC)
    assert (lost.link(dead.name)["address"], lost.settings()["address"], sriov.vlan(lost)) == (MAC, MAC, 100)

    forgotten(node, dead)
    aged(node, OLD)
    assert "its network namespace is there" in kept(swept(node, dry_run=True))[lost.pci]
    node.lose(dead)
    node.forget(dead.pod)
    aged(node, 0)
    young = swept(node)
    assert leaked(young) == set()
    assert "a request that has just begun" in kept(young)[lost.pci]
    aged(node, OLD)
    on_disk = sriov.left()
    found = gc(node, "--dry-run", status=3)
    assert ("VF", lost.pci) in leaked(found)
    assert {each["container"] for each in found["findings"] if each["fate"] == "leaked"} == {DEAD}
    assert (sriov.left(), sriov.vlan(lost)) == (on_disk, 100)

    report = gc(node)
    assert {each["done"] for each in report["findings"] if each["fate"] == "leaked"} == {"freed"}
    assert sriov.state(lost) == home
    assert there(node, living, other) == before
    living.check()
    assert gc(node)["findings"] == []
    living.delete()
    sriov.is_home(lost, home)
