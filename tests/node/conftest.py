"""The node of a test module: one daemon for all its tests, which each leave it empty."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from .daemon import Node


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
