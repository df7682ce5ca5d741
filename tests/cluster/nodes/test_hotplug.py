"""Networks that come to a running pod, and go again, by the contract of the dynamic networks controller."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cluster import objects
from tests.cluster.client import Client
from tests.cluster.node import Node

from .dynamic import DynamicNetworks
from .plurimus import Plurimus
from .pods import addresses, delete, events, network_status, pod, running, unchanged

RAIL = {"name": "rail", "interface": "net1"}
DATA = {"name": "data", "interface": "data0"}


@pytest.fixture
def dynamic(plurimus: Plurimus, node: Node, admin: Client) -> DynamicNetworks:
    return DynamicNetworks(admin, node, plurimus.sockets)


@pytest.fixture
def before(plurimus: Plurimus) -> dict[str, Any]:
    """What is on the node before there is the pod."""
    return plurimus.left()


@pytest.fixture
def trainer(before: dict[str, Any], plurimus: Plurimus, admin: Client, namespace: str) -> str:
    """A pod that runs with one network more than the default one, while there is another to be had."""
    plurimus.network("rail", namespace)
    plurimus.network("data", namespace, "10.20.0.0/16")
    objects.create(admin, pod("trainer", namespace, [RAIL]))
    running(admin, "trainer", namespace)
    return "trainer"


def recorded(plurimus: Plurimus, sandbox: str) -> list[str]:
    """The interfaces of a sandbox on record."""
    return [each["plurimus"]["ifname"] for each in json.loads((plurimus.state / sandbox).read_text())]


def interfaces(admin: Client, name: str, namespace: str) -> dict[str, list[str]]:
    """The interfaces in the network status, with their addresses."""
    return {each["interface"]: each["ips"] for each in network_status(admin, name, namespace)}


def test_a_network_is_plugged_into_a_running_pod_and_out_again(
    node: Node, plurimus: Plurimus, dynamic: DynamicNetworks, admin: Client, namespace: str, trainer: str
) -> None:
    """F61, S10; spec sections 7.2 and 9."""
    sandbox = node.sandbox(namespace, trainer)
    as_made, leases = unchanged(admin, node, trainer, namespace), plurimus.left()["addresses"]

    dynamic.change(trainer, namespace, [RAIL, DATA])
    assert addresses(sandbox.netns) == as_made[1] | {"data0": ["10.20.0.2/16"]}
    assert interfaces(admin, trainer, namespace).keys() == {"eth0", "net1", "data0"}
    assert interfaces(admin, trainer, namespace)["data0"] == ["10.20.0.2"]
    assert recorded(plurimus, sandbox.id) == ["eth0", "net1", "data0"]

    dynamic.change(trainer, namespace, [RAIL])
    assert unchanged(admin, node, trainer, namespace) == as_made
    assert interfaces(admin, trainer, namespace).keys() == {"eth0", "net1"}
    assert recorded(plurimus, sandbox.id) == ["eth0", "net1"]
    assert plurimus.left()["addresses"] == leases


@pytest.mark.parametrize("daemon", ["that plugged", "started since"])
def test_what_was_plugged_into_a_pod_goes_with_it(
    plurimus: Plurimus, dynamic: DynamicNetworks, before: dict[str, Any], admin: Client, namespace: str, trainer: str,
    daemon: str,
) -> None:  # fmt: skip
    """S10: also by a daemon that has it from the record alone."""
    dynamic.change(trainer, namespace, [RAIL, DATA])
    if daemon == "started since":
        plurimus.kill()
        plurimus.daemon.start()
    delete(admin, trainer, namespace)
    plurimus.is_as(before)


def test_the_network_a_pod_was_made_with_can_be_plugged_out(
    node: Node, plurimus: Plurimus, dynamic: DynamicNetworks, before: dict[str, Any], admin: Client, namespace: str,
    trainer: str,
) -> None:  # fmt: skip
    """F61, S10; and nothing is deleted twice when the pod goes."""
    sandbox = node.sandbox(namespace, trainer)
    dynamic.change(trainer, namespace, [])
    assert addresses(sandbox.netns).keys() == {"eth0"}
    assert recorded(plurimus, sandbox.id) == ["eth0"]
    delete(admin, trainer, namespace)
    plurimus.is_as(before)
    assert events(admin, trainer, namespace, "FailedKillPod") == []
