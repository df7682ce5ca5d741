"""`/delegate`, which the dynamic networks controller calls: both daemons answer alike."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.node.runtime import Sandbox

from .multus import http
from .node import SharedNode
from .pods import MAC, peers

NAME = "plug0"
STATIC = {"ips": ["10.10.0.77/24"], "mac": MAC}


def delegate(node: SharedNode, daemon: str, verb: str, pod: Sandbox, config: dict[str, Any], **attributes: Any) -> Any:
    """What the controller sends to `theirs` or `ours`; what it gets."""
    args = f"K8S_POD_NAMESPACE={pod.namespace};K8S_POD_NAME={pod.pod};K8S_POD_UID={pod.uid}"
    env = {**pod.environment(NAME), "CNI_COMMAND": verb, "CNI_ARGS": args}
    encoded = base64.b64encode(json.dumps(config).encode()).decode()
    body = json.dumps({"env": env, "config": encoded, "interfaceAttributes": attributes})
    folder = node.multus.socket_dir if daemon == "theirs" else Path(node.config["socketDir"])
    status, answer = http(folder, "POST", "/delegate", body)
    assert status == 200, answer
    return json.loads(answer or "null")


@pytest.mark.parametrize("form", ["single", "list"])
def test_an_interface_is_plugged_and_unplugged_alike(node: SharedNode, form: str) -> None:
    """F61.  Spec sections 7.2, 9 and 12.3."""
    config = node.macvlan(name="rail", ipam={"type": "static"}, capabilities={"ips": True, "mac": True})
    if form == "list":
        config = {"cniVersion": "1.1.0", "name": "rail", "plugins": [config]}
    pod = node.sandbox()
    node.add(pod, "ours")
    before = node.snapshot()
    answers = {}
    for daemon in ("theirs", "ours"):
        answers[daemon] = delegate(node, daemon, "ADD", pod, config, **STATIC)
        assert pod.links()[NAME]["address"] == MAC
        assert pod.addresses()[NAME] == STATIC["ips"]
        assert delegate(node, daemon, "DEL", pod, config) is None
        node.is_as(before)
    assert answers["ours"] == answers["theirs"]
    assert node.events(pod, "ours", 2)[1:] == node.events(pod, "thick", 1)


@peers
def test_what_their_daemon_plugged_in_goes_with_the_pod(node: SharedNode, peer: str) -> None:
    """S10: Multus does not know of it any more when the pod goes; libcni's cache does."""
    config = node.macvlan(name="rail")
    pod = node.sandbox()
    before = node.snapshot()
    node.add(pod, peer)
    delegate(node, "theirs", "ADD", pod, config)
    node.delete(pod, "ours")
    node.is_as(before)


def test_what_our_daemon_plugged_in_is_known_to_multus(node: SharedNode) -> None:
    """S10, F13."""
    pod = node.sandbox()
    before = node.snapshot()
    node.add(pod, "ours")
    delegate(node, "ours", "ADD", pod, node.macvlan(name="rail"))
    node.delete(pod, "thick")
    node.is_as(before)
