"""Connections to the API server: kept, shared by nobody, given up, replaced."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
import trustme

from plurimus.adapters.apipool import Pool
from plurimus.adapters.apiserver import Identity

from .peers import OK, Peer, always, ask, serving


async def test_one_connection_serves_one_request_after_another() -> None:
    async with serving(always) as (peers, pool):
        assert [await ask(pool) for _ in range(3)] == [b"ok"] * 3
        assert len(peers.all) == 1


async def test_what_is_sent_is_what_was_wanted() -> None:
    heard: list[bytes] = []

    async def listen(peer: Peer) -> None:
        heard.append(await peer.heard())
        await peer.say(OK)

    async with serving(listen) as (peers, pool):
        await pool.ask("PATCH", "/a%20b?c=d", Identity({"Content-Type": "x/y"}, None), b'{"a": 1}')
        (port,) = {peer.writer.get_extra_info("sockname")[1] for peer in peers.all}
    head, _, body = heard[0].partition(b"\r\n\r\n")
    assert body == b'{"a": 1}'
    assert head.split(b"\r\n") == [
        b"PATCH /a%20b?c=d HTTP/1.1",
        f"Host: 127.0.0.1:{port}".encode(),
        b"Content-Type: x/y",
        b"Content-Length: 8",
    ]


async def test_requests_at_the_same_time_have_a_connection_each() -> None:
    together = asyncio.Barrier(3)

    async def meet(peer: Peer) -> None:
        await peer.heard()
        await together.wait()
        await peer.say(OK)
        await always(peer)

    async with serving(meet) as (peers, pool):
        assert await asyncio.gather(*(ask(pool) for _ in range(3))) == [b"ok"] * 3
        assert len(peers.all) == 3
        assert await ask(pool) == b"ok"
        assert len(peers.all) == 3


async def test_a_request_that_meets_the_end_of_a_kept_connection_goes_to_another_one() -> None:
    """The server may close while the request is on its way."""

    async def twice(peer: Peer) -> None:
        await peer.heard()
        await peer.say(OK)
        await peer.heard()  # and it closes in the place of an answer

    async with serving(twice) as (peers, pool):
        assert [await ask(pool, method=method) for method in ("GET", "PATCH", "POST")] == [b"ok"] * 3
        assert len(peers.all) == 3


async def test_a_connection_that_has_just_been_made_is_not_tried_again() -> None:
    """`ApiServer` does that, with pauses."""

    async def close(peer: Peer) -> None:
        await peer.heard()

    async with serving(close) as (peers, pool):
        with pytest.raises(ConnectionError, match="the server closed the connection"):
            await ask(pool)
        assert len(peers.all) == 1


async def test_a_connection_on_which_something_comes_unasked_is_ended() -> None:
    async def twice(peer: Peer) -> None:
        await peer.heard()
        await peer.say(OK)
        await peer.say(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
        await peer.ended()

    async with serving(twice) as (peers, pool):
        assert await ask(pool) == b"ok"
        while not peers.all[0].reader.at_eof():
            await asyncio.sleep(0)
        assert await ask(pool) == b"ok"
        assert len(peers.all) == 2


async def test_a_request_that_is_cancelled_ends_its_connection() -> None:
    """Its answer must not be the next request's."""
    reached, ended = asyncio.Event(), asyncio.Event()

    async def wait(peer: Peer) -> None:
        await peer.heard()
        reached.set()
        await peer.ended()
        ended.set()

    async with serving(wait) as (_, pool):
        asking = asyncio.create_task(ask(pool))
        await reached.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await ended.wait()


async def test_closing_ends_connections_that_wait_for_an_answer() -> None:
    reached = asyncio.Event()

    async def wait(peer: Peer) -> None:
        await peer.heard()
        reached.set()
        await peer.ended()

    async with serving(wait) as (_, pool):
        asking = asyncio.create_task(ask(pool))
        await reached.wait()
        await pool.close()
        with pytest.raises(ConnectionError):
            await asking


