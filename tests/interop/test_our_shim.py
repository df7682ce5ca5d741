"""Our shim in front of Multus' real daemon: a node whose shim was replaced before its daemon."""

from __future__ import annotations

import json

import pytest

from tests.node.daemon import VERSIONS
from tests.node.runtime import Sandbox
from tests.node.scripts import FAIL

from .node import SharedNode
from .observe import make
from .pods import single, two_families

WAY = "our-shim"
versions = pytest.mark.parametrize("version", VERSIONS)


def in_version(node: SharedNode, version: str) -> Sandbox:
    """A pod whose networks have results of 1.1.0, which the runtime wants in `version`."""
    pod = two_families(node)
    pod.netconf["cniVersion"] = version
    return pod


@versions
def test_add_prints_what_their_own_shim_prints(node: SharedNode, version: str) -> None:
    """F7, F60.  Spec sections 1.4, 7.3 and 12.3."""
    pod = in_version(node, version)
    ours, theirs = make(node, pod, WAY), make(node, pod, "thick")
    assert json.loads(ours.result) == json.loads(theirs.result)
    assert json.loads(ours.result)["cniVersion"] == version


@versions
def test_del_leaves_the_node_as_it_was(node: SharedNode, version: str) -> None:
    """F2, F60."""
    pod = in_version(node, version)
    before = node.snapshot()
    node.add(pod, WAY)
    if version == "0.4.0":
        pod.result = None  # see test_differences: their daemon cannot read it
    node.delete(pod, WAY)
    node.is_as(before)


def test_check_status_and_gc_succeed(node: SharedNode) -> None:
    """F3, F4, F5, F60."""
    pod = single(node)
    node.add(pod, WAY)
    for verb in ("CHECK", "STATUS", "GC"):
        assert pod.call(verb, **node.ways[WAY], **{"cni.dev/valid-attachments": []}).succeeded() == {}


def test_a_failure_is_told_in_the_words_tools_look_for_and_shows_no_configuration(node: SharedNode) -> None:
    """F90, S46: their own shim adds all that it was given."""
    pod = node.sandbox("missing")
    ours = pod.call("ADD", **node.ways[WAY], secret="sesame").refused(999)
    theirs = pod.call("ADD", **node.ways["thick"], secret="sesame").refused(999)
    assert ours.startswith("CNI request failed with status 400: 'ContainerID:")
    assert f"ERRORED: error configuring pod [default/{pod.pod}] networking: Multus: [default/{pod.pod}/" in ours
    assert "cannot find a network-attachment-definition (missing) in namespace (default): " in ours
    assert "sesame" not in ours
    assert "sesame" in theirs


@pytest.mark.parametrize("code", [50, 51])
def test_the_code_of_a_status_arrives(node: SharedNode, code: int) -> None:
    """S20: their daemon sends it, their shim makes 999 of it."""
    node.script("tired", f'{FAIL}\nfail({code}, "no more addresses")')
    pod = node.sandbox(cluster_network={"cniVersion": "1.1.0", "name": "pods", "type": "tired"})
    assert pod.call("STATUS", **node.ways[WAY]).refused(code) == "no more addresses "
    assert "no more addresses" in pod.call("STATUS", **node.ways["thick"]).refused(999)


def test_a_del_that_failed_is_told(node: SharedNode) -> None:
    """S5: their own shim says that all went well."""
    node.script("stuck", f'{FAIL}\nif env["CNI_COMMAND"] == "DEL":\n    fail(42, "it is stuck")\nprint("{{}}")')
    node.network("stuck", {"cniVersion": "1.1.0", "type": "stuck"})
    pod = node.sandbox("stuck")
    for way in (WAY, "thick"):
        node.add(pod, WAY)
        answer = pod.call("DEL", **node.ways[way])
        if way == WAY:
            assert "it is stuck" in answer.refused(999)
        else:
            assert answer.succeeded() == {}


def test_add_without_a_daemon_fails_soon_and_asks_to_try_again(node: SharedNode) -> None:
    """S38."""
    pod = single(node)
    before = node.snapshot()
    node.multus.stop()
    try:
        words = pod.call("ADD", **node.ways[WAY], daemonTimeout=0.2).refused(11)
    finally:
        node.multus.start()
    assert str(node.multus.socket_dir) in words
    assert node.snapshot() == before


def test_a_del_while_their_daemon_makes_way_for_ours_is_carried_out_by_ours(node: SharedNode) -> None:
    """F2, F13, S5: the shim spools it where our daemon looks."""
    pod = single(node)
    before = node.snapshot()
    node.add(pod, "thick")
    node.multus.stop()
    node.stop()
    try:
        node.delete(pod, WAY)
    finally:
        node.start()
        node.multus.start()
    node.is_as(before)


@pytest.mark.parametrize("way", [WAY, "ours"])
def test_the_configuration_their_daemon_generated_serves(node: SharedNode, way: str) -> None:
    """F65.  Spec section 7.6: a node keeps its `00-multus.conf`."""
    pod = single(node)
    generated = json.loads(node.multus.generated.read_bytes())
    assert (generated["type"], generated["clusterNetwork"]) == ("multus-shim", str(node.multus.default))
    pod.netconf = generated | {"cniDir": str(node.state)}
    before = node.snapshot()
    node.add(pod, way)
    assert set(pod.addresses()) == {"eth0", "net1"}
    node.delete(pod, way)
    node.is_as(before)
