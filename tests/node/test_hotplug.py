"""The `/delegate` endpoint, called as the dynamic networks controller does, with a real macvlan."""

from __future__ import annotations

from typing import Any

import pytest

from .daemon import Node
from .runtime import Answer, Sandbox
from .scripts import FAIL, PASS_ON, calls, recorder

MAC = "02:00:00:00:66:01"


@pytest.fixture(scope="module")
def node_config() -> dict[str, Any]:
    """Keys that would change a definition if they were laid over it; macvlan's executable, which can be missing."""
    keys = {"cniVersion": "0.4.0", "name": "the-daemons", "logToStderr": True, "capabilities": {"ips": False}}
    return keys | {"executables": ["macvlan"]}


def plug(pod: Sandbox, verb: str, config: dict[str, Any], ifname: str = "hot0", **attributes: Any) -> Answer:
    """One request of the controller; `attributes` are its interfaceAttributes."""
    env = pod.environment(ifname) | {"CNI_COMMAND": verb}
    more = {"interfaceAttributes": attributes} if attributes else {}
    return pod.node.post("/delegate", env, config, **more)


def rail(node: Node, number: int = 0, **more: Any) -> dict[str, Any]:
    return node.macvlan(number, name="rail", **more)


def test_an_interface_is_added_to_a_running_pod_and_taken_away(node: Node) -> None:
    """F61.  Spec section 7.2."""
    pod = node.sandbox()
    pod.add()
    before = node.snapshot()
    result = plug(pod, "ADD", rail(node)).succeeded()["Result"]
    assert result["cniVersion"] == "1.1.0"
    (link,) = result["interfaces"]
    assert (link["name"], link["sandbox"], link["mac"]) == ("hot0", pod.netns, pod.links()["hot0"]["address"])
    assert result["ips"] == [{"address": "10.10.0.2/24", "gateway": "10.10.0.1", "interface": 0}]
    assert pod.addresses() == {"eth0": ["10.244.0.2/24"], "hot0": ["10.10.0.2/24"]}
    assert pod.events()[-1] == ("AddedInterface", "Add hot0 [10.10.0.2/24] from rail")
    plug(pod, "DEL", rail(node)).succeeded()
    node.is_as(before)
    pod.check()


def test_the_pods_del_takes_a_plugged_interface_along(node: Node) -> None:
    """F61, S10."""
    node.network("other", node.macvlan(1))
    pod = node.sandbox("other")
    before = node.snapshot()
    pod.add()
    plug(pod, "ADD", rail(node)).succeeded()
    assert pod.recorded() == ["pods", "default/other", "rail"]
    pod.delete()
    node.is_as(before)


def test_a_plugged_interface_is_checked_with_the_pod_and_kept_by_gc(node: Node) -> None:
    """F3, F5, F61, S10, S18."""
    pod = node.sandbox()
    pod.add()
    plug(pod, "ADD", rail(node)).succeeded()
    before = node.snapshot()
    valid = [{"containerID": pod.id, "ifname": "eth0"}]
    node.call("GC", {**pod.netconf, "cni.dev/valid-attachments": valid}).succeeded()
    assert node.snapshot() == before
    pod.check()
    pod.ip("link", "delete", "hot0")
    assert 'error checking network "rail"' in pod.call("CHECK").refused(999)


def test_addresses_mac_and_cni_args_reach_plugin_and_kernel(node: Node) -> None:
    """F29, F30, F34, F61."""
    node.script("recorder", recorder(node.calls))
    pod = node.sandbox()
    pod.add()
    static = node.macvlan(ipam={"type": "static"}, capabilities={"ips": True, "mac": True})
    config = {"cniVersion": "1.0.0", "name": "rail", "plugins": [static, {"type": "recorder"}]}
    asked = {"ips": ["10.70.0.9/24"], "mac": MAC, "cni-args": {"color": "red"}}
    plug(pod, "ADD", config, **asked).succeeded()
    assert (pod.links()["hot0"]["address"], pod.addresses()["hot0"]) == (MAC, ["10.70.0.9/24"])
    (call,) = calls(node.calls)
    assert call["conf"]["args"] == {"cni": {"color": "red"}}
    assert f"K8S_POD_NAME={pod.pod};" in call["env"]["CNI_ARGS"]
    assert call["env"]["CNI_ARGS"].endswith(f"MAC={MAC};IP=10.70.0.9/24")
    pod.delete()


