"""Asking a daemon through its socket, as the shim does."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from pathlib import Path

import aiohttp

from plurimus.cni.errors import ClusterError


async def is_ours(socket: Path, *, timeout: float) -> bool:
    """Whether it is a daemon of Plurimus that listens: Multus' knows no POST of its probe.

    One that says nothing within `timeout` seconds counts as ours.
    """
    try:
        return await ask(socket, "/readyz", method="POST", timeout=timeout) != HTTPStatus.NOT_FOUND
    except ClusterError:
        return True


async def ask(socket: Path, path: str, *, method: str = "GET", timeout: float) -> int:
    """The HTTP status of the daemon's answer for `path`; `timeout` is seconds.

    Raises:
        ClusterError: nobody answers.
    """
    return (await fetch(socket, path, method=method, timeout=timeout))[0]


async def fetch(socket: Path, path: str, *, method: str = "GET", timeout: float) -> tuple[int, bytes]:
    """The HTTP status and the body of the daemon's answer for `path`; `timeout` is seconds.

    Raises:
        ClusterError: nobody answers.
    """
    try:
        async with (
            asyncio.timeout(timeout),
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(socket))) as session,
            session.request(method, f"http://node{path}") as answer,
        ):
            return answer.status, await answer.read()
    except TimeoutError as error:
        raise ClusterError(f"{socket}: no answer in {timeout:g} s") from error
    except (aiohttp.ClientError, OSError) as error:
        raise ClusterError(f"{socket}: {error.strerror if isinstance(error, OSError) else error}") from error
