"""Each plugin that makes an interface or gives addresses, as a delegate: its effect in the kernel, and that it goes."""

from __future__ import annotations

import re
from typing import Any

import pytest

from .daemon import Node
from .links import BRIDGE
from .runtime import Sandbox
from .snapshot import files

forms = pytest.mark.parametrize("default", [True, False], ids=["default", "secondary"])


def attach(node: Node, conf: dict[str, Any], *, default: bool) -> tuple[Sandbox, str, dict[str, Any]]:
    """A pod with `conf` as its default network or as a second one, on which interface, and what was before."""
    if default:
        pod = node.sandbox(cluster_network={"name": "rail", **conf})
    else:
        node.network("rail", conf)
        pod = node.sandbox("rail")
    before = node.snapshot()
    pod.add()
    return pod, "eth0" if default else "net1", before


def checked_and_gone(pod: Sandbox, before: dict[str, Any]) -> None:
    pod.check()
    pod.delete()
    pod.node.is_as(before)


def lease(node: Node, network: str, address: str) -> list[str]:
    """Who host-local gave an address to: container and interface."""
    return files(node.ipam)[f"{network}/{address}"].splitlines()


def up(pod: Sandbox) -> bool:
    (lo,) = pod.ip_json("link", "show", "lo")
    return "UP" in lo["flags"]


@forms
def test_bridge_joins_a_veth_to_the_bridge(node: Node, default: bool) -> None:
    """F1, F2."""
    conf = node.bridge(name="rail", mtu=1450, hairpinMode=True)
    pod, ifname, before = attach(node, conf, default=default)
    ports = [link for link in node.links().values() if link.get("master") == BRIDGE and link["ifname"][:4] == "veth"]
    hairpins = [link["linkinfo"]["info_slave_data"]["hairpin"] for link in ports]
    assert (len(ports), hairpins.count(True)) == (1, 1) if default else (2, 1)
    link = pod.links()[ifname]
    assert (link["linkinfo"]["info_kind"], link["mtu"], "UP" in link["flags"]) == ("veth", 1450, True)
    assert pod.addresses()[ifname] == ["10.244.0.2/24"]
    assert lease(node, "rail", "10.244.0.2") == [pod.id, ifname]
    checked_and_gone(pod, before)


@forms
def test_bridge_masquerades_what_leaves_the_network(node: Node, default: bool) -> None:
    """F1, F2."""
    conf = node.bridge(name="rail", ipMasq=True)
    attach(node, conf, default=default)[0].delete()  # iptables makes its own chains once and leaves them
    pod, ifname, before = attach(node, conf, default=default)
    rules = "\n".join(line for line in node.snapshot()["firewall"] if line not in before["firewall"])
    assert pod.addresses()[ifname] == ["10.244.0.3/24"]
    assert re.search("ip saddr 10.244.0.3 .* jump CNI-", rules)
    assert "masquerade" in rules
    checked_and_gone(pod, before)


@forms
def test_macvlan_is_made_on_its_master(node: Node, default: bool) -> None:
    """F1, F2."""
    pod, ifname, before = attach(node, node.macvlan(1, mode="private", mtu=1400), default=default)
    link = pod.links()[ifname]
    assert (link["linkinfo"]["info_kind"], link["linkinfo"]["info_data"]["mode"]) == ("macvlan", "private")
    assert (link["mtu"], link["link_index"]) == (1400, node.links()["rail1"]["ifindex"])
    assert pod.addresses()[ifname] == ["10.11.0.2/24"]
    checked_and_gone(pod, before)


