"""Delegates of another version than the runtime's configuration, and lists that offer several versions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .daemon import VERSIONS, Node
from .scripts import PASS_ON, calls, recorder

pairs = pytest.mark.parametrize(
    ("ours", "theirs"), [(ours, theirs) for ours in VERSIONS for theirs in VERSIONS if ours != theirs]
)


@pairs
def test_a_delegate_of_another_version_is_answered_in_the_runtimes(node: Node, ours: str, theirs: str) -> None:
    """F7.  Spec sections 1.4 and 12.4."""
    node.network("rail", node.macvlan(cniVersion=theirs))
    pod = node.sandbox("rail", cluster_network=node.bridge(cniVersion=theirs), version=ours)
    before = node.snapshot()
    result = pod.add()
    assert result["cniVersion"] == ours
    if ours < "0.3.0":
        assert result["ip4"]["ip"] == "10.244.0.2/24"
        assert "interfaces" not in result
    else:
        assert [ip["address"] for ip in result["ips"]] == ["10.244.0.2/24"]
        assert ["version" in ip for ip in result["ips"]] == [ours < "1.0.0"]
        assert ("interfaces" in result) == (theirs >= "0.3.0")  # older delegates have none to tell
    assert pod.cached("pods", "eth0")["result"]["cniVersion"] == theirs
    if ours >= "0.4.0":
        pod.check()
    pod.delete()
    node.is_as(before)


def test_a_result_without_address_cannot_be_said_in_0_2_0_and_nothing_is_left(node: Node) -> None:
    """F7.  Spec section 1.4."""
    pod = node.sandbox(cluster_network=node.macvlan(name="pods", ipam={}), version="0.2.0")
    before = node.snapshot()
    assert "cannot convert: no valid IP addresses" in pod.call("ADD").refused(1)
    node.is_as(before)


def test_a_result_without_version_counts_as_the_delegates(node: Node) -> None:
    """Spec section 1.4."""
    node.script("nameless", 'if env["CNI_COMMAND"] == "ADD":\n    print(\'{"ips": [{"address": "10.1.1.1/24"}]}\')')
    pod = node.sandbox(cluster_network={"cniVersion": "1.0.0", "name": "pods", "type": "nameless"}, version="0.3.1")
    assert pod.add()["ips"] == [{"version": "4", "address": "10.1.1.1/24"}]
    assert pod.cached("pods", "eth0")["result"]["cniVersion"] == "1.0.0"


def test_a_result_of_an_unknown_version_is_an_error_and_nothing_is_left(node: Node) -> None:
    """Spec section 1.4."""
    node.script("future", 'if env["CNI_COMMAND"] == "ADD":\n    print(\'{"cniVersion": "7.0.0"}\')')
    pod = node.sandbox(cluster_network={"cniVersion": "1.0.0", "name": "pods", "type": "future"})
    before = node.snapshot()
    assert "7.0.0" in pod.call("ADD").refused(1)
    node.is_as(before)


@pytest.mark.parametrize(
    ("offered", "single", "chosen"),
    [
        (["0.3.1", "1.0.0"], None, "1.0.0"),
        (["0.4.0", "1.1.0", "1.2.0", "2.0.0"], "0.3.0", "1.1.0"),
        (["0.3.0", "0.3.1"], "0.4.0", "0.4.0"),
    ],
)
def test_a_list_that_offers_versions_runs_in_the_highest_known(
    node: Node, offered: list[str], single: str | None, chosen: str
) -> None:
    """F11."""
    node.script("recorder", recorder(node.calls))
    conf: dict[str, Any] = {"name": "pods", "cniVersions": offered, "plugins": [node.bridge(), {"type": "recorder"}]}
    pod = node.sandbox(cluster_network=conf | ({"cniVersion": single} if single else {}), version="0.4.0")
    pod.add()
    pod.delete()
    assert [call["conf"]["cniVersion"] for call in calls(node.calls)] == [chosen, chosen]


def test_a_list_that_offers_only_later_versions_is_refused(node: Node) -> None:
    """F11."""
    pod = node.sandbox(cluster_network={"name": "pods", "cniVersions": ["2.0.0"], "plugins": [node.bridge()]})
    before = node.snapshot()
    assert "2.0.0" in pod.call("ADD").refused(1)
    assert node.snapshot() == before


def test_a_list_without_version_runs_in_the_runtimes_on_add_and_on_del(node: Node) -> None:
    """S37."""
    node.script("recorder", recorder(node.calls))
    conf = {"name": "pods", "plugins": [node.bridge(), {"type": "recorder"}]}
    pod = node.sandbox(cluster_network=conf, version="0.4.0")
    pod.netconf |= {"delegates": [conf]}
    del pod.netconf["clusterNetwork"]
    pod.add()
    pod.delete()
    assert [call["conf"]["cniVersion"] for call in calls(node.calls)] == ["0.4.0", "0.4.0"]


def test_json_null_is_an_empty_result(node: Node) -> None:
    """Spec section 1.4."""
    node.script("silent", 'if env["CNI_COMMAND"] == "ADD":\n    print("null")')
    pod = node.sandbox(cluster_network={"cniVersion": "1.0.0", "name": "pods", "type": "silent"}, version="1.1.0")
    assert pod.add() == {"cniVersion": "1.1.0"}
    (status,) = pod.network_status()
    assert status == {"name": "pods", "interface": "eth0", "default": True, "dns": {}}


def test_a_plugin_that_passes_its_result_on_changes_nothing(node: Node) -> None:
    """F8."""
    node.script("pass-on", PASS_ON)
    plugins = [node.bridge(), {"type": "pass-on"}, {"type": "pass-on"}]
    pod = node.sandbox(cluster_network={"cniVersion": "1.1.0", "name": "pods", "plugins": plugins})
    result = pod.add()
    assert [link["name"] for link in result["interfaces"]][::2] == ["pods0", "eth0"]
    assert json.dumps(pod.cached("pods", "eth0")["result"]) == json.dumps(result)
