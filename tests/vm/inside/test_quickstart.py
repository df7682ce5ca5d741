"""The quick start of an SR-IOV network, literally: by the daemon's drivers, and by sriov-cni and whereabouts."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from plurimus.adapters import netns
from plurimus.model.definition import RESOURCE_NAME
from tests.node.daemon import ROOT, Node
from tests.node.runtime import Sandbox

from . import sriov
from .cards import Vf
from .pings import PINGED, rdma_ping, soften

CONFIG = '{"type":"sriov","vlan":100,"ipam":{"type":"whereabouts","range":"10.56.0.0/16"}}'
RESOURCE = "intel.com/sriov_rdma"
ORIGINALS = {"sriov": ROOT / "build/sriov/sriov", "whereabouts": ROOT / "build/whereabouts/whereabouts"}
FLAT_FILE = Path("/etc/cni/net.d/whereabouts.d/whereabouts.conf")


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of it: all that may not differ between drivers and executables."""

    results: list[Any]
    statuses: list[Any]
    interfaces: list[Any]
    vlans: list[int]
    pinged: list[str]


@pytest.fixture
def by_executables(shared_node: Node, tmp_path: Path) -> Iterator[Node]:
    """A second daemon, on the links of the first, with the originals and the API server that they need."""
    for path in ORIGINALS.values():
        assert path.exists(), f"{path.relative_to(ROOT)} is missing; `make test-vm` builds it"
    assert "KUBECONFIG" in os.environ, (
        "whereabouts needs an API server: run with --control-plane, as `make test-vm` does"
    )
    FLAT_FILE.parent.mkdir(parents=True, exist_ok=True)
    kubernetes = {"kubeconfig": os.environ["KUBECONFIG"]}
    FLAT_FILE.write_text(json.dumps({"datastore": "kubernetes", "kubernetes": kubernetes}))
    folder = tmp_path / "node"
    folder.mkdir()
    node = Node(folder, executables=list(ORIGINALS))
    for name, path in ORIGINALS.items():
        (node.bin / name).symlink_to(path)
    try:
        node.start()
        yield node
    finally:
        for sandbox in node.sandboxes:
            sandbox.call("DEL")
            netns.delete(sandbox.netns)
        node.stop()
        FLAT_FILE.unlink()


def follow(node: Node, vfs: list[Vf]) -> Seen:
    """Two pods from the definition to an RDMA ping and back; every function is home then."""
    homes = [sriov.state(vf) for vf in vfs]
    node.network("sriov-rdma", json.loads(CONFIG), **{RESOURCE_NAME: RESOURCE})
    pods = [node.sandbox("sriov-rdma", devices={RESOURCE: [vf.pci]}) for vf in vfs]
    results = [pod.add() for pod in pods]
    for number, pod in enumerate(pods):
        soften(pod, f"rxe{number}")
    seen = Seen(
        results=[[ip["address"] for ip in result["ips"]] for result in results],
        statuses=[told(pod) for pod in pods],
        interfaces=[interface(vf, pod, home) for vf, pod, home in zip(vfs, pods, homes, strict=True)],
        vlans=[sriov.vlan(vf) for vf in vfs],
        pinged=rdma_ping(*pods),
    )
    for pod in pods:
        pod.delete()
    for vf, home in zip(vfs, homes, strict=True):
        sriov.is_home(vf, home)
    return seen


def told(pod: Sandbox) -> dict[str, Any]:
    """The network status of net1.

    Without the MAC, which results have from CNI 0.3.0 on: this sriov-cni answers in the newest version it knows, the
    driver, like later releases, in that of the configuration, which names none.
    """
    (status,) = [each for each in pod.network_status() if each["name"] == "default/sriov-rdma"]
    return {key: value for key, value in status.items() if key != "mac"}


def interface(vf: Vf, pod: Sandbox, home: dict[str, Any]) -> tuple[str, bool, list[str]]:
    """The function in the pod: its name, whether it has its own MAC, its addresses."""
    link = vf.link(pod.name)
    return link["ifname"], link["address"] == home["address"], pod.addresses()["net1"]


def test_drivers_and_executables_follow_the_quick_start_alike(node: Node, by_executables: Node, vfs: list[Vf]) -> None:
    """F8, F31."""
    ours = follow(node, vfs)
    assert ours.vlans == [100, 100]
    assert ours.pinged == PINGED
    assert ours.interfaces == [("net1", True, ["10.56.0.1/16"]), ("net1", True, ["10.56.0.2/16"])]
    assert [(status["interface"], status["ips"]) for status in ours.statuses] == [
        ("net1", ["10.56.0.1"]),
        ("net1", ["10.56.0.2"]),
    ]
    assert follow(by_executables, vfs) == ours
