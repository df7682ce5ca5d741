"""The node of a test module: one daemon for all its tests, which each leave it empty."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .daemon import Node

if TYPE_CHECKING:
    from .nursery import Nursery


@pytest.fixture(scope="session", autouse=True)
def own_state() -> Iterator[None]:
    """The machine's /var/lib/cni, which every daemon knows, hidden: others may leave something there meanwhile."""
    if os.geteuid() != 0:
        yield
        return
    Path("/var/lib/cni").mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "plurimus-tests", "/var/lib/cni"], check=True)
    yield
    subprocess.run(["umount", "--lazy", "/var/lib/cni"], check=True)


@pytest.fixture(scope="module")
def node_config() -> dict[str, Any]:
    """What a module wants in the daemon's configuration beside the usual."""
    return {}


@pytest.fixture(scope="module")
def shared_node(tmp_path_factory: pytest.TempPathFactory, node_config: dict[str, Any]) -> Iterator[Node]:
    if os.geteuid() != 0:
        pytest.fail("this test needs root: it makes network namespaces; run `make test` as root")
    with Node(tmp_path_factory.mktemp("node"), **node_config) as node:
        yield node


@pytest.fixture
def node(shared_node: Node) -> Iterator[Node]:
    yield shared_node
    shared_node.reset()


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    from .nursery import Nursery  # with all that a daemon imports

    with Nursery() as made:
        yield made
