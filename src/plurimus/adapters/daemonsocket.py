"""Asking a daemon through its socket, as the shim does."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp

from plurimus.cni.errors import ClusterError


async def ask(socket: Path, path: str, *, timeout: float) -> int:
    """The HTTP status of the daemon's answer to a GET of `path`; `timeout` is seconds.

    Raises:
        ClusterError: nobody answers.
    """
    try:
        async with (
            asyncio.timeout(timeout),
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(socket))) as session,
            session.get(f"http://node{path}") as answer,
        ):
            return answer.status
    except TimeoutError as error:
        raise ClusterError(f"{socket}: no answer in {timeout:g} s") from error
    except (aiohttp.ClientError, OSError) as error:
        raise ClusterError(f"{socket}: {error.strerror if isinstance(error, OSError) else error}") from error
