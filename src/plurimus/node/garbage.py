"""Objects in circles, which Python has to look for: every few seconds, and hardly ever because of a request.

What failed leaves such circles (an error, its traceback, what was at work).  By Python's own rule they would stay for a
thousand requests, in which what is in use spreads over more and more memory between them.
"""

from __future__ import annotations

import asyncio
import gc

_OBJECTS = 10_000
"""How many more there may be before a request has to look; it makes about a thousand."""
_PAUSE = 5.0
"""Seconds between two looks, of a few milliseconds each."""
_WORTH_IT = 500
"""How many more there must be for one: at rest there are fewer."""


def begin() -> None:
    """What a daemon is made of stays: no look shall walk it any more."""
    gc.freeze()
    gc.set_threshold(_OBJECTS, 10, 10)


async def run() -> None:
    """Look for ever."""
    while True:
        await asyncio.sleep(_PAUSE)
        youngest, *older = gc.get_count()
        if youngest >= _WORTH_IT or any(older):
            gc.collect()
