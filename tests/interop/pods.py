"""Pods that ask for networks in every way that Multus and Plurimus agree about."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.node.runtime import Sandbox

from .node import SharedNode

MAC = "02:11:22:33:44:55"
DNS = {"nameservers": ["10.0.0.53"], "domain": "pods.example", "search": ["a.example", "b.example"],
       "options": ["ndots:5"]}  # fmt: skip

Case = Callable[[SharedNode], Sandbox]


def only_default(node: SharedNode) -> Sandbox:
    return node.sandbox()


def single(node: SharedNode) -> Sandbox:
    node.network("rail", node.macvlan())
    return node.sandbox("rail")


def chains(node: SharedNode) -> Sandbox:
    """Lists; the default network's is given by path."""
    tuning = {"type": "tuning", "mtu": 1400, "capabilities": {"mac": True}}
    node.network("rail", {"cniVersion": "1.1.0", "name": "rail", "plugins": [node.macvlan(), tuning]})
    default = {"cniVersion": "1.1.0", "name": "pods", "plugins": [node.bridge(), {"type": "tuning", "mtu": 1400}]}
    return node.sandbox([{"name": "rail", "mac": MAC}], cluster_network=default)


def inline(node: SharedNode) -> Sandbox:
    """Delegates in the node's configuration itself, the first of them a list."""
    pod = node.sandbox()
    default = {"cniVersion": "1.1.0", "name": "pods", "plugins": [node.bridge()]}
    pod.netconf["delegates"] = [default, node.macvlan(name="rail")]
    del pod.netconf["clusterNetwork"]
    return pod


def names(node: SharedNode) -> Sandbox:
    """One network three times, two of them named."""
    node.network("rail", node.macvlan())
    return node.sandbox("rail@fast0,rail,rail@eth7")


def addresses_by_capability(node: SharedNode) -> Sandbox:
    ipam = {"type": "static"}
    node.network("rail", node.macvlan(ipam=ipam, capabilities={"ips": True, "mac": True}))
    return node.sandbox([{"name": "rail", "ips": ["10.10.0.77/24", "fd10::77/64"], "mac": MAC}])


def addresses_by_args(node: SharedNode) -> Sandbox:
    node.network("rail", node.macvlan())
    return node.sandbox([{"name": "rail", "ips": ["10.10.0.77"], "mac": MAC}])


