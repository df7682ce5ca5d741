"""Tests inside the machine of drivers for kinds of links and options that this machine's own kernel may lack."""

from __future__ import annotations

from tests.vm.inside.conftest import card, pytest_configure, vfs

__all__ = ["card", "pytest_configure", "vfs"]
