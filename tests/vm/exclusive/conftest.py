"""Tests inside the machine with RDMA in exclusive mode, which can be chosen only as it boots."""

from __future__ import annotations

from tests.vm.inside.conftest import card, node, pytest_configure, shared_node, vfs

__all__ = ["card", "node", "pytest_configure", "shared_node", "vfs"]