@pytest.mark.parametrize("form", ["single", "list"])
def test_the_daemons_configuration_is_not_laid_over_the_definition(node: Node, form: str) -> None:
    """F64, S26."""
    node.script("recorder", recorder(node.calls))
    pod = node.sandbox()
    pod.add()
    own = {"type": "recorder", "logToStderr": False, "capabilities": {"ips": True}}
    single = {"cniVersion": "1.0.0", "name": "rail", **own}
    plug(pod, "ADD", single if form == "single" else {"cniVersion": "1.0.0", "name": "rail", "plugins": [own]})
    (call,) = calls(node.calls)
    assert call["conf"] == single
    cached = pod.cached("rail", "hot0")["result"]
    assert cached == {"cniVersion": "1.0.0"}


def test_two_networks_may_be_plugged_and_each_is_unplugged_alone(node: Node) -> None:
    """F61, S10."""
    pod = node.sandbox()
    before = node.snapshot()
    pod.add()
    other = node.macvlan(1, name="other")
    plug(pod, "ADD", rail(node)).succeeded()
    plug(pod, "ADD", other, "hot1").succeeded()
    plug(pod, "DEL", rail(node)).succeeded()
    assert pod.recorded() == ["pods", "other"]
    assert sorted(pod.addresses()) == ["eth0", "hot1"]
    pod.delete()
    node.is_as(before)


@pytest.mark.parametrize("verb", ["CHECK", "STATUS"])
def test_check_and_status_pass_and_fail_with_the_plugins_words(node: Node, verb: str) -> None:
    """F61, S20."""
    pod = node.sandbox()
    pod.add()
    unwell = (
        f'{FAIL}\nif env["CNI_COMMAND"] == {verb!r} and os.path.exists("{node.folder}/ill"):\n    fail(50, "unwell")'
    )
    node.script("unwell", unwell + PASS_ON)
    config = {"cniVersion": "1.1.0", "name": "rail", "plugins": [node.macvlan(), {"type": "unwell"}]}
    plug(pod, "ADD", config).succeeded()
    assert plug(pod, verb, config).succeeded() == {}
    (node.folder / "ill").touch()
    try:
        assert plug(pod, verb, config).refused(50).rstrip().endswith("unwell")
    finally:
        (node.folder / "ill").unlink()


def test_check_of_a_plugged_interface_finds_it_missing(node: Node) -> None:
    """F61."""
    pod = node.sandbox()
    pod.add()
    plug(pod, "ADD", rail(node)).succeeded()
    assert plug(pod, "CHECK", rail(node)).succeeded() == {}
    pod.ip("link", "delete", "hot0")
    assert "hot0" in plug(pod, "CHECK", rail(node)).refused(999)


def test_a_failed_add_leaves_the_rest_of_the_pod_as_it_was(node: Node) -> None:
    """F1, F61, S10."""
    node.network("other", node.macvlan(1))
    pod = node.sandbox("other")
    pod.add()
    before = node.snapshot()
    assert "Link not found" in plug(pod, "ADD", rail(node, master="rail9")).refused(999)
    node.is_as(before)
    pod.check()


def test_an_interface_name_that_is_taken_is_refused(node: Node) -> None:
    """F37, F61."""
    pod = node.sandbox()
    pod.add()
    before = node.snapshot()
    assert "interface name eth0 already exists" in plug(pod, "ADD", rail(node), "eth0").refused(7)
    assert node.snapshot() == before


def test_a_failed_del_is_told_and_stays_on_record(node: Node) -> None:
    """F61, S5."""
    pod = node.sandbox()
    before = node.snapshot()
    pod.add()
    plug(pod, "ADD", rail(node)).succeeded()
    (node.bin / "macvlan").unlink()
    assert 'failed to find plugin "macvlan"' in plug(pod, "DEL", rail(node)).refused(999)
    assert pod.recorded() == ["pods", "rail"]
    node.install("macvlan")
    pod.delete()
    node.is_as(before)


def test_the_pod_must_exist(node: Node) -> None:
    """F61.  Spec section 7.2."""
    pod = node.sandbox()
    pod.add()
    before = node.snapshot()
    node.forget(pod.pod)
    for verb in ("ADD", "DEL"):
        assert f"pod default/{pod.pod} is not known to the cluster" in plug(pod, verb, rail(node)).refused(11)
    assert node.snapshot() == before


@pytest.mark.parametrize("verb", ["GC", "VERSION", "PLUG"])
def test_other_verbs_are_refused(node: Node, verb: str) -> None:
    """F61.  Spec section 7.2."""
    pod = node.sandbox()
    pod.add()
    assert verb in plug(pod, verb, rail(node)).refused(4)


def test_a_body_that_is_none_is_refused(node: Node) -> None:
    """F61."""
    answer = node.post("/delegate", {"CNI_COMMAND": "ADD"}, {}, interfaceAttributes="no object")
    assert "the request body is malformed" in answer.refused(6)
