"""GC through the shim: what the runtime names stays as it is, all else of every network goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from plurimus.adapters import netns

from .daemon import Node
from .runtime import Answer, Sandbox
from .scripts import FAIL, PASS_ON, calls, recorder

LEASES = f"""
if env["CNI_COMMAND"] == "GC":
    valid = {{(each["containerID"], each["ifname"]) for each in conf["cni.dev/valid-attachments"]}}
    folder = os.path.join(conf["store"], conf["name"])
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if name[0].isdigit() and tuple(open(path).read().split()) not in valid:
            os.unlink(path)
{PASS_ON}"""
"""The GC of an address plugin, which host-local itself leaves undone: addresses of nobody alive are freed."""


def gc(node: Node, *kept: Sandbox, **more: Any) -> Answer:
    """GC as a runtime asks for it: it knows each sandbox by its own interface."""
    valid = [{"containerID": pod.id, "ifname": "eth0"} for pod in kept]
    return node.call("GC", {**node.netconf(node.bridge()), "cni.dev/valid-attachments": valid, **more})


def sandboxes(node: Node, count: int) -> list[Sandbox]:
    node.network("rail", node.macvlan())
    node.network("other", {"cniVersion": "1.1.0", "plugins": [node.macvlan(1), {"type": "tuning", "mtu": 1400}]})
    return [node.sandbox("rail,other") for _ in range(count)]


def test_stale_sandboxes_are_undone_on_all_networks_and_the_others_are_not_touched(node: Node) -> None:
    """F5, S18."""
    kept, *stale = sandboxes(node, 3)
    kept.add()
    before = node.snapshot()
    for pod in stale:
        pod.add()
    assert gc(node, kept).succeeded() == {}
    node.is_as(before)
    kept.check()
    assert kept.recorded() == ["pods", "default/rail", "default/other"]
    for pod in stale:
        pod.delete()  # as the runtime may still do
    node.is_as(before)
    kept.delete()


def test_no_valid_attachment_leaves_nothing(node: Node) -> None:
    """F5, S18."""
    pods = sandboxes(node, 2)
    before = node.snapshot()
    for pod in pods:
        pod.add()
    gc(node).succeeded()
    node.is_as(before)


def test_all_valid_attachments_lose_nothing(node: Node) -> None:
    """F5, S18."""
    pods = sandboxes(node, 2)
    for pod in pods:
        pod.add()
    before = node.snapshot()
    gc(node, *pods).succeeded()
    assert node.snapshot() == before
    for pod in pods:
        pod.check()


@pytest.mark.parametrize("what", ["no list", "a list of something else"])
def test_a_list_that_cannot_be_read_removes_nothing(node: Node, what: str) -> None:
    """F5."""
    (pod,) = sandboxes(node, 1)
    pod.add()
    before = node.snapshot()
    conf = node.netconf(node.bridge()) | ({} if what == "no list" else {"cni.dev/valid-attachments": ["c1"]})
    assert "nothing was removed" in node.call("GC", conf).refused(7)
    assert node.snapshot() == before


def test_the_older_name_of_the_list_is_read(node: Node) -> None:
    """F5."""
    kept, stale = sandboxes(node, 2)
    kept.add()
    before = node.snapshot()
    stale.add()
    valid = [{"containerID": kept.id, "ifname": "eth0"}]
    node.call("GC", {**node.netconf(node.bridge()), "cni.dev/attachments": valid}).succeeded()
    node.is_as(before)


def test_a_stale_sandbox_without_record_is_known_by_its_cached_results(node: Node) -> None:
    """F5, F12, S18."""
    kept, stale = sandboxes(node, 2)
    kept.add()
    before = node.snapshot()
    stale.add()
    stale.record.unlink()
    gc(node, kept).succeeded()
    node.is_as(before)


@pytest.mark.parametrize("left", ["nothing", "an ordinary file"])
def test_a_stale_sandbox_whose_namespace_has_gone_is_undone(node: Node, left: str) -> None:
    """F5, S18."""
    kept, stale = sandboxes(node, 2)
    kept.add()
    before = node.snapshot()
    del before[f"namespace {stale.name}"]
    stale.add()
    netns.delete(stale.netns)
    node.sandboxes.remove(stale)
    if left == "an ordinary file":
        Path(stale.netns).touch()
    try:
        gc(node, kept).succeeded()
    finally:
        Path(stale.netns).unlink(missing_ok=True)
    node.is_as(before)


def test_addresses_that_only_the_plugin_knows_of_are_freed_by_its_own_gc(node: Node) -> None:
    """F5, S18."""
    node.script("leases", LEASES)
    for name, number in (("rail", 0), ("other", 1)):
        leases = {"type": "leases", "store": str(node.ipam)}
        node.network(name, {"cniVersion": "1.1.0", "plugins": [node.macvlan(number), leases]})
    pod = node.sandbox("rail,other")
    pod.add()
    before = node.snapshot()
    for name, address in (("rail", "10.10.0.99"), ("other", "10.11.0.99")):
        (node.ipam / name / address).write_text("long-gone\r\nnet1")
    gc(node, pod).succeeded()
    node.is_as(before)
    pod.check()


def test_every_network_is_told_of_all_its_living_attachments(node: Node) -> None:
    """F5, S18."""
    node.script("recorder", recorder(node.calls))
    for name in ("rail", "other"):
        node.network(name, {"cniVersion": "1.1.0", "type": "recorder", "kept": name})
    default = {"cniVersion": "1.1.0", "name": "pods", "type": "recorder"}
    first, second = (node.sandbox(networks, cluster_network=default) for networks in ("rail,other", "rail,rail@x"))
    first.add()
    second.add()
    gc(node, first, second, clusterNetwork=first.netconf["clusterNetwork"]).succeeded()
    told = {call["conf"]["name"]: call["conf"] for call in calls(node.calls) if call["verb"] == "GC"}
    alive = {
        "pods": [(first.id, "eth0"), (second.id, "eth0")],
        "rail": [(first.id, "net1"), (second.id, "net1"), (second.id, "x")],
        "other": [(first.id, "net2")],
    }
    assert set(told) == set(alive)
    for name, conf in told.items():
        for key in ("cni.dev/valid-attachments", "cni.dev/attachments"):
            assert sorted((each["containerID"], each["ifname"]) for each in conf[key]) == alive[name]
    assert told["rail"]["kept"] == "rail"


@pytest.mark.parametrize("disabled", [True, "TRUE"])
def test_networks_that_disable_gc_are_not_told_and_their_stale_attachments_go_all_the_same(
    node: Node, disabled: bool | str
) -> None:
    """F10."""
    node.script("recorder", recorder(node.calls))
    plugins = [node.macvlan(), {"type": "recorder"}]
    node.network("rail", {"cniVersion": "1.1.0", "disableGC": disabled, "plugins": plugins})
    kept, stale = node.sandbox("rail"), node.sandbox("rail")
    kept.add()
    before = node.snapshot()
    stale.add()
    gc(node, kept).succeeded()
    node.is_as(before)
    assert [call["verb"] for call in calls(node.calls)] == ["ADD", "ADD", "DEL"]


@pytest.mark.parametrize("version", ["0.4.0", "1.0.0"])
def test_networks_of_older_versions_are_not_told(node: Node, version: str) -> None:
    """F5.  Spec section 1.5."""
    node.script("recorder", recorder(node.calls))
    node.network("rail", {"cniVersion": version, "type": "recorder"})
    pod = node.sandbox("rail")
    pod.add()
    gc(node, pod).succeeded()
    assert [call["verb"] for call in calls(node.calls)] == ["ADD"]


def test_all_is_tried_and_all_failures_are_told(node: Node) -> None:
    """F5, S18."""
    stuck = f'{FAIL}\nif env["CNI_COMMAND"] in ("GC", "DEL"):\n    fail(130, "cannot " + env["CNI_COMMAND"]){PASS_ON}'
    node.script("stuck", stuck)
    node.network("rail", {"cniVersion": "1.1.0", "plugins": [{"type": "stuck"}]})
    node.network("other", node.macvlan(1))
    kept, stale = node.sandbox("rail,other"), node.sandbox("rail,other")
    kept.add()
    stale.add()
    said = gc(node, kept).refused(130)
    assert "cannot DEL" in said
    assert "network 'rail', plugin 'stuck' failed (gc): cannot GC" in said
    assert stale.links() == {}
    assert stale.recorded() == ["default/rail"]
    kept.check()
    node.script("stuck", PASS_ON)
    gc(node, kept).succeeded()
    assert stale.recorded() == []
    kept.check()