async def test_a_pool_that_is_closed_sends_nothing_a_second_time() -> None:
    reached = asyncio.Event()

    async def twice(peer: Peer) -> None:
        await peer.heard()
        await peer.say(OK)
        await peer.heard()
        reached.set()
        await peer.ended()

    async with serving(twice) as (peers, pool):
        assert await ask(pool) == b"ok"
        asking = asyncio.create_task(ask(pool))
        await reached.wait()
        await pool.close()
        with pytest.raises(ConnectionError):
            await asking
        assert len(peers.all) == 1


async def test_after_one_kept_connection_that_is_dead_no_other_is_tried() -> None:
    """Each would take its time to be found dead."""
    together, asked = asyncio.Barrier(3), 0

    async def once(peer: Peer) -> None:
        nonlocal asked
        await peer.heard()
        asked += 1
        if asked <= 3:
            await together.wait()
        await peer.say(OK)
        await peer.heard()  # and it closes in the place of an answer
        asked += 1

    async with serving(once) as (peers, pool):
        await asyncio.gather(*(ask(pool) for _ in range(3)))
        assert await ask(pool) == b"ok"
        assert (len(peers.all), asked) == (4, 5)


async def test_a_connection_given_up_as_its_handshake_ends_does_not_harm_the_next_one() -> None:
    """The loop must not take the next socket with its number for it."""
    authority = trustme.CA()
    server, ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("name").configure_cert(server)
    authority.configure_trust(ours)
    standing = threading.Event()

    def stand_still() -> None:
        standing.set()
        time.sleep(0.3)  # the server's part of the handshake comes meanwhile, and the deadline with it

    def serve(listener: socket.socket) -> None:
        for _ in range(2):
            made, _ = listener.accept()
            standing.wait()
            with suppress(OSError), server.wrap_socket(made, server_side=True) as tls:
                while tls.recv(4096):
                    tls.sendall(OK)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        pool, identity = Pool(f"https://127.0.0.1:{listener.getsockname()[1]}"), Identity({}, ours, "name")
        asyncio.get_running_loop().call_later(0.1, stand_still)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await ask(pool, identity)
        assert await ask(pool, identity) == b"ok"
        await pool.close()
        await asyncio.to_thread(thread.join)


async def test_another_identity_has_another_connection() -> None:
    """The old certificate goes with its connections."""
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("name").configure_cert(server)
    old, new = (ssl.create_default_context(cadata=authority.cert_pem.bytes().decode()) for _ in range(2))
    async with serving(always, server) as (peers, pool):
        for context in (old, old, new, new):
            assert await ask(pool, Identity({}, context, "name")) == b"ok"
        assert len(peers.all) == 2
        await peers.over[0].wait()


class Two(asyncio.SelectorEventLoop):
    """A loop on which every name is one of the hosts 127.0.0.2 and 127.0.0.1, looked for in that order."""

    async def getaddrinfo(self, _: Any, port: Any, **__: Any) -> list[tuple[Any, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{host}", port)) for host in (2, 1)]


def test_an_address_nobody_listens_on_is_passed_over() -> None:
    """A server with several addresses: the first that answers is taken, and all refusing is an error."""

    async def asked() -> None:
        async with serving(always) as (peers, _):
            pool = Pool(peers.url.replace("127.0.0.1", "server.test"))
            assert await ask(pool) == b"ok"
            await pool.close()
        with socket.socket() as deaf:
            deaf.bind(("127.0.0.1", 0))
            with pytest.raises(ConnectionRefusedError):
                await ask(Pool(f"http://server.test:{deaf.getsockname()[1]}"))

    with asyncio.Runner(loop_factory=Two) as runner:
        runner.run(asked())


async def test_an_address_by_itself_waits_for_no_look_up() -> None:
    """Look-ups are made by the threads that write files; a disk that hangs must not cut off the API server."""
    loop, disk = asyncio.get_running_loop(), threading.Event()
    loop.set_default_executor(ThreadPoolExecutor(1))
    writing = loop.run_in_executor(None, disk.wait)
    try:
        async with asyncio.timeout(30), serving(always) as (_, pool):
            assert await ask(pool) == b"ok"
    finally:
        disk.set()
        await writing
