"""Requests to the Kubernetes API server: one connection pool, one deadline, errors that say who must act.

All requests may be sent twice without harm, so what fails in passing (a connection that broke, an overloaded
server, a certificate that is being replaced) is tried again until the deadline.

aiohttp is imported with the first request: it is half of what a process takes that lives for one CNI call, and
such a process speaks by `adapters.oneshot` instead.

Kubernetes: "API Concepts"; spec sections 2.8 and 6.2, with S13 fixed: deadlines are seconds.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from plurimus.adapters import apisocket
from plurimus.adapters.credentials import Credentials
from plurimus.adapters.kubeconfig import Access
from plurimus.cni.errors import ClusterError

if TYPE_CHECKING:
    import aiohttp

T = TypeVar("T")

_PASSING = (429, 500, 502, 503, 504)
_FIRST_PAUSE, _MOST_PAUSE = 0.1, 1.0
_MOST_RETRY_AFTER = 60.0
_MOST_EVENT = 8 * 2**20
"""Bytes of one watch event; etcd stores no object above 1.5 MiB."""


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


class _Status(msgspec.Struct, frozen=True):
    """The API's own error object."""

    message: str = ""
    reason: str = ""
    code: int = 0


class ApiServer:
    """The API server of `access`; `timeout` is seconds for one answer, tries included."""

    def __init__(self, access: Access, *, timeout: float) -> None:
        self.server = access.server
        self.timeout = timeout
        self._credentials = Credentials(access)
        self._server_name = access.server_name or None
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

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
        response = await self._begin(what, path, params, seconds)
        try:
            yield _lines(what, response.content)
        finally:
            # nothing is lost; with a farewell, the connection would be there for as long as the server takes to answer
            transport = _transport(response)
            if transport is not None:
                transport.abort()
            response.close()

    async def _begin(self, what: str, path: str, params: Mapping[str, str], seconds: int) -> aiohttp.ClientResponse:
        """The answer of which the server has sent the head."""
        import aiohttp

        # one that goes silent is noticed after its own time limit; one that is gone, by the socket
        timeout = aiohttp.ClientTimeout(total=None, sock_read=seconds + 30)
        try:
            async with asyncio.timeout(self.timeout):
                identity = await self._identity()
                response = await self._open().request(
                    "GET", self.server + path, params=params, timeout=timeout, **identity
                )
                if response.status == 200:
                    return response
                async with response:
                    body = await response.read()
        except TimeoutError as error:
            raise ClusterError(f"{what}: no answer of the API server in {self.timeout:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ClusterError(f"{what}: {_words(error)}") from error
        if response.status == 401:
            self._credentials.forget()
        raise _refusal(what, Answer(response.status, body, response.headers.get("Retry-After", "")))

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
                identity["headers"]["Content-Type"] = content_type
            try:
                answer = await self._send(method, path, params, data, identity)
            except (OSError, ValueError) as error:
                raise ClusterError(f"{what}: {_words(error)}") from error
            if answer.status < 300:
                return answer.body
            if answer.status == 401 and attempt == 1:
                self._credentials.forget()
                continue
            break
        raise _refusal(what, answer)

    async def _send(
        self, method: str, path: str, params: Mapping[str, str] | None, data: bytes | None, identity: dict[str, Any]
    ) -> Answer:
        """One try of one request; OSError or ValueError say that there was no answer."""
        import aiohttp

        try:
            async with self._open().request(
                method, self.server + path, params=params, data=data, **identity
            ) as response:
                return Answer(response.status, await response.read(), response.headers.get("Retry-After", ""))
        except aiohttp.ClientError as error:
            raise ConnectionError(_words(error)) from error

    async def _identity(self) -> dict[str, Any]:
        """What goes with every request: the current header and TLS context."""
        headers, tls = await self._credentials.current()
        headers = {"Accept": "application/json", **headers}
        return {"headers": headers} if tls is None else {
            "headers": headers, "ssl": tls, "server_hostname": self._server_name
        }  # fmt: skip

    def _open(self) -> aiohttp.ClientSession:
        import aiohttp

        if self._session is None:
            # the deadlines are ours; cookies are not the API's
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(keepalive_timeout=apisocket.IDLE, socket_factory=apisocket.make),
                timeout=aiohttp.ClientTimeout(total=None),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


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


def _transport(response: aiohttp.ClientResponse) -> asyncio.Transport | None:
    """None once the answer is over: the connection may serve another request."""
    return response.connection.transport if response.connection else None


def _decoded(what: str, body: bytes, into: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=into)
    except msgspec.DecodeError as error:
        raise ClusterError(f"{what}: the answer is not what was asked for: {error}") from error


async def _lines(what: str, stream: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    import aiohttp

    rest = b""
    try:
        async for chunk in stream.iter_any():
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                if line.strip():
                    yield line
            if len(rest) > _MOST_EVENT:
                raise ClusterError(f"{what}: an event of more than {_MOST_EVENT} bytes")
    except (aiohttp.ClientError, OSError) as error:
        raise ClusterError(f"{what}: {_words(error)}") from error


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