def more_capabilities(node: SharedNode) -> Sandbox:
    node.script("taker", TAKER)
    capabilities = {"portMappings": True, "bandwidth": True}
    node.network("taken", {"cniVersion": "1.1.0", "type": "taker", "capabilities": capabilities})
    ports = [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp", "hostIP": "10.0.0.1"}]
    bandwidth = {"ingressRate": 1000, "ingressBurst": 2000}
    return node.sandbox([{"name": "taken", "portMappings": ports, "bandwidth": bandwidth}])


def two_families(node: SharedNode) -> Sandbox:
    node.network("rail", node.macvlan(ipam=node.host_local("10.10.0.0/24", "fd10::/64"), dns=DNS))
    ipam = node.host_local("10.244.0.0/24", "fd44::/64")
    return node.sandbox("rail", cluster_network=node.bridge(isDefaultGateway=False, ipam=ipam))


def routes(node: SharedNode) -> Sandbox:
    to = [{"dst": "192.168.0.0/16", "gw": "10.10.0.1"}, {"dst": "172.16.0.0/12", "priority": 7, "mtu": 1400}]
    node.network("rail", node.macvlan(ipam=node.host_local("10.10.0.0/24", routes=to)))
    return node.sandbox("rail")


def ends_on_the_host(node: SharedNode) -> Sandbox:
    """A result with two interfaces, one of them on the host."""
    node.network("pair", {"cniVersion": "1.1.0", "type": "ptp", "ipam": node.host_local("10.30.0.0/24")})
    return node.sandbox("pair")


def other_namespace(node: SharedNode) -> Sandbox:
    """A definition whose configuration has a name of its own."""
    node.network("rail", node.macvlan(name="named-otherwise"), namespace="other")
    return node.sandbox("other/rail")


def from_a_file(node: SharedNode) -> Sandbox:
    node.network("rail", None)
    (node.confdir / "50-rail.conf").write_text(json.dumps(node.macvlan(name="rail")))
    return node.sandbox("rail")


def default_by_name(node: SharedNode) -> Sandbox:
    node.network("pods", node.bridge(), namespace="kube-system")
    pod = node.sandbox()
    pod.netconf["clusterNetwork"] = "pods"
    return pod


def default_by_annotation(node: SharedNode) -> Sandbox:
    node.network("special", node.macvlan(), namespace="kube-system")
    node.network("rail", node.macvlan(1))
    return node.sandbox("rail", default="special")


def default_networks(node: SharedNode) -> Sandbox:
    node.network("for-all", node.macvlan(), namespace="kube-system")
    node.network("rail", node.macvlan(1))
    pod = node.sandbox("rail")
    pod.netconf["defaultNetworks"] = ["for-all"]
    return pod


def cni_args(node: SharedNode) -> Sandbox:
    node.network("rail", node.macvlan(args={"cni": {"kept": 1, "changed": 1}, "labels": []}))
    return node.sandbox([{"name": "rail", "cni-args": {"changed": "<&>", "added": [1, {"a": None}]}}])


def runtime_config(node: SharedNode) -> Sandbox:
    """What the runtime itself wants of the default network."""
    node.script("taker", TAKER)
    plugins: list[Any] = [node.bridge(), {"type": "taker", "capabilities": {"portMappings": True, "bandwidth": True}}]
    pod = node.sandbox(cluster_network={"cniVersion": "1.1.0", "name": "pods", "plugins": plugins})
    pod.runtime_config = {"portMappings": [{"hostPort": 81, "containerPort": 82, "protocol": "udp"}]}
    return pod


def auxiliary(node: SharedNode) -> Sandbox:
    """A chain beside the default network's file, for every pod."""
    node.script("taker", TAKER)
    folder = node.confdir / "extra"
    folder.mkdir()
    (folder / "10.conf").write_text(json.dumps({"type": "taker"}))
    pod = node.sandbox()
    pod.netconf["auxiliaryCNIChainName"] = "extra"
    return pod


def subdirectory(node: SharedNode) -> Sandbox:
    """A default network whose list goes on in files beside it."""
    node.script("taker", TAKER)
    folder = node.confdir / "pods"
    folder.mkdir()
    (folder / "10.conf").write_text(json.dumps({"type": "taker"}))
    return node.sandbox(cluster_network={"cniVersion": "1.1.0", "name": "pods", "plugins": [node.bridge()]})


def default_route(node: SharedNode) -> Sandbox:
    node.network("rail", node.macvlan(ipam=node.host_local("10.10.0.0/24", "fd10::/64")))
    return node.sandbox([{"name": "rail", "default-route": ["10.10.0.1", "fd10::1"]}])


def old_results(node: SharedNode) -> Sandbox:
    """Results of 0.2.0, which have no interfaces."""
    return _in_version(node, "0.2.0")


def version_0_3_1(node: SharedNode) -> Sandbox:
    return _in_version(node, "0.3.1")


def version_1_0_0(node: SharedNode) -> Sandbox:
    return _in_version(node, "1.0.0")


def _in_version(node: SharedNode, version: str) -> Sandbox:
    node.network("rail", node.macvlan(cniVersion=version))
    return node.sandbox("rail", cluster_network=node.bridge(cniVersion=version), version=version)


TAKER = """
if env["CNI_COMMAND"] == "ADD":
    link = {"name": env["CNI_IFNAME"], "sandbox": env["CNI_NETNS"], "mtu": 1234, "pciID": "0000:01:00.1"}
    print(json.dumps(conf.get("prevResult") or {"cniVersion": conf["cniVersion"], "interfaces": [link]}))
"""
"""A plugin that makes nothing and says it made a link."""

CASES: list[Case] = [
    only_default, single, chains, inline, names, addresses_by_capability, addresses_by_args, more_capabilities,
    two_families, routes, ends_on_the_host, other_namespace, from_a_file, default_by_name, default_by_annotation,
    default_networks, cni_args, runtime_config, version_0_3_1, version_1_0_0,
]  # fmt: skip
MORE: list[Case] = [auxiliary, subdirectory, default_route, old_results]
"""What differs in a way that is known and has tests of its own."""

cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
all_cases = pytest.mark.parametrize("case", CASES + MORE, ids=lambda case: case.__name__)
peers = pytest.mark.parametrize("peer", ["thin", "thick"])
