"""Where the real Multus 4.3.0 fails, or says that all is well: what it does then, and what ours does instead."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from tests.node.scripts import calls, recorder

from .node import SharedNode
from .pods import default_by_name, peers, single

T = TypeVar("T")


@pytest.mark.parametrize("way", ["thin", "thick"])
def test_a_pod_that_is_gone_is_told_to_the_runtime(node: SharedNode, way: str) -> None:
    """S14: Multus makes up a result with the address 0.0.0.0/0, and attaches nothing."""
    pod = single(node)
    node.forget(pod.pod)
    theirs = in_time(lambda: pod.call("ADD", **node.ways[way]))
    assert [ip["address"] for ip in theirs.succeeded()["ips"]] == ["0.0.0.0/0"]
    assert pod.links() == {}
    assert f"pod default/{pod.pod} is not known to the cluster" in pod.call("ADD").refused(11)


def test_of_a_pod_that_is_gone_their_daemon_cannot_tell_in_the_version_of_the_stock_manifest(node: SharedNode) -> None:
    """S14: it panics while converting, and the connection breaks off."""
    env = single(node).environment()
    env["CNI_ARGS"] = "K8S_POD_NAMESPACE=default;K8S_POD_NAME=gone;K8S_POD_UID=gone"
    config = node.netconf(node.bridge(cniVersion="0.3.1"), "0.3.1")
    with node.multus.configured(cniVersion="0.3.1"):
        answer = in_time(lambda: node.multus.post({"CNI_COMMAND": "ADD", **env}, config))
    assert answer == (0, b"")


def in_time(ask: Callable[[], T]) -> T:
    """The answer of Multus, which asks the API server for a pod until its time is over.

    On a busy machine that is in the middle of a request now and then, and another error.
    """
    for _ in range(10):
        answer = ask()
        if "context deadline exceeded" not in str(answer):
            break
    return answer


@pytest.mark.parametrize(
    ("wants", "code"),
    [
        pytest.param({"networks": "[null]"}, 7, id="null-element"),
        pytest.param({"default": "[]"}, 7, id="no-default-network"),
        pytest.param({"networks": "no-plugins"}, 7, id="no-plugins"),
        pytest.param({"networks": '[{"name": "odd-args", "cni-args": {"a": 1}}]'}, 7, id="odd-args"),
    ],
)
def test_what_ends_their_program_is_an_error_with_a_reason(node: SharedNode, wants: dict[str, Any], code: int) -> None:
    """S32: the thin plugin ends by a panic, the daemon breaks off; neither answers in CNI's words."""
    node.network("no-plugins", {"cniVersion": "1.1.0", "name": "no-plugins", "plugins": []})
    node.network("odd-args", node.macvlan(args=7))
    pod = node.sandbox(**wants)
    before = node.snapshot()
    thin = pod.call("ADD", **node.ways["thin"])
    assert (thin.status, thin.stdout) == (2, b"")
    assert "EOF" in pod.call("ADD", **node.ways["thick"]).refused(999)
    assert pod.call("ADD").refused(code).startswith(f"Multus: [default/{pod.pod}/{pod.uid}]: ")
    node.is_as(before)


@peers
def test_check_finds_that_an_interface_has_gone(node: SharedNode, peer: str) -> None:
    """S19: Multus looks at delegates that stand in its own configuration, of which there are none."""
    pod = single(node)
    node.add(pod, peer)
    pod.ip("link", "delete", "net1")
    assert pod.call("CHECK", **node.ways[peer]).succeeded() == {}
    assert "net1" in pod.call("CHECK").refused(999)


@peers
def test_gc_removes_what_the_runtime_does_not_know(node: SharedNode, peer: str) -> None:
    """S18: for Multus all that is in the cache is valid."""
    pod = single(node)
    before = node.snapshot()
    node.add(pod, peer)
    with_pod = node.snapshot()
    netconf = node.netconf(node.bridge()) | {"cni.dev/valid-attachments": []}
    assert node.call("GC", netconf | node.ways[peer]).succeeded() == {}
    assert node.snapshot() == with_pod
    assert node.call("GC", netconf).succeeded() == {}
    node.is_as(before)


