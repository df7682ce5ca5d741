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
def daemon(node: Node) -> Iterator[FakeDaemon]:
    """A daemon on the node; calls wait long for it, so a slow machine fails no test."""
    node.patience = PATIENCE / 2
    with FakeDaemon(node.sockets) as fake:
        yield fake
