"""What one pod costs the API server, counted there.  The table in docs/reference/api-requests.md is from here."""

from __future__ import annotations

import json

import pytest

from tests.cluster import objects
from tests.cluster.client import Client
from tests.cluster.controlplane import ControlPlane
from tests.cluster.node import Node
from tests.cluster.waiting import eventually

from .plurimus import Plurimus
from .pods import addresses, delete, pod, running, said

ADD = [("create", "events"), ("patch", "pods/status")]


def asked(control_plane: ControlPlane, namespace: str) -> list[tuple[str, str]]:
    """The daemon's requests about a namespace: verb and resource."""
    found = []
    whole, _, _ = control_plane.audit.read_text().rpartition("\n")
    for line in whole.splitlines():
        request = json.loads(line)
        about = request.get("objectRef", {})  # the doctor asks for paths that are about none
        if about.get("namespace") == namespace:
            resource = "/".join(filter(None, (about["resource"], about.get("subresource"))))
            found.append((request["verb"], resource))
    return sorted(found)


@pytest.mark.parametrize("count", [0, 1, 8])
def test_an_add_costs_two_requests_whatever_the_number_of_networks_and_a_del_none(
    node: Node, plurimus: Plurimus, control_plane: ControlPlane, admin: Client, namespace: str, count: int
) -> None:
    """F40, F44, S47: one patch, one event, and what is read comes from the copies."""
    before = plurimus.left()
    names = [f"rail{number}" for number in range(count)]
    for number, name in enumerate(names):
        plurimus.network(name, namespace, f"10.{number + 10}.0.0/16")
    objects.create(admin, pod("trainer", namespace, ",".join(names) or None))
    running(admin, "trainer", namespace)
    said(admin, "trainer", namespace, "AddedInterface")
    assert len(addresses(node.sandbox(namespace, "trainer").netns)) == 1 + count
    # a request is written down once it was answered
    eventually(lambda: len(asked(control_plane, namespace)) >= len(ADD))
    assert asked(control_plane, namespace) == ADD
    delete(admin, "trainer", namespace)
    plurimus.is_as(before)
    # what the daemon asks after this pod's end is asked after it has told of the next one
    objects.create(admin, pod("next", namespace))
    said(admin, "next", namespace, "AddedInterface")
    eventually(lambda: len(asked(control_plane, namespace)) >= 2 * len(ADD))
    assert asked(control_plane, namespace) == sorted(2 * ADD)
