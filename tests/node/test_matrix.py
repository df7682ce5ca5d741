"""Every CNI version, as a single configuration and as a list, through shim and daemon: each verb, each result."""

from __future__ import annotations

from typing import Any

import pytest

from .daemon import VERSIONS, Node
from .runtime import Sandbox

DNS = {"nameservers": ["10.0.0.53"], "domain": "pods.example"}
LEGACY, MIDDLE = VERSIONS[:2], VERSIONS[2:5]

versions = pytest.mark.parametrize("version", VERSIONS)
forms = pytest.mark.parametrize("form", ["single", "list"])


def default_network(node: Node, version: str, form: str) -> dict[str, Any]:
    bridge = node.bridge(cniVersion=version, dns=DNS)
    if form == "single":
        return bridge
    # the plugins' own versions and names are overwritten by the list's
    tuning = {"type": "tuning", "cniVersion": "0.3.0", "sysctl": {"net.ipv4.conf.eth0.accept_local": "1"}}
    return {"cniVersion": version, "name": "pods", "plugins": [{**bridge, "cniVersion": "0.3.0"}, tuning]}


def secondary_network(node: Node, version: str, form: str) -> dict[str, Any]:
    macvlan = node.macvlan(cniVersion=version)
    if form == "single":
        return macvlan
    tuning = {"type": "tuning", "mtu": 1400}
    return {"cniVersion": version, "name": "rail", "plugins": [macvlan, tuning]}


def sandbox(node: Node, version: str, form: str) -> Sandbox:
    node.network("rail", secondary_network(node, version, form))
    return node.sandbox("rail", cluster_network=default_network(node, version, form), version=version)


def expected(pod: Sandbox, version: str) -> dict[str, Any]:
    """The result, exactly, in the shape of `version`, from what is in the kernel."""
    address, gateway, route = "10.244.0.2/24", "10.244.0.1", {"dst": "0.0.0.0/0", "gw": "10.244.0.1"}
    if version in LEGACY:
        return {"cniVersion": version, "ip4": {"ip": address, "gateway": gateway, "routes": [route]}, "dns": DNS}
    (veth,) = [link for name, link in pod.node.links().items() if name.startswith("veth")]
    interfaces = [
        {"name": "pods0", "mac": pod.node.links()["pods0"]["address"]},
        {"name": veth["ifname"], "mac": veth["address"]},
        {"name": "eth0", "mac": pod.links()["eth0"]["address"], "sandbox": pod.netns},
    ]
    family = {"version": "4"} if version in MIDDLE else {}
    ips = [{**family, "interface": 2, "address": address, "gateway": gateway}]
    document = {"cniVersion": version, "interfaces": interfaces, "ips": ips, "routes": [route], "dns": DNS}
    return document if version in MIDDLE else dict(sorted(document.items()))  # the order of the reference library


@versions
@forms
def test_add_attaches_all_networks_and_answers_in_the_shape_of_its_version(node: Node, version: str, form: str) -> None:
    """F1, F7, F8.  Spec sections 1.4 and 12.4."""
    pod = sandbox(node, version, form)
    result = pod.add()
    assert result == expected(pod, version)
    assert list(result) == list(expected(pod, version))
    assert pod.addresses() == {"eth0": ["10.244.0.2/24"], "net1": ["10.10.0.2/24"]}
    assert pod.default_routes() == {("10.244.0.1", "eth0")}
    assert pod.links()["net1"]["linkinfo"]["info_kind"] == "macvlan"
    chained = (pod.sysctl("net.ipv4.conf.eth0.accept_local"), pod.links()["net1"]["mtu"])
    assert chained == (("1", 1400) if form == "list" else ("0", 1500))


@versions
@forms
def test_add_prints_four_spaces_and_no_newline_at_the_end(node: Node, version: str, form: str) -> None:
    """Spec section 1.4."""
    pod = sandbox(node, version, form)
    printed = pod.call("ADD").stdout.decode()
    assert printed.startswith(f'{{\n    "cniVersion": "{version}",\n    "')
    assert printed.endswith("\n}")


@versions
@forms
def test_del_leaves_the_node_as_it_was(node: Node, version: str, form: str) -> None:
    """F2, F12, F13.  Spec section 12.4."""
    pod = sandbox(node, version, form)
    before = node.snapshot()
    pod.add()
    assert node.snapshot() != before
    pod.delete()
    node.is_as(before)


@versions
@forms
def test_check_passes_from_0_4_0_on_and_is_refused_before(node: Node, version: str, form: str) -> None:
    """F3.  Spec section 1.2."""
    pod = sandbox(node, version, form)
    pod.add()
    with_pod = node.snapshot()
    answer = pod.call("CHECK")
    if version < "0.4.0":
        assert "config version does not allow CHECK" in answer.refused(1)
    else:
        assert answer.succeeded() == {}
        assert answer.stdout == b""
    assert node.snapshot() == with_pod


@versions
@forms
def test_status_passes_in_1_1_0_and_is_refused_before(node: Node, version: str, form: str) -> None:
    """F4.  Spec section 1.2."""
    answer = node.call("STATUS", node.netconf(default_network(node, version, form), version))
    if version == "1.1.0":
        assert answer.succeeded() == {}
    else:
        assert "config version does not allow STATUS" in answer.refused(1)


@versions
@forms
def test_gc_collects_in_1_1_0_and_is_refused_before(node: Node, version: str, form: str) -> None:
    """F5.  Spec section 1.2."""
    pod = sandbox(node, version, form)
    before = node.snapshot()
    pod.add()
    with_pod = node.snapshot()
    answer = node.call("GC", {**pod.netconf, "cni.dev/valid-attachments": []})
    if version == "1.1.0":
        assert answer.succeeded() == {}
        node.is_as(before)
    else:
        assert "config version does not allow GC" in answer.refused(1)
        assert node.snapshot() == with_pod


@pytest.mark.parametrize("stdin", [{"cniVersion": version} for version in VERSIONS] + [None])
def test_version_names_all_seven_whatever_is_on_stdin(node: Node, stdin: dict[str, Any] | None) -> None:
    """F6.  Spec section 1.1."""
    answer = node.call("VERSION", stdin)
    assert answer.succeeded() == {"cniVersion": "1.1.0", "supportedVersions": list(VERSIONS)}
    assert answer.stdout.endswith(b"\n")


@pytest.mark.parametrize("verb", ["ADD", "CHECK", "DEL", "STATUS", "GC"])
@pytest.mark.parametrize("version", ["0.3.2", "1.1", "1.2.0", "x"])
def test_a_version_that_is_none_of_the_seven_is_refused(node: Node, verb: str, version: str) -> None:
    """Spec section 1.1."""
    pod = node.sandbox()
    before = node.snapshot()
    said = pod.call(verb, cniVersion=version, **{"cni.dev/valid-attachments": []}).refused(1)
    assert "incompatible CNI versions" in said
    assert f'config is "{version}"' in said
    assert node.snapshot() == before


def test_a_configuration_without_version_counts_as_0_1_0(node: Node) -> None:
    """Spec section 1.1."""
    pod = node.sandbox(cluster_network=node.bridge(cniVersion="0.4.0"))
    del pod.netconf["cniVersion"]
    result = pod.add()
    assert (result["cniVersion"], result["ip4"]["ip"]) == ("0.1.0", "10.244.0.2/24")
    assert "does not allow CHECK" in pod.call("CHECK").refused(1)
    pod.delete()
