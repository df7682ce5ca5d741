"""Pods that choose their default network, or which network their traffic to elsewhere takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster import objects
from tests.cluster.client import Client
from tests.cluster.node import Node
from tests.node.snapshot import ip_json

from .plurimus import Plurimus
from .pods import addresses, delete, network_status, pod, running

ADMINISTRATORS = "kube-system"


@pytest.fixture
def alternative(plurimus: Plurimus, admin: Client) -> Iterator[str]:
    """A network of the administrator's namespace."""
    plurimus.network("alternative", ADMINISTRATORS, "10.20.0.0/16")
    yield "alternative"
    admin.delete(objects.path(objects.network("alternative", ADMINISTRATORS, "")))


def default_routes(netns: str) -> list[tuple[Any, Any]]:
    return [(route.get("gateway"), route["dev"]) for route in ip_json("route", "show", "default", namespace=netns)]


def test_a_pod_has_its_eth0_and_its_address_from_the_default_network_it_names(
    node: Node, plurimus: Plurimus, admin: Client, namespace: str, alternative: str
) -> None:
    """F19, F39; spec section 3.3: looked for in the administrator's namespace."""
    before = plurimus.left()
    plurimus.network("rail", namespace)
    objects.create(admin, pod("trainer", namespace, "rail", default=alternative))
    address = running(admin, "trainer", namespace)["podIP"]
    found = addresses(node.sandbox(namespace, "trainer").netns)
    assert found == {"eth0": [f"{address}/16"], "net1": ["10.10.0.2/16"]}
    assert address.startswith("10.20.")
    assert [(each["name"], each.get("default", False)) for each in network_status(admin, "trainer", namespace)] == [
        (f"{ADMINISTRATORS}/{alternative}", True),
        (f"{namespace}/rail", False),
    ]
    delete(admin, "trainer", namespace)
    plurimus.is_as(before)


def test_the_default_route_goes_where_the_pod_wants_it_and_the_status_says_so(
    node: Node, plurimus: Plurimus, admin: Client, namespace: str
) -> None:
    """F38, S1, S22."""
    plurimus.network("rail", namespace)
    objects.create(admin, pod("plain", namespace, "rail"))
    objects.create(admin, pod("trainer", namespace, [{"name": "rail", "default-route": ["10.10.0.1"]}]))
    for name in ("plain", "trainer"):
        running(admin, name, namespace)
    assert default_routes(node.sandbox(namespace, "plain").netns) == [("10.244.0.1", "eth0")]
    assert default_routes(node.sandbox(namespace, "trainer").netns) == [("10.10.0.1", "net1")]
    gateways = {each["interface"]: each.get("gateway") for each in network_status(admin, "trainer", namespace)}
    assert gateways == {"eth0": None, "net1": ["10.10.0.1"]}
