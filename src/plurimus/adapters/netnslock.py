"""The lock on a network namespace: who has it is alone in changing its rules and tables.

Plugins that are executables lock the very file, so they and drivers wait for each other.  So can whatever runs inside
the namespace, so nobody's thread waits.

flock(2); plugins spec section 11.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from plurimus.adapters import netns
from plurimus.cni.errors import AttachmentError

_FIRST_PAUSE, _MOST_PAUSE = 0.001, 0.05


@asynccontextmanager
async def held(path: str, *, timeout: float) -> AsyncIterator[None]:
    """Have the lock on the namespace at `path`, for which `timeout` seconds are waited at most.

    Raises:
        NamespaceError: code 8; there is no such file.
        AttachmentError: somebody else had the lock all the time, or the kernel refuses it.
    """
    handle = netns.open_namespace(path)
    try:
        await _take(handle, path, timeout)
        yield
    finally:
        os.close(handle)


async def _take(handle: int, path: str, timeout: float) -> None:
    end = time.monotonic() + timeout
    pause = _FIRST_PAUSE
    while True:
        try:
            return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EINTR):
                raise AttachmentError(f"network namespace {path} cannot be locked: {error.strerror}") from error
        if time.monotonic() > end:
            raise AttachmentError(
                f"network namespace {path} has been locked by another plugin for {timeout:g} s; "
                "a plugin that hangs there has to end first"
            )
        await asyncio.sleep(pause)
        pause = min(2 * pause, _MOST_PAUSE)
