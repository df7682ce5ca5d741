"""A cluster that runs pods: a control plane with controllers and a scheduler, and one node."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import objects
from tests.cluster.client import Client
from tests.cluster.controllers import Controllers
from tests.cluster.controlplane import ControlPlane
from tests.cluster.node import Node
from tests.cluster.waiting import eventually

from .installed import Installed
from .places import default_places
from .plurimus import Plurimus


@pytest.fixture(scope="session")
def control_plane(logs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """In place of the one without controllers: deployments get pods, and pods get nodes."""
    if os.geteuid() != 0:
        pytest.fail("this test needs root: it starts a kubelet; run `make test-cluster` as root")
    folder = tmp_path_factory.mktemp("cluster")
    logs.append(folder)
    with ControlPlane(folder, for_pods=True) as control_plane, Controllers(control_plane):
        yield control_plane


@pytest.fixture(scope="session")
def node(logs: list[Path], control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """The cluster's one node, ready for pods."""
    folder = tmp_path_factory.mktemp("node")
    logs.append(folder)
    with Node(folder, control_plane) as node:
        yield node


@pytest.fixture(scope="module")
def plurimus(
    logs: list[Path], control_plane: ControlPlane, node: Node, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Plurimus]:
    """The node's pods get their networks from Plurimus while the tests of a file run."""
    folder = tmp_path_factory.mktemp("plurimus")
    logs.append(folder)
    with Plurimus(folder, node, control_plane) as plurimus:
        yield plurimus


@pytest.fixture
def installed(logs: list[Path], node: Node, control_plane: ControlPlane, tmp_path: Path) -> Iterator[Installed]:
    """A node at the places every node has, ready for the commands of an administrator, for one test."""
    logs.append(tmp_path)
    with default_places(tmp_path / "places", node), Installed(tmp_path, node, control_plane) as installed:
        yield installed


@pytest.fixture
def namespace(admin: Client) -> Iterator[str]:
    """A namespace of the test's own; its pods end with it."""
    name = objects.new_namespace(admin)
    yield name
    admin.delete(f"/api/v1/namespaces/{name}")
    # a namespace that ends takes in nothing new; its controller would wait 5 s before it looks at the pods
    admin.delete(f"/api/v1/namespaces/{name}/pods")
    eventually(lambda: admin.get(f"/api/v1/namespaces/{name}/pods")["items"], lambda pods: pods == [])
