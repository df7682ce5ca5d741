"""Connections to the API server that notice when nobody is at the other end any more.

A connection outlives the server behind it, a load balancer's memory of it, or the way there, and says nothing: what
was sent is repeated for a quarter of an hour.  Here it is given up within seconds, and what waited for it is asked
anew on another one; an answer that is slow is waited for all the same.

tcp(7): TCP_USER_TIMEOUT, TCP_KEEPIDLE.  RFC 8305, section 5, for a server with several addresses.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

IDLE = 80.0
"""Seconds a connection is kept for the next request; the API server closes it after 90."""
_UNHEARD = 5.0
"""Seconds after which what was sent must have been received."""
_OPTIONS = (
    (socket.TCP_USER_TIMEOUT, int(_UNHEARD * 1000)),
    (socket.TCP_KEEPIDLE, 15),
    (socket.TCP_KEEPINTVL, 5),
)
_HEAD_START = 0.25
"""Seconds an address is tried alone before the next one is, too."""


async def connect(host: str, port: int) -> socket.socket:
    """A connection to that of the host's addresses which takes one first.

    Raises:
        OSError: none does; the error is the first address'.
    """
    loop = asyncio.get_running_loop()
    try:  # an address by itself needs no look-up, which takes one of the threads that write files, too
        left = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        left = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    trying: set[asyncio.Task[socket.socket]] = set()
    failed: list[BaseException] = []
    try:
        while left or trying:
            if left:
                trying.add(loop.create_task(_connect(left.pop(0))))
            wait = _HEAD_START if left else None
            await asyncio.wait(trying, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
            for task in [task for task in trying if task.done()]:
                trying.discard(task)
                error = task.exception()
                if error is None:
                    return task.result()
                failed.append(error)
        raise failed[0]
    finally:
        for task in trying:
            task.add_done_callback(_discard)
            task.cancel()


async def _connect(address: tuple[Any, ...]) -> socket.socket:
    """A connection to `address`, as `socket.getaddrinfo` gives it."""
    family, kind, protocol, _, place = address
    made = socket.socket(family, kind, protocol)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _OPTIONS:
            made.setsockopt(socket.IPPROTO_TCP, option, value)
        await asyncio.get_running_loop().sock_connect(made, place)
    except BaseException:
        made.close()
        raise
    return made


def _discard(task: asyncio.Task[socket.socket]) -> None:
    """Close a connection that came too late."""
    with contextlib.suppress(OSError, asyncio.CancelledError):
        task.result().close()
