"""What a pod asks of a network reaches plugin and kernel; what the runtime asks is for the default network alone."""

from __future__ import annotations

import re
from typing import Any

import pytest

from .daemon import Node
from .scripts import calls, recorder

MAC = "02:00:00:00:33:44"
STATIC = {"type": "static"}


@pytest.mark.parametrize("capabilities", [{"ips": True}, {}], ids=["runtimeConfig", "CNI_ARGS"])
def test_the_addresses_a_pod_asks_for_are_on_its_interface(node: Node, capabilities: dict[str, bool]) -> None:
    """F29."""
    node.network("rail", node.macvlan(ipam=STATIC, capabilities=capabilities))
    pod = node.sandbox([{"name": "rail", "ips": ["10.70.0.9/24", "fd70::9/64"]}])
    before = node.snapshot()
    pod.add()
    assert pod.addresses()["net1"] == ["10.70.0.9/24", "fd70::9/64"]
    assert pod.network_status()[1]["ips"] == ["10.70.0.9", "fd70::9"]
    pod.check()
    pod.delete()
    node.is_as(before)


def test_host_local_gives_the_address_a_pod_asks_for(node: Node) -> None:
    """F29."""
    node.network("rail", node.macvlan(capabilities={"ips": True}))
    pod = node.sandbox([{"name": "rail", "ips": ["10.10.0.200"]}])
    before = node.snapshot()
    pod.add()
    assert pod.addresses()["net1"] == ["10.10.0.200/24"]
    assert "rail/10.10.0.200" in node.snapshot()["files in ipam"]
    pod.delete()
    node.is_as(before)


@pytest.mark.parametrize("capabilities", [{"mac": True}, {}], ids=["runtimeConfig", "CNI_ARGS"])
def test_the_hardware_address_a_pod_asks_for_is_its_interfaces(node: Node, capabilities: dict[str, bool]) -> None:
    """F30."""
    node.network("rail", node.macvlan(capabilities=capabilities))
    pod = node.sandbox([{"name": "rail", "mac": MAC}])
    pod.add()
    assert pod.links()["net1"]["address"] == MAC
    assert pod.network_status()[1]["mac"] == MAC
    pod.check()
    pod.delete()


def test_each_plugin_is_given_the_capabilities_it_declares_and_no_others(node: Node) -> None:
    """F28 to F33.  Spec section 1.5."""
    node.script("recorder", recorder(node.calls))
    mapping = {"hostPort": 8080, "containerPort": 80}
    asked = {"ips": ["10.1.1.1/24"], "mac": MAC, "portMappings": [mapping], "bandwidth": {"ingressRate": 5}}
    asked["infiniband-guid"] = guid = "c2:11:22:33:44:55:66:77"
    declared = [{"ips": True, "mac": True}, {"portMappings": True, "bandwidth": True}, {"mac": False},
                {"infinibandGUID": True}, {}]  # fmt: skip
    plugins = [{"type": "recorder", "capabilities": each} for each in declared]
    node.network("rail", {"cniVersion": "1.0.0", "plugins": plugins})
    node.sandbox([{"name": "rail", **asked}]).add()
    limits = {"ingressRate": 5, "ingressBurst": 0, "egressRate": 0, "egressBurst": 0}
    assert [call["conf"].get("runtimeConfig") for call in calls(node.calls)] == [
        {"ips": asked["ips"], "mac": MAC},
        {"portMappings": [mapping], "bandwidth": limits},
        None,
        {"infinibandGUID": guid},
        None,
    ]


def test_host_ports_of_the_runtime_reach_only_the_default_network(node: Node) -> None:
    """F26, S24."""
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}}
    ptp = {"type": "ptp", "ipam": node.host_local("10.71.0.0/24")}
    node.network("other", {"cniVersion": "1.0.0", "plugins": [ptp, portmap]})
    default = {"cniVersion": "1.0.0", "name": "pods", "plugins": [node.bridge(), portmap]}
    pod = node.sandbox("other", cluster_network=default)
    pod.runtime_config = {"portMappings": [{"hostPort": 8081, "containerPort": 81, "protocol": "tcp"}]}
    pod.add()
    targets = [match for line in node.snapshot()["firewall"] for match in re.findall("dport 8081 .*dnat to (.*)", line)]
    assert targets == ["10.244.0.2:81"]
    assert "capabilityArgs" not in pod.cached("other", "net1")
    pod.delete()
    assert not [line for line in node.snapshot()["firewall"] if "8081" in line]


