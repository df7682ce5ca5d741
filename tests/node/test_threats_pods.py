"""The threat model's hostile pod author: annotations reach no file, no other pod and no further network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .daemon import Node
from .scripts import calls, recorder

ATTACKS: dict[str, tuple[Any, str]] = {
    "an interface that is a path": ([{"name": "rail", "interface": "../../x"}], "interface name '../../x' contains /"),
    "an interface with a NUL": ([{"name": "rail", "interface": "a\0b"}], "interface name 'a\\x00b' contains /"),
    "an interface of the kernel's naming": (
        [{"name": "rail", "interface": "eth%d"}],
        "interface name 'eth%d' contains %",
    ),
    "the loopback interface": ([{"name": "rail", "interface": "lo"}], "is the loopback interface"),
    "the default network's interface": ([{"name": "rail", "interface": "eth0"}], "both get the interface name 'eth0'"),
    "a definition that is a path": ([{"name": "../../etc/passwd"}], "name '../../etc/passwd' is no DNS-1123 subdomain"),
    "a namespace that is a path": (
        [{"name": "rail", "namespace": "../kube-system"}],
        "namespace '../kube-system' is no DNS-1123 subdomain",
    ),
    "a short form with a path": ("../../rail", "Invalid network object"),
    "a MAC that is none": (
        [{"name": "rail", "mac": "02:00:00:00:00:01;K8S_POD_NAME=x"}],
        "expected a hardware address",
    ),
    "an address with more in it": (
        [{"name": "rail", "ips": ["10.10.0.9/24;K8S_POD_NAME=x"]}],
        "expected an IP address",
    ),
    "a parameter outside the network": (
        [{"name": "tuned", "cni-args": {"sysctl": {"kernel.core_pattern": "|/x"}}}],
        "is no kernel parameter of a network namespace",
    ),
    "a parameter by a detour": (
        [{"name": "tuned", "cni-args": {"sysctl": {"net/../kernel/core_pattern": "|/x"}}}],
        "cannot write /proc/sys/net/kernel/core_pattern: No such file",
    ),
    "a device that is a path": (
        [{"name": "moved", "deviceID": "../../../../etc/passwd"}],
        "runtime config DeviceID ../../../../etc/passwd not found or unsupported",
    ),
    "no JSON": ('[{"name": "rail"', "networks annotation is no valid JSON"),
    "too many networks": (",".join(["rail"] * 257), "257 networks for one pod"),
    "too deep": ('[{"name": "rail", "cni-args": {"x": ' + "[" * 5000 + "]" * 5000 + "}}]", "the JSON nests too deeply"),
    "too long": ("r" * 300_000, "it is longer than 262144 characters"),
}
"""What a pod asks for, and what it is told of it."""


def networks(node: Node) -> None:
    node.network("rail", node.macvlan())
    node.network("tuned", {"cniVersion": "1.0.0", "plugins": [node.macvlan(), {"type": "tuning"}]})
    device = {"type": "host-device", "capabilities": {"deviceID": True}}
    node.network("moved", {"cniVersion": "1.0.0", **device})


@pytest.mark.parametrize(("attack", "words"), ATTACKS.values(), ids=ATTACKS)
def test_an_attack_is_refused_and_nothing_is_done(node: Node, attack: Any, words: str) -> None:
    networks(node)
    pattern = Path("/proc/sys/kernel/core_pattern").read_text()
    pod = node.sandbox(attack)
    before = node.snapshot()
    answer = pod.call("ADD")
    assert answer.status == 1
    assert words in answer.document["msg"]
    assert len(answer.stdout) < 5000
    assert not pod.record.exists()
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
