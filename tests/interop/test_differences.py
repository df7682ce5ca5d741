"""Where ours differs from the real Multus 4.3.0 on purpose: what that one does, and what ours does instead."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.node.runtime import Sandbox
from tests.node.scripts import calls, recorder

from .node import SharedNode
from .observe import make
from .pods import MAC, auxiliary, default_route, old_results, peers, single


@peers
def test_the_default_route_moves_to_who_asked_for_it(node: SharedNode, peer: str) -> None:
    """S1, S22: Multus' stays where it was, and its status says the same."""
    pod = default_route(node)
    theirs, ours = make(node, pod, peer), make(node, pod, "ours")
    assert default_routes(theirs.pod) == {("10.244.0.1", "eth0"), ("fd10::1", "net1")}
    assert default_routes(ours.pod) == {("10.10.0.1", "net1"), ("fd10::1", "net1")}
    assert [element.get("gateway") for element in json.loads(theirs.status)] == [["10.244.0.1"], None]
    assert [element.get("gateway") for element in json.loads(ours.status)] == [None, ["10.10.0.1", "fd10::1"]]


@peers
def test_the_cache_says_the_same_of_a_moved_default_route_in_one_spelling(node: SharedNode, peer: str) -> None:
    """F12, S43: Multus writes `::0/0`."""
    pod = default_route(node)
    theirs, ours = (json.loads(make(node, pod, way).cache[f"rail-{pod.id}-net1"]) for way in (peer, "ours"))
    assert theirs["result"]["routes"][1]["dst"] == "::0/0"
    assert ours["result"]["routes"][1]["dst"] == "::/0"
    theirs["result"]["routes"][1]["dst"] = "::/0"
    del ours["config"], theirs["config"], ours["cniArgs"], theirs["cniArgs"]
    assert ours == theirs


def default_routes(pod: dict[str, Any]) -> set[tuple[str, str]]:
    return {(route["gateway"], route["dev"]) for _, route in pod["routes"] if route["dst"] == "default"}


@peers
def test_a_result_without_interfaces_has_a_status(node: SharedNode, peer: str) -> None:
    """S21: Multus writes none."""
    pod = old_results(node)
    theirs, ours = make(node, pod, peer), make(node, pod, "ours")
    assert theirs.status == ""
    assert [(e["name"], e["interface"], e["ips"]) for e in json.loads(ours.status)] == [
        ("pods", "eth0", ["10.244.0.2"]),
        ("default/rail", "net1", ["10.10.0.2"]),
    ]
    assert (ours.result, ours.pod) == (theirs.result, theirs.pod)


@peers
def test_an_auxiliary_chain_is_recorded_whole(node: SharedNode, peer: str) -> None:
    """F23, S21: Multus runs its plugins and keeps only the head of it in the cache."""
    pod = auxiliary(node)
    theirs, ours = make(node, pod, peer), make(node, pod, "ours")
    name = f"extra-{pod.id}-net1"
    assert [plugin["type"] for plugin in theirs.configs()[name]["plugins"]] == ["passthru"]
    assert [plugin["type"] for plugin in ours.configs()[name]["plugins"]] == ["passthru", "taker"]
    assert (ours.result, ours.pod) == (theirs.result, theirs.pod)


@peers
def test_a_default_route_without_a_gateway_is_not_nil_in_the_status(node: SharedNode, peer: str) -> None:
    """S22."""
    ipam = node.host_local("10.10.0.0/24", routes=[{"dst": "0.0.0.0/0"}])
    node.network("rail", node.macvlan(ipam=ipam))
    pod = node.sandbox("rail", cluster_network=node.bridge(isDefaultGateway=False))
    theirs, ours = (json.loads(make(node, pod, way).status)[1] for way in (peer, "ours"))
    assert theirs["gateway"] == ["<nil>"]
    assert ours["gateway"] == ["10.10.0.1"]


@pytest.mark.parametrize(("peer", "passed"), [("thin", ["1", "a"]), ("thick", [])])
def test_what_else_the_runtime_says_in_cni_args_is_passed_on_once(
    node: SharedNode, peer: str, passed: list[str]
) -> None:
    """S36: Multus' thin plugin says all twice, its daemon drops what it does not know."""
    pod = single(node)
    seen = {}
    for way in (peer, "ours"):
        conf, env = pod.netconf | node.ways[way], pod.environment()
        env["CNI_ARGS"] += ";FOR_THE_PLUGIN=a"
        node.call("ADD", conf, env).succeeded()
        seen[way] = [tuple(pair) for pair in pod.cached("rail", "net1")["cniArgs"]]
        node.call("DEL", conf, env).succeeded()
    assert [value for key, value in seen[peer][5:] if key in ("IgnoreUnknown", "FOR_THE_PLUGIN")] == passed
    assert seen["ours"] == [*seen[peer][:5], ("FOR_THE_PLUGIN", "a")]


