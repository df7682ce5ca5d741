"""Tests inside the machine of tests/vm: on its own interfaces, in its own first network namespace.

One daemon runs for all tests that need no other: to start one takes long in an emulated machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.node.daemon import Node

from .cards import Card, Vf, cards


def pytest_configure(config: pytest.Config) -> None:
    if "plurimus.init=" not in Path("/proc/cmdline").read_text():
        raise pytest.UsageError("the tests of tests/vm/inside run in the machine that `make test-vm` boots, only there")


@pytest.fixture(scope="session")
def shared_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with Node(tmp_path_factory.mktemp("node")) as node:
        yield node


@pytest.fixture
def node(shared_node: Node) -> Iterator[Node]:
    """A node with the drivers in the daemon; which each test leaves empty."""
    yield shared_node
    shared_node.reset()


@pytest.fixture
def card() -> Card:
    """The first card, which has no virtual functions."""
    return cards()[0]


@pytest.fixture
def vfs(card: Card) -> Iterator[list[Vf]]:
    """Two virtual functions of the first card, at home and with their own names."""
    with card.functions(2) as made:
        yield made
