"""What each plugin of a chain is given, in which order, and where a chain stops."""

from __future__ import annotations

from typing import Any

import pytest

from .daemon import Node
from .runtime import Sandbox
from .scripts import FAIL, PASS_ON, calls, recorder


@pytest.fixture
def recorded(node: Node) -> Node:
    """The node with a plugin that writes its calls down."""
    node.script("recorder", recorder(node.calls))
    return node


def chained(node: Node, *more: dict[str, Any], version: str = "1.1.0", **keys: Any) -> Sandbox:
    """A sandbox whose default network is a bridge with `more` plugins behind it."""
    conf = {"cniVersion": version, "name": "pods", "plugins": [node.bridge(), *more], **keys}
    return node.sandbox(cluster_network=conf, version=version)


def test_each_plugin_gets_name_and_version_of_the_list_and_the_result_so_far(recorded: Node) -> None:
    """F8.  Spec section 1.5."""
    own = {"type": "recorder", "name": "mine", "cniVersion": "0.3.0", "kept": {"Any": [1, 2.5]}}
    pod = chained(recorded, own, own)
    result = pod.add()
    first, second = (call["conf"] for call in calls(recorded.calls))
    assert first == second == {**own, "name": "pods", "cniVersion": "1.1.0", "prevResult": result}


@pytest.mark.parametrize("version", ["0.3.1", "0.4.0", "1.0.0"])
def test_del_runs_backwards_and_has_the_cached_result_from_0_4_0_on(recorded: Node, version: str) -> None:
    """F2, F8, F12.  Spec section 1.5."""
    pod = chained(recorded, {"type": "recorder", "number": 1}, {"type": "recorder", "number": 2}, version=version)
    result = pod.add()
    pod.delete()
    verbs = [(call["verb"], call["conf"]["number"]) for call in calls(recorded.calls)]
    assert verbs == [("ADD", 1), ("ADD", 2), ("DEL", 2), ("DEL", 1)]
    for call in calls(recorded.calls)[2:]:
        assert call["conf"].get("prevResult") == (result if version >= "0.4.0" else None)


def test_check_runs_forwards_with_the_cached_result(recorded: Node) -> None:
    """F3, F12.  Spec section 1.5."""
    pod = chained(recorded, {"type": "recorder", "number": 1}, {"type": "recorder", "number": 2})
    result = pod.add()
    pod.check()
    checks = [call["conf"] for call in calls(recorded.calls)[2:]]
    assert [(conf["number"], conf["prevResult"]) for conf in checks] == [(1, result), (2, result)]


def test_the_networks_of_a_pod_are_deleted_last_first(recorded: Node) -> None:
    """F2."""
    for name in "abc":
        recorded.network(name, {"cniVersion": "1.1.0", "type": "recorder"})
    pod = recorded.sandbox("a,b,c")
    pod.add()
    pod.delete()
    assert [(call["verb"], call["conf"]["name"]) for call in calls(recorded.calls)] == [
        *(("ADD", name) for name in "abc"),
        *(("DEL", name) for name in "cba"),
    ]


def test_del_stops_at_the_plugin_that_fails_and_the_rest_is_done_next_time(recorded: Node) -> None:
    """F8.  Spec section 1.5."""
    recorded.script("stuck", f'{FAIL}\nif env["CNI_COMMAND"] == "DEL":\n    fail(120, "not yet"){PASS_ON}')
    pod = chained(recorded, {"type": "stuck"}, {"type": "recorder"})
    before = recorded.snapshot()
    pod.add()
    said = pod.call("DEL").refused(120)
    assert 'plugin type="stuck" failed (delete): not yet' in said
    assert "eth0" in pod.links()  # the bridge's turn had not come
    assert pod.recorded() == ["pods"]
    assert pod.cached("pods", "eth0")
    recorded.script("stuck", PASS_ON)
    pod.delete()
    recorded.is_as(before)
    assert [call["verb"] for call in calls(recorded.calls)] == ["ADD", "DEL", "DEL"]


@pytest.mark.parametrize("disabled", [True, "true", "TRUE"])
def test_a_list_that_disables_check_is_not_checked(recorded: Node, disabled: bool | str) -> None:
    """F10."""
    pod = chained(recorded, {"type": "recorder"}, disableCheck=disabled)
    pod.add()
    pod.ip("link", "delete", "eth0")
    pod.check()
    assert [call["verb"] for call in calls(recorded.calls)] == ["ADD"]


@pytest.mark.parametrize("disabled", [False, "false"])
def test_a_list_that_does_not_disable_check_is_checked(recorded: Node, disabled: bool | str) -> None:
    """F3, F10."""
    pod = chained(recorded, {"type": "recorder"}, disableCheck=disabled)
    pod.add()
    pod.check()
    pod.ip("link", "delete", "eth0")
    assert "eth0" in pod.call("CHECK").refused(999)


def test_a_plugin_is_given_the_pod_and_what_else_the_runtime_said_each_once(recorded: Node) -> None:
    """S36.  Spec section 4.7."""
    recorded.network("rail", {"cniVersion": "1.1.0", "type": "recorder"})
    pod = recorded.sandbox("rail@fast0")
    env = pod.environment() | {"CNI_ARGS": pod.environment()["CNI_ARGS"] + ";X-PRIORITY=7"}
    recorded.call("ADD", pod.netconf, env).succeeded()
    (call,) = calls(recorded.calls)
    assert call["env"] == {
        "CNI_COMMAND": "ADD",
        "CNI_CONTAINERID": pod.id,
        "CNI_NETNS": pod.netns,
        "CNI_IFNAME": "fast0",
        "CNI_PATH": str(recorded.bin),
        "CNI_ARGS": f"IgnoreUnknown=true;K8S_POD_NAMESPACE=default;K8S_POD_NAME={pod.pod};"
        f"K8S_POD_INFRA_CONTAINER_ID={pod.id};K8S_POD_UID={pod.uid};X-PRIORITY=7",
    }


def test_plugins_are_looked_for_in_bin_dir_and_then_in_the_runtimes_path(recorded: Node) -> None:
    """F22, S36.  Spec section 1.5."""
    other = recorded.folder / "other-bin"
    other.mkdir(exist_ok=True)
    (recorded.bin / "recorder").rename(other / "elsewhere")
    recorded.network("rail", {"cniVersion": "1.1.0", "type": "elsewhere"})
    assert 'failed to find plugin "elsewhere"' in recorded.sandbox("rail").call("ADD").refused(999)
    pod, path = recorded.sandbox("rail"), f"/does/not/exist:{other}"
    recorded.call("ADD", pod.netconf, pod.environment() | {"CNI_PATH": path}).succeeded()
    (call,) = calls(recorded.calls)
    assert call["env"]["CNI_PATH"] == f"{recorded.bin}:{path}"
    recorded.call("DEL", pod.netconf, pod.environment() | {"CNI_PATH": path}).succeeded()


def test_a_definition_without_name_runs_under_its_own(recorded: Node) -> None:
    """F45."""
    recorded.network("rail", {"cniVersion": "1.1.0", "type": "recorder"})
    recorded.network("other", {"cniVersion": "1.1.0", "type": "recorder", "name": "fabric"})
    pod = recorded.sandbox("rail,other")
    pod.add()
    assert [call["conf"]["name"] for call in calls(recorded.calls)] == ["rail", "fabric"]
    assert [status["name"] for status in pod.network_status()] == ["pods", "default/rail", "default/other"]
    assert (pod.cached("rail", "net1")["ifName"], pod.cached("fabric", "net2")["ifName"]) == ("net1", "net2")
    pod.delete()
