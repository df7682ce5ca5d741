"""Asking a daemon through its socket, as the shim does."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from pathlib import Path

from plurimus.adapters.http1 import Connection
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


async def fetch(
    socket: Path, path: str, *, method: str = "GET", timeout: float, body: bytes | None = None
) -> tuple[int, bytes]:
    """The HTTP status and the body of the daemon's answer for `path`, to which `body` is sent; `timeout` is seconds.

    Raises:
        ClusterError: nobody answers.
    """
    try:
        async with asyncio.timeout(timeout):
            _, connection = await asyncio.get_running_loop().create_unix_connection(Connection, str(socket))
            try:
                head = await connection.ask(method, path, [("Host", "node")], body)
                return head.status, await connection.body()
            finally:
                connection.abort()
    except OSError as error:
        raise ClusterError(f"{socket}: {_words(error, timeout)}") from error


def _words(error: OSError, timeout: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer in {timeout:g} s"
    return error.strerror or str(error)
