"""CHECK of every network of a sandbox, and STATUS of the default network, with the plugins' own words and codes."""

from __future__ import annotations

from typing import Any

import pytest

from .daemon import Node
from .scripts import FAIL, PASS_ON


@pytest.mark.parametrize("gone", ["eth0", "net1", "net2"])
def test_check_finds_out_that_an_interface_is_missing(node: Node, gone: str) -> None:
    """F3, S19."""
    node.network("rail", node.macvlan())
    node.network("point", {"cniVersion": "0.4.0", "type": "ptp", "ipam": node.host_local("10.81.0.0/24")})
    pod = node.sandbox("rail,point")
    pod.add()
    pod.check()
    pod.ip("link", "delete", gone)
    network = {"eth0": "pods", "net1": "rail", "net2": "point"}[gone]
    said = pod.call("CHECK").refused(999)
    assert f'[default/{pod.pod}/{pod.uid}:{network}]: error checking network "{network}": ' in said
    assert gone in said


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["addr", "flush", "dev", "net1"], "10.10.0.2"),
        (["link", "set", "net1", "down", "address", "02:00:00:00:00:99"], "mac"),
    ],
    ids=["address", "mac"],
)
def test_check_finds_out_that_an_interface_was_changed(node: Node, change: list[str], words: str) -> None:
    """F3, S19."""
    node.network("rail", node.macvlan())
    pod = node.sandbox("rail")
    pod.add()
    pod.ip(*change)
    assert words in pod.call("CHECK").refused(999).lower()


def test_check_finds_out_that_an_address_was_taken_away(node: Node) -> None:
    """F3, S19."""
    node.network("rail", node.macvlan())
    pod = node.sandbox("rail")
    pod.add()
    (node.ipam / "rail" / "10.10.0.2").unlink()
    assert "host-local" in pod.call("CHECK").refused(999)


def test_check_of_a_network_below_0_4_0_passes_and_the_others_are_checked(node: Node) -> None:
    """F3, S19.  Spec section 1.5."""
    node.network("old", node.macvlan(cniVersion="0.3.1"))
    node.network("new", node.macvlan(1))
    pod = node.sandbox("old,new")
    pod.add()
    pod.ip("link", "delete", "net1")
    pod.check()
    pod.ip("link", "delete", "net2")
    assert 'error checking network "new"' in pod.call("CHECK").refused(999)


def test_check_without_cached_result_says_so(node: Node) -> None:
    """F3, F12."""
    node.network("rail", node.macvlan())
    pod = node.sandbox("rail")
    pod.add()
    (node.state / "results" / f"rail-{pod.id}-net1").unlink()
    assert "its cached result is missing" in pod.call("CHECK").refused(3)


def test_check_of_a_container_nobody_knows_says_so(node: Node) -> None:
    """F3."""
    pod = node.sandbox()
    assert f"container {pod.id} has no record on this node" in pod.call("CHECK").refused(3)


def default(node: Node, code: int, version: str = "1.1.0", form: str = "single") -> dict[str, Any]:
    """The node's configuration with a default network whose STATUS fails with `code`."""
    node.script(
        "unwell", f'{FAIL}\nif env["CNI_COMMAND"] == "STATUS":\n    fail({code}, "no route to the fabric"){PASS_ON}'
    )
    conf: dict[str, Any] = {"cniVersion": version, "name": "pods", "type": "unwell"}
    if form == "list":
        conf = {"cniVersion": version, "name": "pods", "plugins": [node.bridge(), {"type": "unwell"}]}
    return node.netconf(conf)


@pytest.mark.parametrize("code", [50, 51, 11, 7, 123])
@pytest.mark.parametrize("form", ["single", "list"])
def test_the_code_of_a_delegates_status_comes_through_unchanged(node: Node, code: int, form: str) -> None:
    """F4, S20."""
    assert "no route to the fabric" in node.call("STATUS", default(node, code, form=form)).refused(code)


@pytest.mark.parametrize("verb", ["ADD", "CHECK", "DEL"])
@pytest.mark.parametrize("code", [7, 11, 50, 123])
def test_the_codes_of_a_delegates_other_errors_come_through_unchanged(node: Node, verb: str, code: int) -> None:
    """S20."""
    node.script("unwell", f'{FAIL}\nif env["CNI_COMMAND"] == {verb!r}:\n    fail({code}, "oh"){PASS_ON}')
    node.network("rail", {"cniVersion": "1.1.0", "type": "unwell"})
    pod = node.sandbox("rail")
    if verb != "ADD":
        pod.add()
    answer = pod.call(verb)
    assert answer.refused(code).rstrip().endswith(": oh")
    node.script("unwell", PASS_ON)


def test_details_of_a_delegates_error_come_through_unchanged(node: Node) -> None:
    """S20.  Spec section 1.3."""
    node.script("unwell", 'print(json.dumps({"code": 50, "msg": "down", "details": "port 7 <err>"}))\nsys.exit(1)')
    netconf = node.netconf({"cniVersion": "1.1.0", "name": "pods", "type": "unwell"})
    answer = node.call("STATUS", netconf)
    answer.refused(50)
    assert answer.document["details"] == "port 7 <err>"


@pytest.mark.parametrize("version", ["0.4.0", "1.0.0"])
def test_status_of_an_older_delegate_passes_without_asking_it(node: Node, version: str) -> None:
    """F4.  Spec section 1.5."""
    node.call("STATUS", default(node, 50, version)).succeeded()


def test_status_of_a_plugin_that_is_not_installed_fails(node: Node) -> None:
    """F4."""
    netconf = node.netconf({"cniVersion": "1.1.0", "name": "pods", "type": "gone"})
    assert 'failed to find plugin "gone"' in node.call("STATUS", netconf).refused(999)


def test_status_of_a_default_network_that_cannot_be_found_fails(node: Node) -> None:
    """F4."""
    netconf = node.netconf(node.bridge()) | {"clusterNetwork": "nowhere"}
    assert "cannot find network: nowhere" in node.call("STATUS", netconf).refused(7)
