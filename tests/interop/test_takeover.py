"""A node goes from Multus to Plurimus with its pods alive: what the real Multus added, ours deletes without a trace."""

from __future__ import annotations

import base64
import json
import shutil
from typing import Any

import pytest

from plurimus.adapters import netns
from tests.node.runtime import Sandbox
from tests.node.scripts import calls, recorder

from .node import SharedNode
from .pods import Case, all_cases, chains, default_route, peers, single, subdirectory


@all_cases
@peers
def test_what_multus_added_is_deleted_without_a_trace(node: SharedNode, case: Case, peer: str) -> None:
    """F2, F12, F13, F36.  Spec sections 6.4 and 12.3."""
    pod = case(node)
    before = node.snapshot()
    node.add(pod, peer)
    assert node.snapshot() != before
    node.delete(pod, "ours")
    node.is_as(before)


@pytest.mark.parametrize("case", [single, chains, subdirectory, default_route])
@peers
def test_what_multus_added_is_collected_when_the_runtime_forgot_it(node: SharedNode, case: Case, peer: str) -> None:
    """F5, F13, S18."""
    pod = case(node)
    before = node.snapshot()
    node.add(pod, peer)
    assert collect(node, keep=[pod]) == {}
    assert pod.recorded()
    assert collect(node, keep=[]) == {}
    node.is_as(before)


def collect(node: SharedNode, keep: list[Sandbox]) -> dict[str, Any]:
    valid = [{"containerID": pod.id, "ifname": "eth0"} for pod in keep]
    netconf = node.netconf(node.bridge()) | {"cni.dev/valid-attachments": valid}
    return node.call("GC", netconf).succeeded()


@pytest.mark.parametrize("case", [single, chains, default_route])
@peers
def test_pod_and_namespace_may_be_gone(node: SharedNode, case: Case, peer: str) -> None:
    """F2, F13.  Spec section 12.4: pod gone, namespace gone."""
    pod = case(node)
    before = node.snapshot()
    node.add(pod, peer)
    node.forget(pod.pod)
    netns.delete(pod.netns)
    node.multus.let_go()
    node.delete(pod, "ours")
    before.pop(f"namespace {pod.name}")
    node.is_as(before)


@pytest.mark.parametrize("case", [single, chains, default_route])
@pytest.mark.parametrize("harm", ["torn", "missing"])
@peers
def test_without_a_whole_scratch_file_the_result_cache_will_do(
    node: SharedNode, case: Case, harm: str, peer: str
) -> None:
    """S6: the real one then deletes nothing, and says so to nobody."""
    pod = case(node)
    before = node.snapshot()
    node.add(pod, peer)
    if harm == "torn":
        pod.record.write_bytes(pod.record.read_bytes()[:-20])
    else:
        pod.record.unlink()
    with_pod = node.snapshot()
    if harm == "torn":
        node.delete(pod, peer)
        assert node.snapshot() == with_pod
    node.delete(pod, "ours")
    for aside in node.state.glob(".*.unreadable"):
        aside.unlink()
    node.is_as(before)


@pytest.mark.parametrize("case", [single, chains])
@peers
def test_without_a_result_cache_the_scratch_file_will_do(node: SharedNode, case: Case, peer: str) -> None:
    """F13, S6."""
    pod = case(node)
    before = node.snapshot()
    node.add(pod, peer)
    shutil.rmtree(node.state / "results")
    node.delete(pod, "ours")
    node.is_as(before)


def listed_by_path(node: SharedNode) -> Sandbox:
    """A list in a file, which goes on in a file beside it; the plugins write down what they get."""
    node.script("first", recorder(node.calls))
    node.script("second", recorder(node.calls))
    folder = node.confdir / "pods"
    folder.mkdir()
    (folder / "10.conf").write_text(json.dumps({"type": "second", "its-own": "b"}))
    plugins = [node.bridge(ipam={}), {"type": "first", "its-own": "a"}]
    return node.sandbox(cluster_network={"cniVersion": "1.1.0", "name": "pods", "plugins": plugins})


def deleted_with(node: SharedNode) -> list[tuple[str, str]]:
    return [
        (call["conf"]["type"], call["conf"].get("its-own", "")) for call in calls(node.calls) if call["verb"] == "DEL"
    ]


@pytest.mark.parametrize("cache", ["kept", "lost"])
@peers
def test_a_list_by_path_is_deleted_with_all_its_keys_although_the_scratch_file_lost_them(
    node: SharedNode, peer: str, cache: str
) -> None:
    """F9, F13, F16.  Spec section 6.4: up to 4.3.0 `Bytes` has only the keys that every plugin has."""
    pod = listed_by_path(node)
    node.add(pod, peer)
    (element,) = json.loads(pod.record.read_bytes())
    lossy = json.loads(base64.b64decode(element["Bytes"]))
    assert [plugin["type"] for plugin in lossy["plugins"]] == ["bridge", "first", "second"]
    assert "its-own" not in json.dumps(lossy)
    if cache == "lost":
        shutil.rmtree(node.state / "results")
    node.delete(pod, "ours")
    assert deleted_with(node) == [("second", "b"), ("first", "a")]


@peers
def test_multus_itself_deletes_a_list_by_path_without_them(node: SharedNode, peer: str) -> None:
    """Spec section 6.4: why addresses leak there."""
    pod = listed_by_path(node)
    node.add(pod, peer)
    node.delete(pod, peer)
    assert deleted_with(node) == [("second", ""), ("first", "")]
