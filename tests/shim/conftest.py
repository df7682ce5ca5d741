from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .fake import FakeDaemon
from .runtime import PATIENCE, Node


@pytest.fixture(scope="package", autouse=True)
def _no_folder_of_the_machine() -> Iterator[None]:
    """Where a configuration names no folder the shim takes Multus' own: for this process alone an empty one."""
    if os.geteuid() != 0:
        yield
        return
    subprocess.run(["mount", "-t", "tmpfs", "plurimus-tests", "/var/lib"], check=True)
    yield
    subprocess.run(["umount", "/var/lib"], check=True)


@pytest.fixture
def node(tmp_path: Path) -> Node:
    """A node without a daemon."""
    return Node(tmp_path)


@pytest.fixture
def ours(node: Node) -> Iterator[FakeDaemon]:
    """A daemon on the node; calls wait long for it, so a slow machine fails no test."""
    node.patience = PATIENCE / 2
    with FakeDaemon(node.sockets) as fake:
        yield fake


@pytest.fixture
def multus(node: Node) -> Iterator[FakeDaemon]:
    """The same of Multus."""
    node.patience = PATIENCE / 2
    with FakeDaemon(node.sockets, ours=False) as fake:
        yield fake


@pytest.fixture(params=["ours", "multus"])
def daemon(request: pytest.FixtureRequest) -> FakeDaemon:
    """Either, for what is the same with both."""
    fake: FakeDaemon = request.getfixturevalue(request.param)
    return fake
