"""`plurimus check` of pods that run, on links that really are down, doubled, misrouted."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from plurimus.adapters import netns

from .daemon import PLURIMUS, Node
from .links import RAILS
from .runtime import Sandbox
from .snapshot import ip

TUNING = {
    "type": "tuning",
    "mtu": 1400,
    "sysctl": {f"net.ipv4.conf.IFNAME.{key}": value
               for key, value in {"arp_ignore": "1", "arp_announce": "2", "rp_filter": "2"}.items()},
}  # fmt: skip


@pytest.fixture(autouse=True)
def networks(node: Node) -> None:
    """Two networks on links of their own, each with a subnet, routed by source."""
    for number, master in enumerate(RAILS, 1):
        macvlan = node.macvlan(master=master)
        macvlan["ipam"]["ranges"] = [[{"subnet": f"10.5{number}.0.0/16", "gateway": f"10.5{number}.0.1"}]]
        plugins = [macvlan, TUNING, {"type": "sbr"}]
        network = {"cniVersion": "1.0.0", "name": f"net{number}", "plugins": plugins}
        node.network(f"net{number}", {**network, "disableCheck": True})  # macvlan would miss what sbr moves


def check(node: Node, pod: str, *argv: str) -> tuple[int, str]:
    """Exit status and output of the command."""
    command = [PLURIMUS, "check", pod, "--config", node.folder / "daemon.json", "--wait", "0.1", *argv]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout or done.returncode, done.stderr
    return done.returncode, done.stdout + done.stderr


def verdicts(node: Node, pod: Sandbox) -> list[dict[str, str]]:
    status, printed = check(node, pod.pod, "--output", "json")
    found: list[dict[str, str]] = json.loads(printed)
    assert status == any(each["level"] == "problem" for each in found)
    return found


def problems(node: Node, pod: Sandbox) -> dict[tuple[str, str], str]:
    """The text of each problem by interface and check."""
    return {
        (each["interface"], each["check"]): each["text"] for each in verdicts(node, pod) if each["level"] == "problem"
    }


def running(node: Node) -> Sandbox:
    pod = node.sandbox("net1,net2", cluster_network=node.bridge())
    pod.add()
    return pod


@contextmanager
def neighbour(master: str, **addresses: str) -> Iterator[str]:
    """Another namespace with an interface on the same link, and its MAC."""
    netns.create("/run/netns/neighbour")
    try:
        ip("link", "add", "link", master, "name", "beside", "netns", "neighbour", "type", "macvlan", "mode", "bridge")
        ip("link", "set", "beside", "up", namespace="neighbour")
        for address in addresses.values():
            ip("addr", "add", address, "dev", "beside", namespace="neighbour")
        yield ip("-br", "link", "show", "beside", namespace="neighbour").split()[2]
    finally:
        netns.delete("/run/netns/neighbour")


def test_a_pod_in_order_passes_and_nothing_of_it_is_changed(node: Node) -> None:
    pod = running(node)
    before = node.snapshot()
    found = verdicts(node, pod)
    assert [each for each in found if each["level"] != "ok"] == []
    assert {each["interface"] for each in found} == {"eth0", "net1", "net2"}
    texts = {(each["interface"], each["check"]): each["text"] for each in found}
    assert texts["net1", "mtu"] == "1400"
    assert texts["net2", "address"] == "10.52.0.2/16, nobody else's"
    assert texts["net2", "routing"] == "what comes from 10.52.0.2 leaves by net2"
    assert texts["net1", "plugins"] == "not asked, since the network has 'disableCheck'"
    assert texts["eth0", "plugins"] == "CHECK of bridge passes"
    node.is_as(before)


def test_people_get_a_table(node: Node) -> None:
    pod = running(node)
    status, printed = check(node, f"default/{pod.pod}")
    lines = printed.splitlines()
    assert status == 0
    assert lines[0].split() == ["LEVEL", "INTERFACE", "CHECK", "TEXT"]
    assert ["ok", "net1", "link", "up"] in [line.split() for line in lines]


def test_what_was_changed_in_the_pod_is_told_by_interface(node: Node) -> None:
    pod = running(node)
    ip("link", "set", "net2", "mtu", "1300", namespace=pod.name)
    ip("rule", "delete", "from", "10.51.0.2", namespace=pod.name)
    found = problems(node, pod)
    assert found["net2", "mtu"] == "1300, expected 1400"
    assert found["net1", "routing"].startswith("what comes from 10.51.0.2 leaves by eth0")
    assert set(found) == {("net2", "mtu"), ("net1", "routing")}
    ip("addr", "flush", "dev", "eth0", namespace=pod.name)
    assert "10.244.0.2" in problems(node, pod)["eth0", "plugins"]


def test_an_interface_that_is_down_gone_or_without_its_address_is_told(node: Node) -> None:
    pod = running(node)
    ip("link", "set", "net1", "down", namespace=pod.name)
    ip("link", "delete", "net2", namespace=pod.name)
    ip("addr", "flush", "dev", "eth0", namespace=pod.name)
    found = problems(node, pod)
    assert found["net1", "link"] == "it is set down"
    assert found["net2", "link"] == "the pod has no such interface"
    assert found["eth0", "address"] == "10.244.0.2/24 is gone"


def test_an_address_somebody_else_has_is_told_with_the_mac(node: Node) -> None:
    pod = running(node)
    with neighbour(RAILS[0], four="10.51.0.2/16") as mac:
        assert problems(node, pod) == {("net1", "address"): f"10.51.0.2 is also that of {mac}"}


def test_peers_that_answer_are_counted_and_those_that_do_not_are_named(node: Node) -> None:
    pod, peer = running(node), running(node)
    found = {(each["interface"], each["check"]): each for each in verdicts(node, pod)}
    assert found["net1", "peers"]["text"] == "1 of 1 answer a ping"
    ip("link", "set", "net2", "down", namespace=peer.name)
    assert problems(node, pod) == {("net2", "peers"): f"no answer from default/{peer.pod} at 10.52.0.3"}


def test_a_pod_that_does_not_run_here_is_an_error(node: Node) -> None:
    pod = node.sandbox("net1")
    status, printed = check(node, pod.pod)
    assert status == 1
    assert printed == (
        f"plurimus: pod default/{pod.pod} has no sandbox on this node; run this on the pod's node, "
        "once the pod has started\n"
    )
    pod.add()
    pod.delete()
    assert "has no sandbox on this node" in check(node, pod.pod)[1]
    assert "no pod default/nobody in the cluster" in check(node, "nobody")[1]


def test_parameters_and_twins(node: Node) -> None:
    """Two networks on one link, with ARP as the kernel has it: each interface answers for the other's address."""
    macvlan: dict[str, Any] = node.macvlan(master=RAILS[0])
    node.network("plain", {"cniVersion": "1.0.0", "name": "plain", **macvlan})
    pod = node.sandbox("plain,plain", cluster_network=node.bridge())
    pod.add()
    warnings = [each for each in verdicts(node, pod) if each["level"] == "warning"]
    assert {(each["interface"], each["check"]) for each in warnings} == {("net1", "arp"), ("net2", "arp")}
    assert any("net2 of the same pod answers for" in each["text"] for each in warnings)
