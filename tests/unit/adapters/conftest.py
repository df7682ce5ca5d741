"""What tests of several adapters need."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest


@pytest.fixture
def machine() -> Iterator[Path]:
    """The root of a machine, with a short name: the path of a socket has 107 characters at most."""
    with TemporaryDirectory(prefix="plurimus-", dir="/tmp") as folder:
        yield Path(folder)
