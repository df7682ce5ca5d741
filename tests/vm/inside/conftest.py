"""Tests inside the machine of tests/vm: on its own interfaces, in its own first network namespace."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_configure(config: pytest.Config) -> None:
    if "plurimus.init=" not in Path("/proc/cmdline").read_text():
        raise pytest.UsageError("the tests of tests/vm/inside run in the machine that `make test-vm` boots, only there")
