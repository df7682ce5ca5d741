"""Requests to an API server that refuses, breaks off, is slow or is not what it should be."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import msgspec
import pytest
import trustme

from plurimus.adapters.apiserver import ApiError, ApiServer
from plurimus.adapters.kubeconfig import Access, ExecPlugin
from plurimus.cni.errors import ClusterError, Code

from .api import Break, Reply, Server, Silence, Stream, client, serving, status

PATH = "/api/v1/pods"


class Named(msgspec.Struct):
    name: str


async def get(server: Server, **options: object) -> Named | None:
    async with client(server, **options) as api:  # type: ignore[arg-type]
        return await api.get(PATH, Named)


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
async def test_a_failure_in_passing_is_tried_again(code: int) -> None:
    """S13."""
    async with serving(status(code), Reply(body={"name": "found"})) as server:
        assert await get(server) == Named("found")
        assert len(server.seen) == 2


@pytest.mark.parametrize("code", [400, 403, 409, 410, 422])
async def test_a_refusal_is_not_asked_again(code: int) -> None:
    async with serving(status(code, "Refused", "because")) as server:
        with pytest.raises(ApiError, match=f"GET {PATH}: the API server answered {code} Refused: because") as raised:
            await get(server)
        assert (raised.value.status, raised.value.reason, raised.value.code) == (code, "Refused", Code.TRY_AGAIN_LATER)
        assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("message", "hinted"),
    [
        ('pods "a" is forbidden: User "daemon" cannot get resource "pods" in API group "" in the namespace "x"', True),
        ('events "a" is forbidden: unable to create new content in namespace x because it is being terminated', False),
        ('pods "a" is forbidden: exceeded quota: small', False),
    ],
)
async def test_only_a_lacking_right_is_answered_with_what_to_give(message: str, hinted: bool) -> None:
    async with serving(status(403, "Forbidden", message)) as server:
        with pytest.raises(ApiError) as raised:
            await get(server)
    assert message in raised.value.msg
    assert ("give the daemon's role that verb" in raised.value.msg) == hinted


async def test_a_connection_that_leads_nowhere_is_given_up_for_another_one() -> None:
    """S13: long before the deadline; an answer is waited for however long the server takes."""
    async with serving(Reply(body={"name": "found"})) as server, client(server, timeout=60) as api:
        assert await api.get(PATH, Named) == Named("found")
        server.deafen()
        async with asyncio.timeout(30):
            assert await api.get(PATH, Named) == Named("found")
        assert len(server.seen) == 2


async def test_a_refusal_that_is_no_status_is_told_as_it_is() -> None:
    """What stands between may answer in its own words."""
    async with serving(Reply(400, "<h1>Bad Gateway Configuration</h1>")) as server:
        with pytest.raises(ApiError, match="400 : <h1>Bad Gateway"):
            await get(server)


async def test_what_does_not_exist_is_none_to_read_and_an_error_to_patch() -> None:
    async with serving(status(404, "NotFound")) as server, client(server) as api:
        assert await api.get(PATH, Named) is None
        with pytest.raises(ApiError, match="PATCH /x: the API server answered 404 NotFound"):
            await api.merge_patch("/x", {})


async def test_a_server_that_asks_for_time_gets_it() -> None:
    """Retry-After of API priority and fairness."""
    async with serving(status(429, Retry_After="1"), Reply(body={"name": "found"})) as server:
        assert await get(server) == Named("found")
        first, second = server.seen
        assert second.at - first.at >= 0.99


async def test_more_time_than_there_is_ends_the_request() -> None:
    async with serving(status(429, Retry_After="30")) as server:
        with pytest.raises(ApiError, match="429"):
            await get(server, timeout=5.0)
        assert len(server.seen) == 1


@pytest.mark.parametrize("text", ["Wed, 21 Oct 2026 07:28:00 GMT", "nan", "-5", "inf", ""])
async def test_a_time_that_is_no_number_of_seconds_counts_as_none(text: str) -> None:
    async with serving(status(503, Retry_After=text), Reply(body={"name": "found"})) as server:
        assert await get(server) == Named("found")


async def test_a_refused_token_is_read_anew_once(tmp_path: Path) -> None:
    """S15: at the first 401, once."""
    token = tmp_path / "token"
    token.write_text("secret")
    async with serving(status(401), Reply(body={"name": "found"}), status(401)) as server:
        async with client(server, token_file=token) as api:
            assert await api.get(PATH, Named) == Named("found")
            with pytest.raises(ApiError, match="401"):
                await api.get(PATH, Named)
        assert [seen.headers["Authorization"] for seen in server.seen] == ["Bearer secret"] * 4


async def test_a_connection_that_breaks_is_made_anew() -> None:
    async with serving(Break(), Reply(body={"name": "found"})) as server:
        assert await get(server) == Named("found")


async def test_without_an_answer_the_error_says_how_long_was_waited() -> None:
    """S13: in seconds."""
    async with serving(Silence()) as server:
        with pytest.raises(ClusterError, match=rf"GET {PATH}: no answer of the API server in 0.3 s") as raised:
            await get(server, timeout=0.3)
        assert raised.value.code == Code.TRY_AGAIN_LATER


async def test_nobody_there_is_an_error_of_the_cluster() -> None:
    async with serving(Reply()) as server:
        pass
    with pytest.raises(ClusterError, match=r"GET \S+: http://127.0.0.1:\d+: .*Connect call failed") as raised:
        await get(server, timeout=0.3)
    assert raised.value.code == Code.TRY_AGAIN_LATER


async def test_an_answer_of_another_shape_is_an_error_of_the_cluster() -> None:
    for body in ({"name": 3}, "no JSON"):
        async with serving(Reply(body=body)) as server:
            with pytest.raises(ClusterError, match="the answer is not what was asked for"):
                await get(server)


async def test_what_was_made_by_a_try_whose_answer_got_lost_counts_as_made() -> None:
    async with serving(Break(), status(409, "AlreadyExists"), status(409, "Conflict")) as server:
        async with client(server) as api:
            await api.post("/events", {"a": 1})
            with pytest.raises(ApiError, match="Conflict"):
                await api.post("/events", {"a": 1})
        assert [seen.body for seen in server.seen] == [{"a": 1}] * 3


async def test_a_server_with_an_ipv6_address_or_a_path() -> None:
    async with serving(Reply(body={"name": "found"}), host="::1") as server:
        server.url += "/k8s/clusters/c-1"
        assert await get(server) == Named("found")
        assert server.seen[0].path == f"/k8s/clusters/c-1{PATH}"


async def test_a_name_of_any_letters_is_asked_for_under_that_name() -> None:
    """Nobody can have an object of such a name; the server is to say so."""
    async with serving(status(404, "NotFound")) as server, client(server) as api:
        for path in ("/x/a b?c#d", "/x/\u00e4", "/x/a%2Fb", "/x/a\r\nb"):
            assert await api.get(path, Named, {"limit": "1"}) is None
        assert [seen.path for seen in server.seen] == ["/x/a%20b%3Fc%23d", "/x/%C3%A4", "/x/a%2Fb", "/x/a%0D%0Ab"]
        assert {tuple(seen.query.items()) for seen in server.seen} == {(("limit", "1"),)}


def tls_for(authority: trustme.CA, host: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(host).configure_cert(context)
    return context


async def test_the_server_is_known_by_the_name_it_is_said_to_have() -> None:
    """`tls-server-name`: behind an address that no certificate is for."""
    authority = trustme.CA()
    async with serving(Reply(body={"name": "found"}), tls=tls_for(authority, "api.internal")) as server:
        ca = authority.cert_pem.bytes()
        assert await get(server, ca=ca, server_name="api.internal") == Named("found")
        with pytest.raises(ClusterError, match="certificate"):
            await get(server, ca=ca, timeout=0.3)
        assert await get(server, insecure=True) == Named("found")


async def test_only_the_authority_of_the_cluster_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As kubectl does: the authorities of the machine say nothing about a cluster that has its own."""
    public, own = trustme.CA(), trustme.CA()
    public.cert_pem.write_to_path(tmp_path / "public.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "public.pem"))
    async with serving(Reply(body={"name": "found"}), tls=tls_for(public, "127.0.0.1")) as server:
        assert await get(server) == Named("found")
        with pytest.raises(ClusterError, match="certificate"):
            await get(server, ca=own.cert_pem.bytes(), timeout=0.3)


async def watched(api: ApiServer) -> list[bytes]:
    async with api.watch(PATH, {}, seconds=300) as lines:
        return [line async for line in lines]


async def test_events_come_whole_however_the_stream_is_cut_into_pieces() -> None:
    pieces = [b'{"type":', b'"A"}\n{"type"', b':"B"}\n\n', b'{"ty']
    async with serving(Stream(pieces, "end")) as server, client(server) as api:
        assert await watched(api) == [b'{"type":"A"}', b'{"type":"B"}']
        assert server.seen[0].query == {"watch": "true", "timeoutSeconds": "300"}


async def test_a_watch_that_breaks_or_is_refused_is_an_error_of_the_cluster() -> None:
    answers = [
        (Stream([{"type": "A"}], "break"), "WATCH"),
        (Break(), "the server closed the connection"),
        (Silence(), "no answer of the API server in 0.5 s"),
        (status(410, "Expired", "too old"), "410 Expired: too old"),
        (Stream([b"x" * 2**20] * 9, "end"), "an event of more than 8388608 bytes"),
    ]
    for answer, text in answers:
        async with serving(answer) as server, client(server, timeout=0.5) as api:
            with pytest.raises(ClusterError, match=text):
                await watched(api)


async def test_a_watch_that_is_refused_for_its_token_asks_for_another(tmp_path: Path) -> None:
    """S15: a token from a program is kept until it is refused."""
    program = tmp_path / "program"
    program.write_text(
        f"#!/bin/sh\necho x >>{tmp_path}/runs\n"
        """echo '{"status": {"token": "'"$(wc -l <$(dirname $0)/runs | tr -d ' ')"'"}}'\n"""
    )
    program.chmod(0o755)
    async with serving(status(401), Stream([], "end")) as server:
        api = ApiServer(_exec_access(server.url, program), timeout=5.0)
        try:
            with pytest.raises(ApiError, match="401"):
                await watched(api)
            assert await watched(api) == []
        finally:
            await api.close()
        assert [seen.headers["Authorization"] for seen in server.seen] == ["Bearer 1", "Bearer 2"]


def _exec_access(url: str, program: Path) -> Access:
    return Access(url, exec=ExecPlugin(str(program), api_version="client.authentication.k8s.io/v1"))


async def test_the_kernel_looks_whether_the_other_end_of_a_watch_is_there() -> None:
    """A server whose machine is gone says nothing; the copy must not stay old for as long as a watch may be silent."""
    async with serving(Stream()) as server, client(server) as api:
        port = int(server.url.rpartition(":")[2])
        async with api.watch(PATH, {}, seconds=300):
            timers = await asyncio.to_thread(_timers, port)
    ((kind, hundredths),) = timers
    assert kind == 2  # keep-alive
    assert hundredths <= 3000


def _timers(port: int) -> list[tuple[int, int]]:
    """Kind and time left, in 1/100 s, of the timers of connections to `port`."""
    found = []
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, _, remote, state, _, timer, *_ = line.split()
        if int(remote.rpartition(":")[2], 16) == port and state == "01":
            kind, left = timer.split(":")
            found.append((int(kind, 16), int(left, 16)))
    return found
