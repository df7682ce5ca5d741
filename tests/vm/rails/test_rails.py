"""A pod with a virtual function on each rail: the right ones, in order, each routed by itself."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from plurimus.model.definition import RESOURCE_NAME
from tests.node.daemon import PLURIMUS, Node
from tests.node.runtime import Sandbox
from tests.node.snapshot import ip, ip_json, run
from tests.vm.inside.cards import Vf, cards, carries

SYSCTLS = {"arp_ignore": "1", "arp_announce": "2", "rp_filter": "2"}
ECHOES = 20
"""More packets than the kernel sends by itself meanwhile, however slow the machine is."""
Functions = list[list[Vf]]
"""Three of each card, in the order of the cards."""


@pytest.fixture(scope="module")
def node(shared_node: Node) -> Iterator[Node]:
    """The node, for all tests of this module together: sixteen interfaces take long to make."""
    yield shared_node
    shared_node.reset()


@pytest.fixture(scope="module")
def rails(node: Node) -> Iterator[Functions]:
    """Three functions on each card, and a network for each card: a resource, a subnet, and a VLAN for the last."""
    with ExitStack() as stack:
        found = [stack.enter_context(card.functions(3)) for card in cards()]
        for number in range(len(found)):
            resource = {RESOURCE_NAME: f"example.com/rail{number}"}
            node.network(f"rail{number}", network(node, number, len(found)), **resource)
        yield found


@pytest.fixture(scope="module")
def pair(node: Node, rails: Functions) -> Iterator[list[Sandbox]]:
    """Two pods that run, each on all rails."""
    pods = [running(node, rails, index) for index in (0, 1)]
    yield pods
    for pod in pods:
        pod.delete()


def network(node: Node, number: int, of: int) -> dict[str, Any]:
    ipam = node.host_local()
    ipam["ranges"] = [[{"subnet": f"10.{60 + number}.0.0/16", "gateway": f"10.{60 + number}.0.1"}]]
    sriov = {"type": "sriov", "ipam": ipam, **({"vlan": 100} if number == of - 1 else {})}
    sysctl = {f"net.ipv4.conf.IFNAME.{key}": value for key, value in SYSCTLS.items()}
    return {"cniVersion": "1.0.0", "plugins": [sriov, {"type": "tuning", "sysctl": sysctl}, {"type": "sbr"}]}


def running(node: Node, rails: Functions, index: int) -> Sandbox:
    """A pod with the functions of that index, one of each card."""
    devices = {f"example.com/rail{number}": [card[index].pci] for number, card in enumerate(rails)}
    pod = node.sandbox(",".join(f"rail{number}" for number in range(len(rails))), devices=devices)
    pod.add()
    for number in range(len(rails)):
        carries(f"net{number + 1}", pod.name)
    return pod


def command(node: Node, verb: str, pod: Sandbox, *argv: str) -> tuple[int, Any]:
    """Exit status and JSON of a command about a pod."""
    config = node.folder / "asked.json"
    config.write_text(json.dumps({**node.config, "clusterNetwork": pod.netconf["clusterNetwork"]}))
    given = [PLURIMUS, verb, pod.pod, *argv, "--config", config, "--output", "json"]
    done = subprocess.run(given, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def addresses(pod: Sandbox, rails: Functions) -> list[str]:
    """The address of net1, net2, ..."""
    return [pod.addresses()[f"net{number + 1}"][0].partition("/")[0] for number in range(len(rails))]


def test_each_rail_is_the_interface_of_its_number_and_routed_by_itself(rails: Functions, pair: list[Sandbox]) -> None:
    """RDMA spec, case 61, on functions of as many cards as there are."""
    pod = pair[0]
    mine = addresses(pod, rails)
    for number, (vf, address) in enumerate(zip((card[0] for card in rails), mine, strict=True)):
        assert vf.link(pod.name)["ifname"] == f"net{number + 1}"
        assert address.startswith(f"10.{60 + number}.0.")
        for sysctl, value in SYSCTLS.items():
            assert pod.sysctl(f"net.ipv4.conf.net{number + 1}.{sysctl}") == value
    for number, source in enumerate(mine):
        for destination in ("192.0.2.1", *(f"10.{60 + other}.0.9" for other in range(len(rails)))):
            (route,) = ip_json("route", "get", destination, "from", source, namespace=pod.name)
            assert route["dev"] == f"net{number + 1}", (source, destination)


def test_peers_reach_each_other_rail_by_rail(node: Node, rails: Functions, pair: list[Sandbox]) -> None:
    ours, theirs = (addresses(pod, rails) for pod in pair)
    for number, (source, destination) in enumerate(zip(ours, theirs, strict=True)):
        before = sent(pair[0])
        ping = ("ping", "-c", str(ECHOES), "-i", "0.1", "-W", "20", "-I", source, destination)
        run("ip", "netns", "exec", pair[0].name, *ping)
        more = {name for name, count in sent(pair[0]).items() if count >= before[name] + ECHOES}
        assert more == {f"net{number + 1}"}
    status, verdicts = command(node, "check", pair[0], "--wait", "3")
    assert [each for each in verdicts if each["level"] != "ok"] == []
    assert status == 0
    told = {(each["rail"], each["check"]): each["text"] for each in verdicts}
    for number, address in enumerate(ours):
        assert told[f"rail{number}", "address"] == f"{address}/16, nobody else's"
        assert told[f"rail{number}", "routing"] == f"what comes from {address} leaves by net{number + 1}"
        assert told[f"rail{number}", "peers"] == "1 of 1 answer a ping"
        assert told[f"rail{number}", "plugins"] == "CHECK of sriov, tuning, sbr passes"


def sent(pod: Sandbox) -> dict[str, int]:
    """How many IPv4 echo requests and whatever else each interface has sent."""
    return {link["ifname"]: link["stats64"]["tx"]["packets"] for link in ip_json("-s", "link", namespace=pod.name)}


def test_explain_says_where_each_device_is(node: Node, rails: Functions, pair: list[Sandbox]) -> None:
    pod = pair[0]
    mine = addresses(pod, rails)
    _, document = command(node, "explain", pod)
    assert document["warnings"] == []
    for number, (functions, row) in enumerate(zip(rails, document["rails"], strict=True)):
        card = functions[0].card
        assert row == {
            "device": rails[number][0].pci,
            "physical function": f"{card.name} {card.device.name}",
            "numa": number * 2 // len(rails),
            "rdma": [],
            "rail": f"rail{number}",
            "interface": f"net{number + 1}",
            "address": [f"{mine[number]}/16"],
        }


def test_explain_warns_of_a_pod_that_leaves_a_rail_out_and_takes_another_twice(node: Node, rails: Functions) -> None:
    last = len(rails) - 1
    devices = {f"example.com/rail{last}": [vf.pci for vf in rails[last]], "example.com/rail0": [rails[0][0].pci]}
    pod = node.sandbox(f"rail{last},rail{last},rail0", devices=devices)
    _, document = command(node, "explain", pod)
    crowded, disorder = document["warnings"]
    assert crowded.startswith(f"net1 and net2 are all on rail{last}, while the pod has nothing on rail1")
    assert disorder.startswith(f"net2 is on rail{last} and net3 on rail0: interfaces are not in the order of the rails")


def test_check_says_what_is_wrong_rail_by_rail(node: Node, rails: Functions) -> None:
    pod = running(node, rails, 2)
    last, card = len(rails) - 1, rails[-1][0].card
    ip("link", "set", card.name, "vf", "2", "vlan", "7")
    ip("link", "set", "net1", "down", namespace=pod.name)
    ip("addr", "flush", "dev", "net2", namespace=pod.name)
    status, verdicts = command(node, "check", pod, "--wait", "0.5")
    assert status == 1
    problems = {(each["rail"], each["check"]): each["text"] for each in verdicts if each["level"] == "problem"}
    assert "has vlan 7 0 33024, the configuration says 100 0 33024" in problems[f"rail{last}", "plugins"]
    assert problems["rail0", "link"] == "it is set down"
    assert problems["rail1", "address"].endswith("is gone")
    assert {rail for rail, _ in problems} == {"rail0", "rail1", f"rail{last}"}
    pod.delete()
