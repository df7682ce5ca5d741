"""HTTP on the daemon's socket, byte by byte: what clients may send, and what becomes of what they may not."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plurimus.node.connection import Asked, Connection
from plurimus.node.message import MOST_BODY, Answer

PROBE = b"GET /probe HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /cni HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"


@dataclass
class Client:
    """The other end of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    connection: Connection
    there: set[Connection]
    asked: list[Asked] = field(default_factory=list)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        if asked.path == "/wait":
            await self.go_on.wait()
        if asked.path == "/bug":
            raise ZeroDivisionError
        return Answer(200, b"done", {"X": "y"})

    async def served(self) -> asyncio.Task[None]:
        """What serves a request that waits, which it now has sent."""
        self.writer.write(PROBE.replace(b"/probe", b"/wait"))
        while not self.asked:
            await asyncio.sleep(0)
        assert self.connection._serving is not None
        return self.connection._serving

    async def answer(self, *, body: bool = True) -> tuple[int, dict[bytes, bytes], bytes]:
        """Status, headers and body of the next answer."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        first, *lines = head[:-4].split(b"\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
        length = int(headers.get(b"content-length", b"0")) if body else 0
        return int(first.split()[1]), headers, await self.reader.readexactly(length)

    async def rest(self) -> bytes:
        """All that comes until the daemon closes."""
        with suppress(ConnectionError):
            return await self.reader.read()
        return b""


@asynccontextmanager
async def connected(*, under_way: float = 30.0) -> AsyncIterator[Client]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    loop = asyncio.get_running_loop()
    reader, writer = await asyncio.open_connection(sock=theirs)
    there: set[Connection] = set()
    client: Client
    _, connection = await loop.create_connection(
        lambda: Connection(lambda asked: client.handle(asked), there, under_way=under_way), sock=ours
    )
    client = Client(reader, writer, connection, there)
    try:
        yield client
    finally:
        client.go_on.set()
        connection.abort()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        assert there == set()


@pytest.mark.parametrize("piece", [1, 7, 1000])
async def test_a_request_is_answered_in_however_many_pieces_it_comes(piece: int) -> None:
    async with connected() as client:
        for start in range(0, len(POST), piece):
            client.writer.write(POST[start : start + piece])
            await asyncio.sleep(0)
        status, headers, body = await client.answer()
        assert (status, headers[b"x"], headers[b"connection"], body) == (200, b"y", b"close", b"done")
        assert await client.rest() == b""
    (asked,) = client.asked
    assert (asked.method, asked.path, asked.body, asked.headers[b"host"]) == ("POST", "/cni", b"hello", b"x")


async def test_a_chunked_body_and_a_query() -> None:
    """As Go's client sends what it does not know the length of."""
    async with connected() as client:
        client.writer.write(b"POST /cni?a=b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                            b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n")  # fmt: skip
        assert (await client.answer())[0] == 200
    assert [(asked.path, asked.body) for asked in client.asked] == [("/cni", b"hello")]


async def test_a_second_request_is_not_served() -> None:
    """The first one's answer says that the connection ends."""
    async with connected() as client:
        client.writer.write(PROBE.replace(b"/probe", b"/wait") + PROBE)
        client.writer.write(PROBE)
        client.go_on.set()
        assert (await client.answer())[1][b"connection"] == b"close"
        assert await client.rest() == b""
    assert [asked.path for asked in client.asked] == ["/wait"]


async def test_who_wants_to_be_told_to_go_on_is_told() -> None:
    """RFC 9110, section 10.1.1."""
    head, body = POST[:-5].replace(b"Host", b"Expect: 100-continue\r\nHost"), POST[-5:]
    async with connected() as client:
        client.writer.write(head)
        assert (await client.answer())[0] == 100
        client.writer.write(body)
        assert (await client.answer())[0] == 200


async def test_so_is_who_has_sent_all_at_once() -> None:
    """By that the shim knows that somebody has its request, however long the answer takes."""
    async with connected() as client:
        client.writer.write(POST.replace(b"/cni", b"/wait").replace(b"Host", b"Expect: 100-continue\r\nHost"))
        assert (await client.answer())[0] == 100
        client.go_on.set()
        assert (await client.answer())[0] == 200


async def test_a_head_alone_has_no_body() -> None:
    async with connected() as client:
        client.writer.write(PROBE.replace(b"GET", b"HEAD"))
        status, headers, _ = await client.answer(body=False)
        assert (status, headers[b"content-length"]) == (200, b"4")
        assert await client.rest() == b""


