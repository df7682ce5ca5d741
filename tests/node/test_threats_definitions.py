"""The threat model's hostile definition author: whatever a definition says, it reaches nothing beside its networks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from . import snapshot
from .daemon import Node
from .scripts import PASS_ON, calls, recorder

MARK = "touched by a definition"
LEASES = {"type": "host-local", "subnet": "10.0.0.0/24"}
STATIC = {"type": "static", "addresses": [{"address": "10.77.0.2/24"}]}


@pytest.fixture(scope="module")
def node_config() -> dict[str, Any]:
    """Definitions as those of an API server, which any tenant may write."""
    return {"definitionFolders": []}


def macvlan(**keys: Any) -> dict[str, Any]:
    return {"cniVersion": "1.0.0", "type": "macvlan", "master": "rail0", "ipam": STATIC, **keys}


def device(**keys: Any) -> dict[str, Any]:
    return {"cniVersion": "1.0.0", "type": "host-device", **keys}


def chained(**plugin: Any) -> dict[str, Any]:
    return {"cniVersion": "1.0.0", "plugins": [{"type": "macvlan", "master": "rail0", "ipam": STATIC}, plugin]}


def tuning(**keys: Any) -> dict[str, Any]:
    return chained(type="tuning", **keys)


NO_PATH = "expected the name of an executable, not a path"
ATTACKS: dict[str, tuple[dict[str, Any], str]] = {
    "an executable beside the folder": (macvlan(type="../evil"), NO_PATH),
    "an executable by its path": (macvlan(type="/bin/sh"), NO_PATH),
    "an executable with a NUL": (macvlan(type="evil\0"), NO_PATH),
    "the folder itself": (macvlan(type=".."), NO_PATH),
    "a chained executable beside the folder": (chained(type="../evil"), NO_PATH),
    "an IPAM executable beside the folder": (
        macvlan(ipam={"type": "../evil"}),
        "IPAM type '../evil': expected the name of an executable, not a path"),
    "an IPAM executable by its path": (
        macvlan(ipam={"type": "/bin/sh"}),
        "IPAM type '/bin/sh': expected the name of an executable, not a path"),
    "Plurimus with a program as IPAM": (
        macvlan(ipam={"type": "plurimus"}, program="/etc/passwd"),
        "Plurimus would call itself"),
    "Multus as IPAM": (macvlan(ipam={"type": "multus"}, binDir="/tmp"), "Plurimus would call itself"),
    "a network's name that is a path": (macvlan(name="../../../etc/cron.d/x"), "invalid characters in network name"),
    "a network's name with a NUL": (macvlan(name="x\0y"), "invalid characters in network name"),
    "leases in a folder of the system": (
        macvlan(ipam={**LEASES, "dataDir": "/etc"}),
        "'dataDir' is '/etc', where a definition may not lead"),
    "leases by a detour": (
        macvlan(ipam={**LEASES, "dataDir": "/var/lib/cni/../../../etc"}),
        "'dataDir' is '/var/lib/cni/../../../etc', where a definition may not lead"),
    "leases in another spelling": (
        macvlan(ipam={**LEASES, "DataDir": "/etc"}),
        "'DataDir' is '/etc', where a definition may not lead"),
    "leases among the records": (
        macvlan(name="results", ipam={**LEASES, "dataDir": "/var/lib/cni"}),
        "'dataDir' is '/var/lib/cni', where a definition may not lead"),
    "servers out of a secret": (
        macvlan(ipam={**LEASES, "resolvConf": "/etc/shadow"}),
        "'resolvConf' is '/etc/shadow', where a definition may not lead"),
    "a parameter outside the network": (
        tuning(sysctl={"kernel.core_pattern": "|/tmp/evil"}),
        "is no kernel parameter of a network namespace"),
    "a parameter by a detour": (
        tuning(sysctl={"net/../kernel/core_pattern": "|/tmp/evil"}),
        "cannot write /proc/sys/net/kernel/core_pattern: No such file"),
    "a parameter by dots": (
        tuning(sysctl={"net....kernel.core_pattern": "|/tmp/evil"}),
        "cannot write /proc/sys/net/kernel/core_pattern: No such file"),
    "a parameter with a NUL": (
        tuning(sysctl={"net.ipv4.ip_forward\0": "1"}),
        "is no kernel parameter of a network namespace"),
    "a tuned interface's file elsewhere": (
        tuning(mtu=1400, dataDir="/etc/cni/net.d"),
        "'dataDir' is '/etc/cni/net.d', where a definition may not lead"),
    "a file of the host as a device": (
        device(kernelpath="/sys/devices/../../etc"),
        "must be absolute and begin with /sys/devices/"),
    "a device that is a path": (device(device="../../etc"), "'device' is '../../etc', which contains /"),
    "a device ID that is a path": (
        device(runtimeConfig={"deviceID": "../../../etc"}),
        "runtime config DeviceID ../../../etc not found or unsupported"),
    "a virtual function that is a path": (
        macvlan(type="sriov", deviceID="../../../../etc/passwd"),
        "expected a PCI address"),
    "a file of a device's information": (
        macvlan(runtimeConfig={"CNIDeviceInfoFile": "/etc/cron.d/x"}),
        "'CNIDeviceInfoFile' is '/etc/cron.d/x', where a definition may not lead"),
    "another identity": (
        macvlan(ipam={"type": "whereabouts", "range": "10.0.0.0/24",
                      "kubernetes": {"kubeconfig": "/root/.kube/config"}}),
        "'kubeconfig' is '/root/.kube/config', where a definition may not lead"),
    "any file of the node": (
        macvlan(ipam={"type": "whereabouts", "configuration_path": "/etc/shadow"}),
        "'configuration_path' is '/etc/shadow', where a definition may not lead"),
}  # fmt: skip
"""What a definition says, and what who names it is told of that."""


def evil(node: Node) -> Path:
    """An executable outside the folders of plugins, and where it would leave its mark."""
    path, mark = node.folder / "evil", node.folder / "mark"
    path.write_text(f'#!/bin/sh\necho "{MARK}" >{mark}\n')
    path.chmod(0o755)
    return mark


@pytest.mark.parametrize(("attack", "words"), ATTACKS.values(), ids=ATTACKS)
def test_an_attack_is_refused_and_nothing_is_done(node: Node, attack: dict[str, Any], words: str) -> None:
    mark, pattern = evil(node), Path("/proc/sys/kernel/core_pattern").read_text()
    node.network("hostile", attack)
    pod = node.sandbox("hostile")
    before, etc = node.snapshot(), sorted(Path("/etc").iterdir())
    answer = pod.call("ADD")
    assert answer.status == 1
    assert "hostile" in answer.document["msg"]
    assert words in answer.document["msg"]
    assert not pod.record.exists()
    assert (mark.exists(), Path("/proc/sys/kernel/core_pattern").read_text()) == (False, pattern)
    assert sorted(Path("/etc").iterdir()) == etc
    assert not Path("/etc/cni/net.d", f"{pod.id}_net1.json").exists()
    pod.delete()
    node.is_as(before)


@pytest.mark.parametrize("key", ["logFile", "log_file"])
def test_no_log_of_a_plugin_is_written_where_a_definition_says(node: Node, key: str) -> None:
    """A plugin that writes what it is told to, as root."""
    target = node.folder / "cron.d-entry"
    node.script("writer", f'if {key!r} in conf:\n    open(conf[{key!r}], "a").write("x")\n{recorder(node.calls)}')
    node.network("hostile", {"cniVersion": "1.0.0", "type": "writer", key: str(target)})
    pod = node.sandbox("hostile")
    pod.add()
    pod.delete()
    assert [call["verb"] for call in calls(node.calls)] == ["ADD", "DEL"]
    assert not target.exists()


def test_a_definition_is_no_way_into_another_pods_namespace(node: Node) -> None:
    """What it calls a namespace is not read by anyone; plugins are told the sandbox's own."""
    victim = node.sandbox()
    victim.add()
    before = snapshot.kernel(victim.name)
    node.network("hostile", macvlan(netns=victim.netns, sandbox=victim.netns, CNI_NETNS=victim.netns,
                                    args={"cni": {"netns": victim.netns}}))  # fmt: skip
    attacker = node.sandbox("hostile")
    attacker.add()
    assert "net1" in attacker.links()
    assert snapshot.kernel(victim.name) == before
    attacker.delete()
    victim.delete()


def test_a_list_of_namespaces_keeps_pods_of_others_out(node: Node) -> None:
    node.network("rail", macvlan(), **{"plurimus.io/allowed-namespaces": "team-a"})
    allowed, stranger = (node.sandbox("default/rail", namespace=name) for name in ("team-a", "team-b"))
    before = node.snapshot()
    assert "not for pods of namespace team-b" in stranger.call("ADD").refused(7)
    node.is_as(before)
    allowed.add()
    assert "net1" in allowed.links()
    allowed.delete()
    node.is_as(before)


def test_a_deep_or_long_definition_is_refused_and_the_daemon_goes_on(node: Node) -> None:
    deep = json.loads("[" * 150 + "]" * 150)
    node.script("any", PASS_ON)
    node.network("fits", {"cniVersion": "1.0.0", "type": "any", "x": deep})
    text = '{"cniVersion":"1.0.0","type":"any","x":' + "[" * 100_000 + "]" * 100_000 + "}"
    node._manifest("NetworkAttachmentDefinition", "default", "deep", {}, spec={"config": text})
    fits, refused = node.sandbox("fits"), node.sandbox("deep")
    assert "the JSON nests" in refused.call("ADD").refused(6)
    fits.add()
    fits.delete()
