"""Answers as they come: where they end, what is none, and who waits for whom."""

from __future__ import annotations

import asyncio

import pytest

from .peers import PLAIN, Peer, always, ask, serving


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\nt: v\r\n\r\n",
                     b"abc", id="chunked"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\nabc", b"abc", id="to-the-end"),
        pytest.param(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc", b"abc", id="1.0"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", b"a", id="100"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", b"", id="empty"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("piece", [1, 1000])
async def test_a_body_ends_where_it_says(answer: bytes, body: bytes, piece: int) -> None:
    """RFC 9112, section 6.3; in however many pieces it comes."""

    async def say(peer: Peer) -> None:
        await peer.heard()
        for start in range(0, len(answer), piece):
            await peer.say(answer[start : start + piece])
            await asyncio.sleep(0)

    async with serving(say) as (_, pool):
        assert await ask(pool) == body
        assert await ask(pool) == body  # nothing of the first answer is left


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
        b"HTTP/1.1 200 O",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
async def test_an_answer_that_is_cut_off_or_none_is_a_connection_that_broke(answer: bytes) -> None:
    async def say(peer: Peer) -> None:
        await peer.heard()
        await peer.say(answer)

    async with serving(say) as (_, pool):
        with pytest.raises(ConnectionError):
            await ask(pool)


@pytest.mark.parametrize("target", ["/a b", "/a\r\nX: y", "/ä"])
async def test_a_request_that_http_cannot_say_is_refused(target: str) -> None:
    async with serving(always) as (_, pool):
        with pytest.raises(ValueError, match=r"cannot be sent|can.t encode"):
            await ask(pool, target=target)
        assert await ask(pool) == b"ok"


async def test_an_answer_longer_than_what_is_read_ahead_comes_whole() -> None:
    length = 8 * 2**20

    async def say(peer: Peer) -> None:
        while True:
            await peer.heard()
            await peer.say(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode() + bytes(length))

    async with serving(say) as (peers, pool):
        for _ in range(2):
            assert await ask(pool) == bytes(length)
        assert len(peers.all) == 1


async def test_nobody_reads_ahead_of_who_takes_the_events_of_a_watch() -> None:
    """The server waits; the rest comes when it is asked for."""
    length = 64 * 2**20

    async def say(peer: Peer) -> None:
        await peer.heard()
        await peer.say(b"HTTP/1.1 200 OK\r\n\r\n")
        peer.writer.write(bytes(length))
        await peer.ended()

    async with serving(say) as (peers, pool):
        connection, _ = await pool.begin("GET", "/x", PLAIN)
        left = -1
        while (now := peers.all[0].writer.transport.get_write_buffer_size()) != left:
            left = now
            for _ in range(20):
                await asyncio.sleep(0)
        assert left > length // 2
        taken = 0
        while taken < length:
            taken += len(await connection.chunk())
        pool.release(connection)
