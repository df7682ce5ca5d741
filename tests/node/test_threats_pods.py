"""The threat model's hostile pod author: annotations reach no file, no other pod and no further network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .daemon import Node
from .scripts import calls, recorder

ATTACKS: dict[str, Any] = {
    "an interface that is a path": [{"name": "rail", "interface": "../../x"}],
    "an interface with a NUL": [{"name": "rail", "interface": "a\0b"}],
    "an interface of the kernel's naming": [{"name": "rail", "interface": "eth%d"}],
    "the loopback interface": [{"name": "rail", "interface": "lo"}],
    "the default network's interface": [{"name": "rail", "interface": "eth0"}],
    "a definition that is a path": [{"name": "../../etc/passwd"}],
    "a namespace that is a path": [{"name": "rail", "namespace": "../kube-system"}],
    "a short form with a path": "../../rail",
    "a MAC that is none": [{"name": "rail", "mac": "02:00:00:00:00:01;K8S_POD_NAME=x"}],
    "an address with more in it": [{"name": "rail", "ips": ["10.10.0.9/24;K8S_POD_NAME=x"]}],
    "a parameter outside the network": [{"name": "tuned", "cni-args": {"sysctl": {"kernel.core_pattern": "|/x"}}}],
    "a parameter by a detour": [{"name": "tuned", "cni-args": {"sysctl": {"net/../kernel/core_pattern": "|/x"}}}],
    "a device that is a path": [{"name": "moved", "deviceID": "../../../../etc/passwd"}],
    "no JSON": '[{"name": "rail"',
    "too many networks": ",".join(["rail"] * 257),
    "too deep": '[{"name": "rail", "cni-args": {"x": ' + "[" * 5000 + "]" * 5000 + "}}]",
    "too long": "r" * 300_000,
}


def networks(node: Node) -> None:
    node.network("rail", node.macvlan())
    node.network("tuned", {"cniVersion": "1.0.0", "plugins": [node.macvlan(), {"type": "tuning"}]})
    device = {"type": "host-device", "capabilities": {"deviceID": True}}
    node.network("moved", {"cniVersion": "1.0.0", **device})


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_an_attack_is_refused_and_nothing_is_done(node: Node, attack: Any) -> None:
    networks(node)
    pattern = Path("/proc/sys/kernel/core_pattern").read_text()
    pod = node.sandbox(attack)
    before = node.snapshot()
    answer = pod.call("ADD")
    assert answer.status == 1
    assert len(answer.stdout) < 5000
    assert Path("/proc/sys/kernel/core_pattern").read_text() == pattern
    pod.delete()
    node.is_as(before)


def test_what_a_pod_writes_changes_no_variable_that_plugins_get(node: Node) -> None:
    """Which pod it is, which namespace it has, where plugins are: none of these is the pod's to say."""
    node.script("recorder", recorder(node.calls))
    node.network("rail", {"cniVersion": "1.0.0", "type": "recorder"})
    names = ("CNI_NETNS", "CNI_PATH", "CNI_CONTAINERID", "PATH", "LD_PRELOAD", "cniDir", "type", "dataDir",
             "K8S_POD_NAMESPACE", "K8S_POD_NAME")  # fmt: skip
    lies = dict.fromkeys(names, "/etc")
    pod = node.sandbox([{"name": "rail", "cni-args": lies}])
    pod.add()
    (call,) = calls(node.calls)
    assert (call["env"]["CNI_NETNS"], call["env"]["CNI_CONTAINERID"]) == (pod.netns, pod.id)
    assert call["env"]["CNI_PATH"].split(":")[0] == str(node.bin)
    assert f"K8S_POD_NAMESPACE=default;K8S_POD_NAME={pod.pod};" in call["env"]["CNI_ARGS"] + ";"
    assert call["conf"]["type"] == "recorder"
    assert call["conf"]["args"]["cni"] == lies
    pod.delete()


def test_as_many_networks_as_a_pod_may_have_leave_the_daemon_to_others(node: Node) -> None:
    node.script("recorder", recorder(node.calls))
    node.network("rail", {"cniVersion": "1.0.0", "type": "recorder"})
    crowd = json.dumps([{"name": "rail", "interface": f"n{number}"} for number in range(40)])
    pod, other = node.sandbox(crowd), node.sandbox()
    pod.add()
    other.add()
    other.delete()
    pod.delete()
    assert len(calls(node.calls)) == 80