@peers
def test_the_ports_of_a_pod_reach_its_default_network_alone(node: SharedNode, peer: str) -> None:
    """S24: Multus hands them to every network."""
    node.script("recorder", recorder(node.calls))
    for name in ("pods", "other"):
        conf = {"cniVersion": "1.1.0", "name": name, "type": "recorder", "capabilities": {"portMappings": True}}
        node.network(name, conf, namespace="kube-system")
    pod = node.sandbox("kube-system/other")
    pod.netconf["clusterNetwork"] = "pods"
    pod.runtime_config = {"portMappings": [{"hostPort": 81, "containerPort": 82, "protocol": "udp"}]}
    assert reached(node, pod, peer) == ["pods", "other"]
    assert reached(node, pod, "ours") == ["pods"]


def reached(node: SharedNode, pod: Sandbox, way: str) -> list[str]:
    node.calls.unlink(missing_ok=True)
    make(node, pod, way)
    made = [call["conf"] for call in calls(node.calls) if call["verb"] == "ADD"]
    return [conf["name"] for conf in made if "runtimeConfig" in conf]


@peers
def test_what_the_pod_wants_of_its_own_default_network_reaches_the_plugin(node: SharedNode, peer: str) -> None:
    """S25: Multus gives a default network by annotation no capability args."""
    node.network("special", node.macvlan(ipam={}, capabilities={"mac": True, "ips": True}), namespace="kube-system")
    pod = node.sandbox(default=[{"name": "special", "mac": MAC, "ips": ["10.10.0.9/24"]}])
    theirs, ours = (json.loads(make(node, pod, way).cache[f"special-{pod.id}-eth0"]) for way in (peer, "ours"))
    assert "capabilityArgs" not in theirs
    assert ours["capabilityArgs"] == {"ips": ["10.10.0.9/24"], "mac": "<address of eth0>"}
    assert dict(ours["cniArgs"])["MAC"] == dict(theirs["cniArgs"])["MAC"]


@peers
def test_a_list_without_version_runs_as_one_version(node: SharedNode, peer: str) -> None:
    """S37: Multus adds it as 0.1.0."""
    node.script("recorder", recorder(node.calls))
    node.network("old", {"name": "old", "plugins": [{"type": "recorder"}]})
    pod = node.sandbox("old")
    seen = {}
    for way in (peer, "ours"):
        node.calls.unlink(missing_ok=True)
        node.add(pod, way)
        node.delete(pod, way)
        seen[way] = [(call["verb"], call["conf"]["cniVersion"]) for call in calls(node.calls)]
    assert seen == {peer: [("ADD", ""), ("DEL", "1.1.0")], "ours": [("ADD", "1.1.0"), ("DEL", "1.1.0")]}


def test_the_thin_plugin_answers_in_the_version_of_the_default_network(node: SharedNode) -> None:
    """F7: ours always answers in the one it was asked in, as Multus' shim does."""
    pod = node.sandbox(cluster_network=node.bridge(cniVersion="0.4.0"), version="1.0.0")
    results = {way: json.loads(make(node, pod, way).result) for way in ("thin", "thick", "ours")}
    assert [results[way]["cniVersion"] for way in results] == ["0.4.0", "1.0.0", "1.0.0"]
    assert results["ours"] == results["thick"]


def test_a_missing_definition_is_told_to_the_pod_alike(node: SharedNode) -> None:
    """F44: tools look for the text up to the cause.  The thin plugin ends before it has told anybody."""
    pod = node.sandbox("missing")
    pod.call("ADD", **node.ways["thick"]).refused(999)
    pod.call("ADD").refused(7)
    (theirs,), (ours,) = node.events(pod, "thick", 1), node.events(pod, "ours", 1)
    head = "cannot find a network-attachment-definition (missing) in namespace (default): "
    assert [(reason, text[: len(head)]) for reason, text in (theirs, ours)] == [("NoNetworkFound", head)] * 2
