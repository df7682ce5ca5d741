"""Which namespaces' networks a pod may name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster import objects
from tests.cluster.client import Client
from tests.cluster.node import Node

from .plurimus import Plurimus
from .pods import addresses, pod, running, said, starting, try_again


@pytest.fixture
def theirs(admin: Client) -> Iterator[str]:
    """Another namespace; no pod is made in it."""
    name = objects.new_namespace(admin)
    yield name
    admin.delete(f"/api/v1/namespaces/{name}")


def test_without_isolation_a_pod_may_name_a_network_of_another_namespace(
    node: Node, plurimus: Plurimus, admin: Client, namespace: str, theirs: str
) -> None:
    """F27; spec section 2.5."""
    plurimus.network("rail", theirs)
    objects.create(admin, pod("trainer", namespace, f"{theirs}/rail"))
    running(admin, "trainer", namespace)
    assert "net1" in addresses(node.sandbox(namespace, "trainer").netns)


def test_with_isolation_only_its_own_and_the_global_namespaces_are_open_to_a_pod(
    node: Node, plurimus: Plurimus, admin: Client, namespace: str, theirs: str
) -> None:
    """F20; spec section 2.5."""
    before = plurimus.left()
    for name in (namespace, theirs, "default"):
        plurimus.network("rail", name)
    try:
        with plurimus.configured(namespaceIsolation=True):
            for name, network in (("own", "rail"), ("global", "default/rail"), ("trespasser", f"{theirs}/rail")):
                objects.create(admin, pod(name, namespace, network))
            _, _, text = said(admin, "trespasser", namespace, "FailedCreatePodSandBox")
            assert "namespace isolation enabled, annotation violates permission" in text
            assert f"pod is in namespace {namespace} but refers to target namespace {theirs}" in text
            for name in ("own", "global"):
                running(admin, name, namespace)
                assert "net1" in addresses(node.sandbox(namespace, name).netns)
            assert starting(admin, "trespasser", namespace)
        with plurimus.configured(namespaceIsolation=True, globalNamespaces=f"shared, {theirs}"):
            try_again(admin, "trespasser", namespace)
            running(admin, "trespasser", namespace)
            assert "net1" in addresses(node.sandbox(namespace, "trespasser").netns)
            admin.delete(f"/api/v1/namespaces/{namespace}/pods")
            plurimus.is_as(before)
    finally:
        admin.delete(objects.path(objects.network("rail", "default", "")))
