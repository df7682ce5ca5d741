"""How long tests wait for what must happen: a guard against hanging, never a figure."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

SLOWER = float(os.environ.get("PLURIMUS_TESTS_SLOWER", "1"))
"""How many times slower than usual the machine is taken to be: an emulated one is."""
_LONG = 60.0 * SLOWER


async def until(holds: Callable[[], object]) -> None:
    """Wait for what must come to hold."""
    async with asyncio.timeout(_LONG):
        while not holds():
            await asyncio.sleep(0.005)


async def becomes(look: Callable[[], Any], expected: Any) -> None:
    """The same for what must come to be equal; a failure shows both."""
    with suppress(TimeoutError):
        await until(lambda: look() == expected)
    assert look() == expected, f"it is {look()!r}, not {expected!r}"
