"""The node of a test module, with all programs running on it; each test leaves it empty."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from .node import SharedNode


@pytest.fixture(scope="module")
def shared_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedNode]:
    if os.geteuid() != 0:
        pytest.fail("this test needs root: it makes network namespaces; run `make test-interop` as root")
    with SharedNode(tmp_path_factory.mktemp("node")) as node:
        yield node


@pytest.fixture
def node(shared_node: SharedNode) -> Iterator[SharedNode]:
    yield shared_node
    shared_node.reset()
