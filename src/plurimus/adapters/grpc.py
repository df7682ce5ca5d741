"""Unary gRPC calls over a unix socket.

Whatever fails is a StatusError, as gRPC's own clients have it: a server that is away is UNAVAILABLE, one that takes
too long DEADLINE_EXCEEDED.  This module is imported where a call is made: h2 is not part of a daemon that makes none.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from plurimus.wire.grpc import Status, StatusError, UnaryCall

_CHUNK = 1 << 16
logging.getLogger("hpack").setLevel(logging.INFO)  # below that it has a line for each byte of a header


async def call(socket: Path, method: str, request: bytes, *, seconds: float) -> bytes:
    """The server's answer to `request`.

    Raises:
        StatusError: there was none within `seconds`, or it was no.
    """
    try:
        async with asyncio.timeout(seconds):
            return await _call(socket, UnaryCall(method, request, seconds=seconds))
    except TimeoutError:
        raise StatusError(Status.DEADLINE_EXCEEDED, f"no answer within {seconds:g} s") from None
    except OSError as error:
        raise StatusError(Status.UNAVAILABLE, error.strerror or str(error)) from error


async def _call(socket: Path, call: UnaryCall) -> bytes:
    reader, writer = await asyncio.open_unix_connection(socket)
    try:
        answer = None
        while answer is None:
            writer.write(call.to_send())
            await writer.drain()
            answer = call.receive(await reader.read(_CHUNK))
        return answer
    finally:
        writer.transport.abort()
