"""What tests of several folders need."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture
def restored_logging() -> Iterator[None]:
    """The logging of the test run, which a daemon or a command replaces."""
    root, known = logging.getLogger(), structlog.get_config()
    kept, level = root.handlers[:], root.level
    root.handlers.clear()
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = kept
    root.setLevel(level)
    structlog.configure(**known)
