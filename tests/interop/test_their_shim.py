"""Multus' real shim in front of our daemon: a node whose daemon was replaced before its shim."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tests.node.daemon import VERSIONS
from tests.node.runtime import Sandbox
from tests.node.scripts import FAIL

from .node import PLUGINS, SharedNode
from .observe import make
from .pods import single, two_families

WAY = "their-shim"
versions = pytest.mark.parametrize("version", VERSIONS)


def in_version(node: SharedNode, version: str) -> Sandbox:
    """A pod whose networks have results of 1.1.0, which the runtime wants in `version`."""
    pod = two_families(node)
    pod.netconf["cniVersion"] = version
    return pod


def refused(node: SharedNode, verb: str, pod: Sandbox, **more: Any) -> str:
    """The words of an error, whose code is always 999: this shim makes one of every code (S20)."""
    return pod.call(verb, **node.ways[WAY], **more).refused(999)


@versions
def test_add_prints_what_our_shim_prints(node: SharedNode, version: str) -> None:
    """F7, F60.  Spec sections 1.4, 7.2 and 12.3."""
    pod = in_version(node, version)
    theirs, ours = make(node, pod, WAY), make(node, pod, "ours")
    assert theirs.result == ours.result
    assert json.loads(theirs.result)["cniVersion"] == version
    assert theirs.status == ours.status


@versions
def test_del_leaves_the_node_as_it_was(node: SharedNode, version: str) -> None:
    """F2, F60."""
    pod = in_version(node, version)
    before = node.snapshot()
    node.add(pod, WAY)
    node.delete(pod, WAY)
    node.is_as(before)


def test_check_finds_an_interface_that_has_gone(node: SharedNode) -> None:
    """F3, F60, S19."""
    pod = single(node)
    node.add(pod, WAY)
    assert pod.call("CHECK", **node.ways[WAY]).succeeded() == {}
    pod.ip("link", "delete", "net1")
    assert refused(node, "CHECK", pod).startswith(
        f'CmdCheck (shim): [default/{pod.pod}/{pod.uid}:rail]: error checking network "rail": '
    )


def test_status_says_yes_or_why_not(node: SharedNode) -> None:
    """F4, F60."""
    pod = node.sandbox()
    assert pod.call("STATUS", **node.ways[WAY]).succeeded() == {}
    node.script("tired", f'{FAIL}\nfail(50, "no more addresses")')
    pod.netconf |= node.netconf({"cniVersion": "1.1.0", "name": "pods", "type": "tired"})
    assert refused(node, "STATUS", pod) == "CmdStatus (shim): Multus: no more addresses "


def test_gc_undoes_what_the_runtime_forgot(node: SharedNode) -> None:
    """F5, F60, S18."""
    pod = single(node)
    before = node.snapshot()
    node.add(pod, WAY)
    netconf = node.netconf(node.bridge()) | node.ways[WAY] | {"cni.dev/valid-attachments": []}
    assert node.call("GC", netconf).succeeded() == {}
    node.is_as(before)


def test_an_error_is_readable_and_shows_no_configuration(node: SharedNode) -> None:
    """F90, S46: a shim that gets an error object does not add what it was given."""
    pod = node.sandbox("missing")
    assert refused(node, "ADD", pod, secret="sesame").startswith(
        f"CmdAdd (shim): Multus: [default/{pod.pod}/{pod.uid}]: error loading k8s delegates k8s args: "
        "cannot find a network-attachment-definition (missing) in namespace (default): "
    )
    assert b"sesame" not in pod.call("ADD", **node.ways[WAY], secret="sesame").stdout


def test_the_error_of_a_plugin_arrives_in_its_own_words(node: SharedNode) -> None:
    """F90."""
    node.script("broken", f'{FAIL}\nif env["CNI_COMMAND"] == "ADD":\n    fail(42, "the cable is unplugged")')
    node.network("broken", {"cniVersion": "1.1.0", "type": "broken"})
    pod = node.sandbox("broken")
    before = node.snapshot()
    assert refused(node, "ADD", pod).strip() == (
        f'CmdAdd (shim): [default/{pod.pod}/{pod.uid}:broken]: error adding container to network "broken": '
        "the cable is unplugged"
    )
    node.is_as(before)


def test_del_after_the_daemon_was_restarted(node: SharedNode) -> None:
    """F2, F13, F60."""
    pod = single(node)
    before = node.snapshot()
    node.add(pod, WAY)
    node.stop()
    node.start()
    node.delete(pod, WAY)
    node.is_as(before)


def test_what_this_shim_did_not_delete_stays_on_record_until_the_next_del(node: SharedNode) -> None:
    """S5: without a daemon it says yes and does nothing; ours then still knows what there is."""
    pod = single(node)
    before = node.snapshot()
    node.add(pod, WAY)
    with_pod = node.snapshot()
    node.stop()
    try:
        node.delete(pod, WAY)
        assert node.snapshot() == with_pod
    finally:
        node.start()
    node.delete(pod, WAY)
    node.is_as(before)


def test_add_waits_for_a_daemon_that_starts(node: SharedNode) -> None:
    """F60: this shim asks every 100 ms, for a minute."""
    pod = single(node)
    netconf = json.dumps(pod.netconf | node.ways[WAY]).encode()
    node.stop()
    env = {"CNI_COMMAND": "ADD", "CNI_PATH": str(node.bin), **pod.environment()}
    pipe = subprocess.PIPE
    with subprocess.Popen([PLUGINS["multus-shim"]], stdin=pipe, stdout=pipe, stderr=pipe, env=env) as shim:
        assert shim.stdin is not None
        shim.stdin.write(netconf)
        shim.stdin.close()
        try:
            with pytest.raises(subprocess.TimeoutExpired):
                shim.wait(0.3)
        finally:
            node.start()
        assert shim.wait(60) == 0
    assert set(pod.addresses()) == {"eth0", "net1"}


def test_a_pod_that_is_gone_is_an_error_it_can_try_again(node: SharedNode) -> None:
    """S14."""
    pod = single(node)
    node.forget(pod.pod)
    assert "not known to the cluster" in refused(node, "ADD", pod)
