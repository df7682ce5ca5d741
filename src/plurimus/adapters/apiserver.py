"""Requests to the Kubernetes API server: one connection pool, one deadline, errors that say who must act.

All requests may be sent twice without harm, so what fails in passing (a connection that broke, an overloaded
server, a certificate that is being replaced) is tried again until the deadline.

The connections are imported with the first request: a process that lives for one CNI call speaks by
`adapters.oneshot` instead.

Kubernetes: "API Concepts"; spec sections 2.8 and 6.2, with S13 fixed: deadlines are seconds.
"""

from __future__ import annotations

import asyncio
import json
import math
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from plurimus.adapters.apiaccount import Answers, Asked
from plurimus.adapters.credentials import Credentials
from plurimus.adapters.kubeconfig import Access
from plurimus.cni.errors import ClusterError
from plurimus.version import VERSION

if TYPE_CHECKING:
    from plurimus.adapters.apipool import Pool
    from plurimus.adapters.http1 import Connection

T = TypeVar("T")

_NAME = f"plurimus/{VERSION}"
_IN_PATHS = "/%:@!$&'()*+,;="
_PASSING = (429, 500, 502, 503, 504)
_FIRST_PAUSE, _MOST_PAUSE = 0.1, 1.0
_MOST_RETRY_AFTER = 60.0
_MOST_EVENT = 8 * 2**20
"""Bytes of one watch event; etcd stores no object above 1.5 MiB."""
_SILENCE = 30
"""Seconds after its time limit that a watch may say nothing; of a server that is gone, the socket tells."""


class ApiError(ClusterError):
    """The server answered with `status`; `reason` is the API's machine-readable one.

    It wants to be left alone for `retry_after` seconds.
    """

    def __init__(
        self, what: str, status: int, reason: str = "", message: str = "", *, retry_after: float = 0.0
    ) -> None:
        # quotas and namespaces that end answer 403 as well
        lacking = status == 403 and " cannot " in message
        hint = "; give the daemon's role that verb on that resource" if lacking else ""
        super().__init__(f"{what}: the API server answered {status} {reason}: {message or 'no message'}{hint}")
        self.status = status
        self.reason = reason
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered; `retry_after` is the header of that name, empty without one."""

    status: int
    body: bytes
    retry_after: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks: the headers that say so, and the TLS context, None for plain HTTP.

    `server_name` is whom the server's certificate must be for, where that is not its address.
    """

    headers: dict[str, str]
    tls: ssl.SSLContext | None
    server_name: str = ""


class _Status(msgspec.Struct, frozen=True):
    """The API's own error object."""

    message: str = ""
    reason: str = ""