async def test_who_has_said_all_may_still_listen() -> None:
    """A client that closes its half of the connection."""
    async with connected() as client:
        client.writer.write(PROBE.replace(b"/probe", b"/wait"))
        client.writer.write_eof()
        client.go_on.set()
        assert (await client.answer())[2] == b"done"
        assert await client.rest() == b""


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"hello\r\n\r\n", id="no-http"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="no-host"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n", id="header"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", id="two-lengths"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", id="chunk"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100), id="tls"),
    ],
)
async def test_what_is_no_request_is_refused(data: bytes) -> None:
    async with connected() as client:
        client.writer.write(data)
        client.writer.write_eof()
        assert (await client.answer())[0] == 400
        assert await client.rest() == b""
        assert client.asked == []


async def test_a_head_without_end_is_refused() -> None:
    async with connected() as client:
        client.writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"x" * 2**18)
        assert (await client.answer())[0] == 431
        assert client.asked == []


@pytest.mark.parametrize("more", [0, 1])
async def test_a_body_has_a_most_length(more: int) -> None:
    """What is beyond is read and thrown away, so that the client comes to listen."""
    length = MOST_BODY + more
    async with connected() as client:
        client.writer.write(POST[:-5].replace(b": 5", f": {length}".encode()))
        client.writer.write(bytes(length))
        assert (await client.answer())[0] == 200
    assert client.asked[0].body == (None if more else bytes(length))


@pytest.mark.parametrize("data", [b"", b"GET / HT", POST[:-1]], ids=["nothing", "head", "body"])
async def test_who_does_not_come_to_an_end_is_left(data: bytes) -> None:
    async with connected(under_way=0.05) as client:
        client.writer.write(data)
        assert await client.rest() == b""
        assert client.asked == []


async def test_who_does_not_take_the_answer_is_left() -> None:
    async with connected(under_way=0.05) as client:
        client.handle = lambda asked: _long()  # type: ignore[method-assign, assignment]
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        client.writer.write(POST)
        while client.there:
            await asyncio.sleep(0.01)
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert len(await client.rest()) < 2**26


async def _long() -> Answer:
    return Answer(body=bytes(2**26))


@pytest.mark.parametrize("part", [10, len(POST) - 3])
async def test_a_request_that_is_on_its_way_when_the_daemon_ends_is_served(part: int) -> None:
    """S39: nobody sends a DEL again because of that."""
    async with connected() as client:
        client.writer.write(POST[:part])
        await asyncio.sleep(0.05)
        client.connection.end_if_idle()
        client.writer.write(POST[part:])
        assert (await client.answer())[0] == 200
    async with connected() as client:
        client.connection.end_if_idle()
        assert await client.rest() == b""


async def test_a_handler_is_told_that_its_client_has_gone_and_may_go_on() -> None:
    async with connected() as client:
        serving = await client.served()
        assert not client.asked[0].gone.done()
        client.writer.transport.abort()
        await client.asked[0].gone
        client.go_on.set()
        await serving


@pytest.mark.parametrize("expects", [b"", b"Expect: 100-continue\r\n"], ids=["nothing", "to-be-told"])
async def test_a_client_that_has_gone_before_its_request_is_begun_is_known_to_have(expects: bytes) -> None:
    """As a shim has that waited for a daemon which stood still; its DEL is carried out all the same."""
    async with connected() as client:
        client.writer.write(POST.replace(b"Host", expects + b"Host"))
        client.writer.transport.abort()
        while not client.asked:
            await asyncio.sleep(0)
        assert client.asked[0].gone.done()
        while client.there:
            await asyncio.sleep(0)


async def test_a_client_that_still_listens_has_not_gone() -> None:
    """It has closed its half of the connection."""
    async with connected() as client:
        await client.served()
        client.writer.write_eof()
        for _ in range(20):
            await asyncio.sleep(0)
        assert not client.asked[0].gone.done()
        client.go_on.set()
        assert (await client.answer())[0] == 200


async def test_a_request_that_is_cancelled_has_no_answer() -> None:
    async with connected() as client:
        serving = await client.served()
        serving.cancel()
        assert await client.rest() == b""


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([POST, PROBE, b"\r\n", b"GET ", b"HTTP/1.1", b"\x00", b": "]) | st.binary(max_size=9)))
def test_whatever_comes_the_connection_ends_or_waits(pieces: list[bytes]) -> None:
    """No exception, no request out of rubbish before it, and the end when the client ends."""

    async def send() -> None:
        async with connected() as client:
            for piece in pieces:
                client.writer.write(piece)
                await asyncio.sleep(0)
            client.writer.write_eof()
            said = await client.rest()
            assert not said or said.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 400 "))
            assert all(asked.body in (b"", b"hello") for asked in client.asked if asked.method in ("GET", "POST"))

    asyncio.run(send())
