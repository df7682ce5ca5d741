"""Requests to the API server for a process that lives for one CNI call: one connection, Python's own client.

Deadlines, tries and refusals are `ApiServer`'s; there are no watches.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

from plurimus.adapters.apiserver import Answer, ApiServer, Identity
from plurimus.adapters.kubeconfig import Access


class OneShotApi(ApiServer):
    """The API server of `access`, asked one request after another."""

    def __init__(self, access: Access, *, timeout: float) -> None:
        super().__init__(access, timeout=timeout)
        self._connection: http.client.HTTPConnection | None = None
        self._tls: ssl.SSLContext | None = None
        self._one = asyncio.Lock()

    async def close(self) -> None:
        self._drop()

    async def _send(
        self, method: str, path: str, params: Mapping[str, str] | None, data: bytes | None, identity: Identity
    ) -> Answer:
        target = self._target(path, params)
        async with self._one:
            connection = self._connected(identity)
            asking = asyncio.ensure_future(asyncio.to_thread(_ask, connection, method, target, data, identity.headers))
            try:
                answer = await asyncio.shield(asking)
            except asyncio.CancelledError:
                # nobody waits for the thread any more; it ends with its socket, or with the time a connection may take
                asking.add_done_callback(lambda asked: asked.cancelled() or asked.exception())
                self._drop()
                raise
            except http.client.HTTPException as error:
                self._drop()
                raise ConnectionError(f"{type(error).__name__}: {error}") from error
            except BaseException:
                self._drop()
                raise
        return answer

    def _connected(self, identity: Identity) -> http.client.HTTPConnection:
        """The connection there is, or a new one where the identity's certificate is another."""
        tls = identity.tls
        if self._connection is None or tls is not self._tls:
            self._drop()
            place = urlsplit(self.server)
            host, port = place.hostname or "", place.port
            self._tls = tls
            self._connection = (
                http.client.HTTPConnection(host, port, timeout=self.timeout)
                if tls is None
                else _Secure(host, port, tls, identity.server_name, self.timeout)
            )
        return self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            if connection.sock is not None:
                with contextlib.suppress(OSError):
                    connection.sock.shutdown(socket.SHUT_RDWR)
            connection.close()


class _Secure(http.client.HTTPConnection):
    """HTTPS, where the certificate may have to be another name's than the address'."""

    default_port = http.client.HTTPS_PORT

    def __init__(self, host: str, port: int | None, tls: ssl.SSLContext, name: str, timeout: float) -> None:
        super().__init__(host, port, timeout=timeout)
        self._tls, self._name = tls, name or host

    def connect(self) -> None:
        super().connect()
        # in its place before the handshake, which then ends with it, too
        self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._name, do_handshake_on_connect=False)
        self.sock.do_handshake()


def _ask(
    connection: http.client.HTTPConnection, method: str, target: str, data: bytes | None, headers: Mapping[str, str]
) -> Answer:
    connection.request(method, target, body=data, headers=dict(headers))
    with connection.getresponse() as response:
        return Answer(response.status, response.read(), response.headers.get("Retry-After", ""))