@forms
def test_ptp_routes_to_the_pod_through_a_veth(node: Node, default: bool) -> None:
    """F1, F2."""
    ipam = node.host_local("10.30.0.0/24", routes=[{"dst": "10.99.0.0/16"}])
    conf = {"cniVersion": "1.1.0", "type": "ptp", "mtu": 1300, "ipam": ipam}
    pod, ifname, before = attach(node, conf, default=default)
    assert pod.addresses()[ifname] == ["10.30.0.2/24"]
    routes = {r["dst"]: r.get("gateway") for r in pod.ip_json("route", "show", "dev", ifname)}
    assert routes == {"10.30.0.0/24": "10.30.0.1", "10.30.0.1": None, "10.99.0.0/16": "10.30.0.1"}
    (host_side,) = [r for kind, r in node.snapshot()["host"]["routes"] if r["dst"] == "10.30.0.2"]
    assert node.links()[host_side["dev"]]["mtu"] == 1300
    checked_and_gone(pod, before)


def test_loopback_sets_the_pods_loopback_up(node: Node) -> None:
    """F1, F2."""
    pod, _, _ = attach(node, {"cniVersion": "1.1.0", "type": "loopback"}, default=False)
    (status,) = pod.network_status()[1:]
    assert (status["interface"], status["ips"]) == ("lo", ["127.0.0.1", "::1"])
    assert up(pod)
    pod.check()
    pod.delete()
    assert not up(pod)
    before = node.snapshot()  # the kernel gives loopback its first address when it goes up, and keeps it there
    pod.add()
    checked_and_gone(pod, before)


@forms
def test_host_local_counts_on_and_keeps_the_ranges_apart(node: Node, default: bool) -> None:
    """F1, F2."""
    part = {"subnet": "10.40.0.0/24", "rangeStart": "10.40.0.7", "rangeEnd": "10.40.0.9"}
    ipam = node.host_local("10.41.0.0/24")
    conf = node.macvlan(ipam=ipam | {"ranges": [[part], *ipam["ranges"]]})
    first, ifname, _ = attach(node, conf, default=default)
    second, _, before = attach(node, conf, default=default)
    assert first.addresses()[ifname] == ["10.40.0.7/24", "10.41.0.2/24"]
    assert second.addresses()[ifname] == ["10.40.0.8/24", "10.41.0.3/24"]
    assert lease(node, "rail", "10.41.0.3") == [second.id, ifname]
    checked_and_gone(second, before)


@forms
def test_static_gives_the_addresses_and_routes_of_the_configuration(node: Node, default: bool) -> None:
    """F1, F2."""
    addresses = [{"address": "10.50.0.5/24", "gateway": "10.50.0.1"}, {"address": "10.51.0.5/24"}]
    ipam = {"type": "static", "addresses": addresses, "routes": [{"dst": "10.52.0.0/16", "gw": "10.50.0.9"}]}
    pod, ifname, before = attach(node, node.macvlan(ipam=ipam), default=default)
    assert pod.addresses()[ifname] == ["10.50.0.5/24", "10.51.0.5/24"]
    routes = {r["dst"]: r.get("gateway") for r in pod.ip_json("route", "show", "dev", ifname)}
    assert routes["10.52.0.0/16"] == "10.50.0.9"
    checked_and_gone(pod, before)


@forms
def test_dual_stack_addresses_and_routes_of_both_families(node: Node, default: bool) -> None:
    """F1, F2."""
    routes = [{"dst": "10.0.0.0/8", "gw": "10.60.0.9"}, {"dst": "::/0", "gw": "fd60::9"}]
    ipam = node.host_local("10.60.0.0/24", "fd60::/64", routes=routes)
    pod, ifname, before = attach(node, {"cniVersion": "1.1.0", "type": "ptp", "ipam": ipam}, default=default)
    assert pod.addresses()[ifname] == ["10.60.0.2/24", "fd60::2/64"]
    assert [r["dev"] for r in pod.ip_json("route", "show", "10.0.0.0/8", "via", "10.60.0.9")] == [ifname]
    assert pod.default_routes(6) == {("fd60::9", ifname)}
    status = pod.network_status()[0 if default else 1]
    assert status["ips"] == ["10.60.0.2", "fd60::2"]
    assert status["gateway"] == ["fd60::9"]
    checked_and_gone(pod, before)