@peers
def test_an_interface_name_that_is_asked_for_twice_is_refused_before_anything_runs(node: SharedNode, peer: str) -> None:
    """S34: Multus finds it out when the first of the two is there."""
    node.script("recorder", recorder(node.calls))
    node.network("noted", {"cniVersion": "1.1.0", "name": "noted", "plugins": [node.macvlan(), {"type": "recorder"}]})
    pod = node.sandbox("noted@net2,noted")
    before = node.snapshot()
    assert "interface name net2 already exists" in pod.call("ADD", **node.ways[peer]).refused(999)
    assert [call["verb"] for call in calls(node.calls)] == ["ADD", "DEL", "DEL"]
    node.calls.unlink()
    assert "both get the interface name 'net2'" in pod.call("ADD").refused(7)
    assert calls(node.calls) == []
    pod.delete()  # their scratch file stays after a failed ADD
    node.is_as(before)


@pytest.mark.parametrize("verb", ["STATUS", "GC"])
def test_status_and_gc_of_a_default_network_from_a_file_by_name(node: SharedNode, verb: str) -> None:
    """F4, F5, F15: without a pod to write an event about, Multus panics over a definition that is not there."""
    (node.confdir / "10.conf").write_text(json.dumps(node.bridge()))
    conf = node.netconf(node.bridge()) | {"clusterNetwork": "pods", "cni.dev/valid-attachments": []}
    (node.state / "results").mkdir()
    thin = node.call(verb, conf | node.ways["thin"])
    assert (thin.status, thin.stdout) == (2, b"")
    assert node.multus.post({"CNI_COMMAND": verb}, conf) == (0, b"")
    assert node.call(verb, conf).succeeded() == {}


def test_del_with_the_result_of_another_version_than_the_daemons_own(node: SharedNode) -> None:
    """S5.  Spec section 2.2: its `cniVersion` lies over the configuration, whose `prevResult` it cannot read then."""
    pod = default_by_name(node)
    pod.netconf["cniVersion"] = "0.4.0"
    before = node.snapshot()
    node.add(pod, "thick")
    with_pod = node.snapshot()
    node.delete(pod, "thick")
    assert node.snapshot() == with_pod
    assert "could not parse prevResult" in pod.call("DEL", **node.ways["our-shim"]).refused(999)
    node.delete(pod, "ours")
    node.is_as(before)


def test_their_daemon_needs_a_cluster(node: SharedNode) -> None:
    """F59: only the thin plugin runs without one, as ours does."""
    node.multus.stop()
    try:
        assert node.multus.launch({}).wait(60) == 3
        assert "failed to create in-cluster kube client" in node.multus.log.read_text()
    finally:
        node.multus.stop()
        node.multus.start()


def test_without_a_cluster_the_thin_plugin_makes_what_ours_makes(node: SharedNode) -> None:
    """F59: inline delegates, no status."""
    pod = node.sandbox()
    pod.netconf |= {"delegates": [node.bridge(), node.macvlan(name="rail")], "clusterNetwork": ""}
    before = node.snapshot()
    way = {key: value for key, value in node.ways["thin"].items() if key != "kubeconfig"}
    seen = {}
    for name, keys in (("theirs", way), ("ours", node.ways["ours"])):
        result = pod.call("ADD", **keys).succeeded()
        cached = sorted(path.name for path in (node.state / "results").iterdir())
        seen[name] = (result["routes"], [link["name"] for link in result["interfaces"]][::2], cached, set(pod.links()))
        pod.delete()
    assert seen["theirs"] == seen["ours"]
    assert node.status(pod, "thin") == ""
    node.is_as(before)