class ApiServer:
    """The API server of `access`; `timeout` is seconds for one answer, tries included."""

    def __init__(self, access: Access, *, timeout: float) -> None:
        self.server = access.server
        self.timeout = timeout
        self.answers = Answers()  # cleared while it is away
        self._credentials = Credentials(access)
        self._server_name = access.server_name
        self._pool: Pool | None = None

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.close()
            self._pool = None

    async def get(self, path: str, into: type[T], params: Mapping[str, str] | None = None) -> T | None:
        """The object or list at `path`; None when the server says that it does not exist.

        Raises:
            ClusterError: no answer, or a refusal.
        """
        try:
            body = await self._persist("GET", path, params=params)
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        return _decoded(f"GET {path}", body, into)

    async def merge_patch(self, path: str, patch: Mapping[str, Any]) -> None:
        """JSON merge patch of the object at `path`."""
        await self._persist("PATCH", path, body=patch, content_type="application/merge-patch+json")

    async def post(self, path: str, body: Mapping[str, Any]) -> None:
        """Create an object whose name nobody else gives: one that exists was made by a try whose answer got lost."""
        try:
            await self._persist("POST", path, body=body, content_type="application/json")
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise

    async def send(self, method: str, path: str, body: Any, content_type: str = "application/json") -> None:
        """One request whose answer says only that it was done; a try whose answer got lost may have done it."""
        await self._persist(method, path, body=body, content_type=content_type)

    async def ask(self, path: str, body: Mapping[str, Any], into: type[T]) -> T:
        """The answer to a request that is posted and kept by nobody, such as one for a token."""
        answer = await self._persist("POST", path, body=body, content_type="application/json")
        return _decoded(f"POST {path}", answer, into)

    @asynccontextmanager
    async def watch(self, path: str, params: Mapping[str, str], *, seconds: int) -> AsyncIterator[AsyncIterator[bytes]]:
        """The events of a watch the server agreed to, one JSON object each, until it ends it after about `seconds`.

        Raises:
            ClusterError: no answer or a refusal; while iterating: the connection broke.
        """
        what = f"WATCH {path}"
        params = {**params, "watch": "true", "timeoutSeconds": str(seconds)}
        pool = self._connections()
        connection = await self._begin(what, pool, path, params)
        try:
            yield _lines(what, connection, seconds + _SILENCE)
        finally:
            pool.release(connection)  # nothing is lost

    async def _begin(self, what: str, pool: Pool, path: str, params: Mapping[str, str]) -> Connection:
        """The connection on which the server has agreed."""
        try:
            async with asyncio.timeout(self.timeout):
                identity = await self._identity()
                try:
                    with Asked("WATCH", path, self.answers) as asked:
                        connection, head = await pool.begin("GET", self._target(path, params), identity)
                        asked.status = head.status
                    if head.status == 200:
                        return connection
                    try:
                        answer = Answer(head.status, await connection.body(), head.header("retry-after"))
                    finally:
                        pool.release(connection)
                except (OSError, ValueError) as error:
                    raise ClusterError(f"{what}: {self.server}: {_words(error)}") from error
        except TimeoutError as error:
            raise ClusterError(f"{what}: no answer of the API server in {self.timeout:g} s") from error
        if answer.status == 401:
            self._credentials.forget()
        raise _refusal(what, answer)

    async def _persist(self, method: str, path: str, **options: Any) -> bytes:
        pause = _FIRST_PAUSE
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.timeout
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    return await self._once(method, path, **options)
            except TimeoutError as error:
                raise ClusterError(f"{method} {path}: no answer of the API server in {self.timeout:g} s") from error
            except ClusterError as error:
                refusal = error if isinstance(error, ApiError) else None
                wait = max(pause, refusal.retry_after) if refusal else pause
                if (refusal and refusal.status not in _PASSING) or loop.time() + wait >= deadline:
                    raise
            await asyncio.sleep(wait)
            pause = min(2 * pause, _MOST_PAUSE)

    async def _once(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "",
    ) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        what = f"{method} {path}"
        for attempt in (1, 2):
            identity = await self._identity()
            if content_type:
                identity.headers["Content-Type"] = content_type
            try:
                with Asked(method, path, self.answers) as asked:
                    answer = await self._send(method, path, params, data, identity)
                    asked.status = answer.status
            except (OSError, ValueError) as error:
                raise ClusterError(f"{what}: {self.server}: {_words(error)}") from error
            if answer.status < 300:
                return answer.body
            if answer.status != 401 or attempt == 2:
                break
            self._credentials.forget()
        raise _refusal(what, answer)

    async def _send(
        self, method: str, path: str, params: Mapping[str, str] | None, data: bytes | None, identity: Identity
    ) -> Answer:
        """One try of one request; OSError or ValueError say that there was no answer."""
        head, body = await self._connections().ask(method, self._target(path, params), identity, data)
        return Answer(head.status, body, head.header("retry-after"))

    def _target(self, path: str, params: Mapping[str, str] | None) -> str:
        """What is asked for, as it stands in the request; what is escaped in `path` stays so."""
        query = f"?{urlencode(params)}" if params else ""
        return f"{urlsplit(self.server).path}{quote(path, safe=_IN_PATHS)}{query}"

    async def _identity(self) -> Identity:
        """What goes with every request now."""
        headers, tls = await self._credentials.current()
        return Identity({"Accept": "application/json", "User-Agent": _NAME, **headers}, tls, self._server_name)

    def _connections(self) -> Pool:
        from plurimus.adapters.apipool import Pool

        if self._pool is None:
            self._pool = Pool(self.server)
        return self._pool


def _refusal(what: str, answer: Answer) -> ApiError:
    try:
        said = msgspec.json.decode(answer.body, type=_Status)
    except msgspec.DecodeError:
        said = _Status(message=answer.body[:200].decode(errors="replace"))
    return ApiError(what, answer.status, said.reason, said.message, retry_after=_seconds(answer.retry_after))


def _seconds(text: str) -> float:
    """A Retry-After header; the API server writes seconds, and what is between may write a date, which is ignored."""
    try:
        seconds = float(text)
    except ValueError:
        return 0.0
    return min(max(seconds, 0.0), _MOST_RETRY_AFTER) if math.isfinite(seconds) else 0.0


def _decoded(what: str, body: bytes, into: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=into)
    except msgspec.DecodeError as error:
        raise ClusterError(f"{what}: the answer is not what was asked for: {error}") from error


async def _lines(what: str, connection: Connection, silence: float) -> AsyncIterator[bytes]:
    rest = b""
    try:
        while True:
            async with asyncio.timeout(silence):
                chunk = await connection.chunk()
            if not chunk:
                return
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                if line.strip():
                    yield line
            if len(rest) > _MOST_EVENT:
                raise ClusterError(f"{what}: an event of more than {_MOST_EVENT} bytes")
    except OSError as error:
        raise ClusterError(f"{what}: {str(error) or f'nothing came in {silence:g} s'}") from error


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
