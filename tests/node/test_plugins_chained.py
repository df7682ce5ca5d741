"""The plugins that change what another one made, as members of a delegate's chain: their effect, and that it goes."""

from __future__ import annotations

import re
import socket
from typing import Any

import pytest

from plurimus.adapters import netns

from .daemon import Node
from .links import BRIDGE
from .runtime import Sandbox
from .snapshot import run

HOST_PORT = {"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}
LIMIT = {"ingressRate": 8_000_000, "ingressBurst": 800_000, "egressRate": 16_000_000, "egressBurst": 1_600_000}
PORTMAP = {"type": "portmap", "capabilities": {"portMappings": True}}
BANDWIDTH = {"type": "bandwidth", "capabilities": {"bandwidth": True}}

forms = pytest.mark.parametrize("default", [True, False], ids=["default", "secondary"])


def sandbox(node: Node, *more: dict[str, Any], default: bool, **asked: Any) -> tuple[Sandbox, str]:
    """A sandbox with a network of the bridge and `more` behind it; what is `asked` comes the usual way."""
    conf: dict[str, Any] = {"cniVersion": "1.0.0", "name": "chained", "plugins": [node.bridge(), *more]}
    if {"type": "sbr"} in more:  # it moves the routes the bridge plugin looks for
        conf["disableCheck"] = True
    if default:
        pod = node.sandbox(cluster_network=conf)
        pod.runtime_config = asked
        return pod, "eth0"
    node.network("chained", conf)
    element = {"name": "chained", **asked}
    return node.sandbox([element], cluster_network=node.macvlan(name="pods")), "net1"


def added(node: Node, *more: dict[str, Any], default: bool, **asked: Any) -> tuple[Sandbox, str, dict[str, Any]]:
    """The sandbox added, and what was there before; chains that iptables makes once are there then."""
    sandbox(node, *more, default=default, **asked)[0].add()
    node.reset()
    pod, ifname = sandbox(node, *more, default=default, **asked)
    before = node.snapshot()
    pod.add()
    return pod, ifname, before


def checked_and_gone(pod: Sandbox, before: dict[str, Any]) -> None:
    pod.check()
    pod.delete()
    pod.node.is_as(before)


def new_rules(node: Node, before: dict[str, Any]) -> str:
    return "\n".join(line for line in node.snapshot()["firewall"] if line not in before["firewall"])


def host_side(node: Node, kind: str = "veth") -> str:
    """The link of the pod's bridge network on the host."""
    (name,) = [name for name, link in node.links().items() if name.startswith(kind) and link.get("master") == BRIDGE]
    return name


@forms
def test_tuning_changes_the_interface_and_its_sysctls(node: Node, default: bool) -> None:
    """F8."""
    ifname = "eth0" if default else "net1"
    key = f"net.ipv4.conf.{ifname}.log_martians"
    tuning = {"type": "tuning", "mac": "02:00:00:00:77:01", "mtu": 1280, "allmulti": True, "sysctl": {key: "1"}}
    pod, ifname, before = added(node, tuning, default=default)
    link = pod.links()[ifname]
    assert (link["address"], link["mtu"], "ALLMULTI" in link["flags"]) == ("02:00:00:00:77:01", 1280, True)
    assert pod.sysctl(key) == "1"
    assert pod.network_status()[0 if default else 1]["mac"] == "02:00:00:00:77:01"
    checked_and_gone(pod, before)


@forms
def test_firewall_lets_the_pod_through(node: Node, default: bool) -> None:
    """F8."""
    pod, _, before = added(node, {"type": "firewall"}, default=default)
    rules = new_rules(node, before)
    assert re.search(r"ip saddr 10\.244\.0\.2 .*accept", rules)
    assert re.search(r"ip daddr 10\.244\.0\.2 .*accept", rules)
    checked_and_gone(pod, before)


@forms
def test_portmap_leads_a_host_port_to_the_pod(node: Node, default: bool) -> None:
    """F26 (default network), F32 (secondary network)."""
    pod, _, before = added(node, PORTMAP, default=default, portMappings=[HOST_PORT])
    assert re.search(r"tcp dport 8080 .*dnat to 10\.244\.0\.2:80", new_rules(node, before))
    assert answer_of(pod, "10.244.0.1", 8080) == b"from " + pod.id.encode()
    checked_and_gone(pod, before)


def answer_of(pod: Sandbox, address: str, port: int) -> bytes:
    """What a server on the pod's port 80 says to somebody on the host who connects to `address:port`."""
    with netns.visit(pod.netns, lambda: socket.create_server(("", 80))) as server:
        server.settimeout(10)
        with socket.create_connection((address, port), timeout=10) as client:
            inside, _ = server.accept()
            with inside:
                inside.sendall(f"from {pod.id}".encode())
            return client.recv(100)


@forms
def test_portmap_without_port_mappings_does_nothing(node: Node, default: bool) -> None:
    """F26, F32."""
    pod, _, before = added(node, PORTMAP, default=default)
    assert node.snapshot()["firewall"] == before["firewall"]
    checked_and_gone(pod, before)


@forms
def test_bandwidth_limits_both_directions(node: Node, default: bool) -> None:
    """F26 (default network), F33 (secondary network)."""
    pod, _, before = added(node, BANDWIDTH, default=default, bandwidth=LIMIT)
    assert re.search("tbf.* rate 8Mbit ", run("tc", "qdisc", "show", "dev", host_side(node)))
    (mirror,) = [name for name, link in node.links().items() if link.get("linkinfo", {}).get("info_kind") == "ifb"]
    assert re.search("tbf.* rate 16Mbit ", run("tc", "qdisc", "show", "dev", mirror))
    filters = run("tc", "filter", "show", "dev", host_side(node), "ingress")
    assert f"Redirect to device {mirror}" in filters
    checked_and_gone(pod, before)


@forms
def test_sbr_routes_by_source(node: Node, default: bool) -> None:
    """F8."""
    pod, ifname, before = added(node, {"type": "sbr"}, default=default)
    (rule,) = [rule for rule in pod.ip_json("rule") if rule["src"] == "10.244.0.2"]
    routes = pod.ip_json("route", "show", "table", rule["table"])
    assert ("default", "10.244.0.1", ifname) in [(r["dst"], r.get("gateway"), r["dev"]) for r in routes]
    checked_and_gone(pod, before)


@forms
def test_all_of_them_in_one_chain(node: Node, default: bool) -> None:
    """F8, F26, F32, F33."""
    tuning = {"type": "tuning", "mtu": 1280}
    asked = {"portMappings": [HOST_PORT], "bandwidth": LIMIT}
    plugins = (tuning, {"type": "firewall"}, PORTMAP, BANDWIDTH, {"type": "sbr"})
    pod, ifname, before = added(node, *plugins, default=default, **asked)
    assert pod.links()[ifname]["mtu"] == 1280
    assert answer_of(pod, "10.244.0.1", 8080) == b"from " + pod.id.encode()
    assert "tbf" in run("tc", "qdisc", "show", "dev", host_side(node))
    checked_and_gone(pod, before)
