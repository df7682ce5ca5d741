"""Pods with none, one and eight more networks: in the sandbox, on the pod, in its events."""

from __future__ import annotations

import pytest

from plurimus.model.pod import NETWORK_STATUS
from tests.cluster import objects
from tests.cluster.client import Client
from tests.cluster.node import Node

from .plurimus import Plurimus
from .pods import addresses, delete, network_status, pod, running, said


@pytest.mark.parametrize("count", [0, 1, 8])
def test_a_pod_has_eth0_and_an_interface_per_network_it_names_and_leaves_nothing(
    node: Node, plurimus: Plurimus, admin: Client, namespace: str, count: int
) -> None:
    """F1, F2, F27, F36, F40, F44; spec sections 3.4 and 3.5."""
    before = plurimus.left()
    names = [f"rail{number}" for number in range(1, count + 1)]
    for number, name in enumerate(names, 1):
        plurimus.network(name, namespace, f"10.{number + 10}.0.0/16")
    objects.create(admin, pod("trainer", namespace, ",".join(names) or None))
    address = running(admin, "trainer", namespace)["podIP"]
    found = addresses(node.sandbox(namespace, "trainer").netns)
    assert found == {"eth0": [f"{address}/24"]} | {f"net{n}": [f"10.{n + 10}.0.2/16"] for n in range(1, count + 1)}
    status = network_status(admin, "trainer", namespace)
    assert [(each["name"], each["interface"], each["ips"], each.get("default", False)) for each in status] == [
        ("primary", "eth0", [address], True),
        *((f"{namespace}/rail{n}", f"net{n}", [f"10.{n + 10}.0.2"], False) for n in range(1, count + 1)),
    ]
    lines = [f"Add eth0 [{address}/24] from primary"] + [
        f"Add net{n} [10.{n + 10}.0.2/16] from {namespace}/rail{n}" for n in range(1, count + 1)
    ]
    assert said(admin, "trainer", namespace, "AddedInterface") == ("Normal", "AddedInterface", "\n".join(lines))
    delete(admin, "trainer", namespace)
    plurimus.is_as(before)


def test_a_pod_of_the_hosts_network_has_nothing_to_do_with_it(
    node: Node, plurimus: Plurimus, admin: Client, namespace: str
) -> None:
    """Spec section 3.4: no sandbox, no status."""
    objects.create(admin, made := pod("agent", namespace, "nosuch", hostNetwork=True))
    running(admin, "agent", namespace)
    assert NETWORK_STATUS not in admin.get(objects.path(made))["metadata"]["annotations"]
