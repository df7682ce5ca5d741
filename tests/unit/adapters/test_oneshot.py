"""Requests to an API server from a process that lives for one call, by Python's own client."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
import trustme

from plurimus.adapters.apiserver import ApiError
from plurimus.adapters.kubeconfig import Access
from plurimus.adapters.oneshot import OneShotApi
from plurimus.cni.errors import ClusterError

from .api import Break, Reply, Server, Silence, serving, status

PATH = "/api/v1/pods"


class Named(msgspec.Struct):
    name: str


@asynccontextmanager
async def client(server: Server, *, timeout: float = 30.0, **access: object) -> AsyncIterator[OneShotApi]:
    api = OneShotApi(Access(server.url, **access), timeout=timeout)  # type: ignore[arg-type]
    try:
        yield api
    finally:
        await api.close()


async def test_an_object_is_read_with_the_identity_and_the_query() -> None:
    async with serving(Reply(body={"name": "found"})) as server, client(server, token="secret") as api:
        assert await api.get(PATH, Named, {"limit": "1", "fieldSelector": "a=b"}) == Named("found")
        (seen,) = server.seen
        assert (seen.method, seen.path, seen.query) == ("GET", PATH, {"limit": "1", "fieldSelector": "a=b"})
        assert seen.headers["Authorization"] == "Bearer secret"
        assert seen.headers["Accept"] == "application/json"


async def test_a_patch_and_an_object_are_sent_as_they_are() -> None:
    async with serving(Reply()) as server, client(server) as api:
        await api.merge_patch(f"{PATH}/a/status", {"metadata": {"uid": "1"}})
        await api.post("/api/v1/events", {"kind": "Event"})
        assert [(seen.method, seen.path, seen.body) for seen in server.seen] == [
            ("PATCH", f"{PATH}/a/status", {"metadata": {"uid": "1"}}),
            ("POST", "/api/v1/events", {"kind": "Event"}),
        ]
        assert server.seen[0].headers["Content-Type"] == "application/merge-patch+json"


async def test_what_does_not_exist_is_none_and_what_is_refused_an_error() -> None:
    """S14."""
    async with serving(status(404, "NotFound"), status(403, "Forbidden", "no")) as server, client(server) as api:
        assert await api.get(PATH, Named) is None
        with pytest.raises(ApiError, match="answered 403 Forbidden: no"):
            await api.get(PATH, Named)


@pytest.mark.parametrize("passing", [Break(), status(503), status(429)])
async def test_a_failure_in_passing_is_tried_again(passing: Break | Reply) -> None:
    """S13: also a connection that the server has closed meanwhile."""
    answers = (Reply(body={"name": "first"}), passing, Reply(body={"name": "found"}))
    async with serving(*answers) as server, client(server) as api:
        assert await api.get(PATH, Named) == Named("first")
        assert await api.get(PATH, Named) == Named("found")


async def test_a_server_that_says_nothing_is_an_error_in_time() -> None:
    """S13: and does not keep the process from asking anew."""
    async with serving(Silence(), Reply(body={"name": "found"})) as server, client(server, timeout=0.3) as api:
        with pytest.raises(ClusterError, match=r"no answer of the API server in 0\.3 s"):
            await api.get(PATH, Named)
        api.timeout = 30.0
        assert await api.get(PATH, Named) == Named("found")


async def test_a_connection_is_given_up_while_the_server_does_not_shake_hands() -> None:
    """S13: not when the time is over that an answer may take."""
    gone = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.read()
        gone.set()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        api = OneShotApi(Access(f"https://{host}:{port}", insecure=True), timeout=90.0)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.0):
                await api.get(PATH, Named)
        await asyncio.wait_for(gone.wait(), 45.0)


async def test_requests_at_the_same_time_take_turns() -> None:
    """Look-ups of one call may be made side by side; there is one connection."""
    async with serving(*(Reply(body={"name": str(number)}) for number in range(4))) as server, client(server) as api:
        found = await asyncio.gather(*(api.get(PATH, Named) for _ in range(4)))
        assert sorted(each.name for each in found if each) == ["0", "1", "2", "3"]


@pytest.mark.parametrize("known", [True, False])
async def test_the_server_must_be_who_the_kubeconfig_says(tmp_path: Path, *, known: bool) -> None:
    """By the authority in it, under another name than its address where it says so."""
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("kubernetes").configure_cert(tls)
    ca = (authority if known else trustme.CA()).cert_pem.bytes()
    async with (
        serving(Reply(body={"name": "found"}), tls=tls) as server,
        client(server, ca=ca, server_name="kubernetes", timeout=30.0 if known else 0.5) as api,
    ):
        if known:
            assert await api.get(PATH, Named) == Named("found")
        else:
            with pytest.raises(ClusterError):
                await api.get(PATH, Named)
            assert server.seen == []