def test_a_default_network_chosen_by_the_pod_gets_the_runtimes_values_and_the_pods_over_them(node: Node) -> None:
    """F26, F39, S25."""
    node.script("recorder", recorder(node.calls))
    capabilities = {"portMappings": True, "ips": True, "mac": True}
    node.network("mine", {"cniVersion": "1.0.0", "type": "recorder", "capabilities": capabilities}, "kube-system")
    pod = node.sandbox(default=[{"name": "mine", "ips": ["10.1.1.7/24"]}])
    mapping = {"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}
    pod.runtime_config = {"portMappings": [mapping], "ips": ["10.1.1.1/24"], "mac": MAC}
    pod.add()
    (call,) = calls(node.calls)
    assert call["conf"]["runtimeConfig"] == {"portMappings": [mapping], "ips": ["10.1.1.7/24"], "mac": MAC}


def test_del_gives_the_plugins_what_add_gave_them(node: Node) -> None:
    """F2, F26, F33."""
    node.script("recorder", recorder(node.calls))
    node.network("rail", {"cniVersion": "1.0.0", "type": "recorder", "capabilities": {"bandwidth": True, "mac": True}})
    pod = node.sandbox([{"name": "rail", "bandwidth": {"egressRate": 7}, "mac": MAC, "cni-args": {"color": "red"}}])
    pod.add()
    node.forget(pod.pod)
    pod.delete()
    add, delete = calls(node.calls)
    assert delete["conf"].pop("prevResult") == {"cniVersion": "1.0.0"}
    assert add["conf"] == delete["conf"]
    assert f"MAC={MAC}" in delete["env"]["CNI_ARGS"]
    assert add["env"] | {"CNI_COMMAND": "DEL"} == delete["env"]


def test_cni_args_are_merged_into_every_plugin_and_win_over_the_files(node: Node) -> None:
    """F34."""
    node.script("recorder", recorder(node.calls))
    own = {"type": "recorder", "args": {"cni": {"color": "blue", "size": 1}, "other": True}}
    node.network("rail", {"cniVersion": "1.0.0", "plugins": [own, {"type": "recorder"}]})
    node.sandbox([{"name": "rail", "cni-args": {"color": "red", "deep": {"a": [1]}}}]).add()
    first, second = (call["conf"]["args"] for call in calls(node.calls))
    assert first == {"cni": {"color": "red", "size": 1, "deep": {"a": [1]}}, "other": True}
    assert second == {"cni": {"color": "red", "deep": {"a": [1]}}}


@pytest.mark.parametrize("form", ["single", "list"])
def test_cni_args_reach_the_kernel_through_plugins_that_read_them(node: Node, form: str) -> None:
    """F34."""
    bridge = node.bridge(isDefaultGateway=False, ipam=STATIC)
    node.network("rail", bridge if form == "single" else {"cniVersion": "1.0.0", "plugins": [bridge]})
    pod = node.sandbox([{"name": "rail", "cni-args": {"mac": MAC, "ips": ["10.72.0.5/24"]}}])
    pod.add()
    assert (pod.links()["net1"]["address"], pod.addresses()["net1"]) == (MAC, ["10.72.0.5/24"])
    pod.delete()


@pytest.mark.parametrize(
    ("networks", "names"),
    [
        ("rail,rail", ["net1", "net2"]),
        ("rail@fast,rail", ["fast", "net2"]),
        ("rail,rail@Data.0", ["net1", "Data.0"]),
        ([{"name": "rail", "interface": "fast0"}, {"name": "rail", "interfaceRequest": "old0"}], ["fast0", "old0"]),
    ],
)
def test_interfaces_are_called_as_asked_or_by_their_place(node: Node, networks: Any, names: list[str]) -> None:
    """F27, F28, F36, F87."""
    node.network("rail", node.macvlan())
    pod = node.sandbox(networks)
    before = node.snapshot()
    pod.add()
    assert pod.addresses() == {"eth0": ["10.244.0.2/24"], names[0]: ["10.10.0.2/24"], names[1]: ["10.10.0.3/24"]}
    assert [status["interface"] for status in pod.network_status()] == ["eth0", *names]
    pod.check()
    pod.delete()
    node.is_as(before)


def test_the_place_of_an_interface_counts_the_networks_every_pod_gets(node: Node) -> None:
    """F17, F36."""
    node.network("rail", node.macvlan())
    node.network("storage", node.macvlan(1), "kube-system")
    pod = node.sandbox("rail")
    pod.netconf["defaultNetworks"] = ["storage"]
    pod.add()
    assert pod.addresses() == {"eth0": ["10.244.0.2/24"], "net1": ["10.11.0.2/24"], "net2": ["10.10.0.2/24"]}
    pod.delete()


def test_a_default_network_chosen_by_the_pod_may_name_its_interface(node: Node) -> None:
    """F36, F39."""
    node.network("mine", node.macvlan(1), "kube-system")
    node.network("rail", node.macvlan())
    pod = node.sandbox("rail", default="mine@primary")
    before = node.snapshot()
    assert [link["name"] for link in pod.add()["interfaces"]] == ["primary"]
    assert pod.addresses() == {"primary": ["10.11.0.2/24"], "net1": ["10.10.0.2/24"]}
    pod.check()
    pod.delete()
    node.is_as(before)
