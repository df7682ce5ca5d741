"""Tests inside the machine that take all of its eight cards."""

from __future__ import annotations

from tests.vm.inside.conftest import node, pytest_configure, shared_node

__all__ = ["node", "pytest_configure", "shared_node"]
