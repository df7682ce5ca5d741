"""Waiting for what a cluster does in its own time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from .service import PATIENCE

T = TypeVar("T")


def eventually(ask: Callable[[], T], holds: Callable[[T], bool] = bool) -> T:
    """What `ask` answers once `holds` says yes to it; the last answer is shown where that never happens."""
    end = time.monotonic() + PATIENCE
    while not holds(answer := ask()):
        assert time.monotonic() < end, f"not so after {PATIENCE:.0f} s: {answer!r}"
        time.sleep(0.05)
    return answer
