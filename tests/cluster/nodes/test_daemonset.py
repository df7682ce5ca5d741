"""Plurimus as its manifest deploys it: one `kubectl apply`, the image built here, a daemon in a container."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import objects
from tests.cluster.client import Client
from tests.cluster.controlplane import ControlPlane
from tests.cluster.node import Node

from .daemonset import DaemonSet
from .places import default_places
from .pods import addresses, delete, network_status, pod, running


@pytest.fixture(scope="module")
def plurimus(
    logs: list[Path], control_plane: ControlPlane, node: Node, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DaemonSet]:
    """In place of the one that is installed by hand."""
    folder = tmp_path_factory.mktemp("daemonset")
    logs.append(folder)
    with default_places(folder / "places", node), DaemonSet(folder, node, control_plane) as daemonset:
        yield daemonset


def test_the_quick_start_works_with_nothing_applied_but_the_manifest(
    node: Node, plurimus: DaemonSet, admin: Client, namespace: str
) -> None:
    """F1, F2, F27, F40, F63; spec section 8.1."""
    plurimus.network("rail", namespace)
    before = plurimus.left()
    objects.create(admin, pod("trainer", namespace, "rail"))
    address = running(admin, "trainer", namespace)["podIP"]
    found = addresses(node.sandbox(namespace, "trainer").netns)
    assert found == {"eth0": [f"{address}/24"], "net1": ["10.10.0.2/16"]}
    assert [each["name"] for each in network_status(admin, "trainer", namespace)] == ["primary", f"{namespace}/rail"]
    delete(admin, "trainer", namespace)
    plurimus.is_as(before)


def test_the_doctor_in_the_daemons_container_finds_nothing_wrong(plurimus: DaemonSet) -> None:
    """The daemon's own view: its file, socket, identity, and the host's folders."""
    findings = json.loads(plurimus.inside("plurimus", "doctor", "--output", "json"))
    assert {each["level"] for each in findings} == {"ok"}, findings
