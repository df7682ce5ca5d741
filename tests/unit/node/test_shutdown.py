"""How the daemon's server ends: it is not ready any more, requests end, what does not end is undone (F84, S39)."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import aiohttp
import pytest

from plurimus.node.message import OUR_SHIM

from .test_server import serving


async def test_a_running_request_is_answered(tmp_path: Path) -> None:
    """S39, F84."""
    async with serving(tmp_path) as served:
        held = served.node.plugins.hold("ADD")
        adding = asyncio.create_task(served.post("/cni"))
        await held.reached.wait()
        stopping = asyncio.create_task(served.server.stop())
        for _ in range(20):
            await asyncio.sleep(0)
        assert not stopping.done()
        held.open()
        status, _, _ = await adding
        await stopping
    assert status == 200
    assert served.node.recorded() == ["eth0"]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_while_requests_end_it_is_healthy_but_not_ready(method: str, tmp_path: Path) -> None:
    """F62, F84: shims hold back new ADDs then."""
    async with serving(tmp_path) as served:
        held = served.node.plugins.hold("ADD")
        adding = asyncio.create_task(served.post("/cni"))
        await held.reached.wait()
        stopping = asyncio.create_task(served.server.stop())
        await asyncio.sleep(0)
        assert await served.ask(method, "/readyz") == 500
        assert await served.ask(method, "/healthz") == 200
        held.open()
        await asyncio.gather(adding, stopping)


async def test_while_requests_end_a_del_is_served(tmp_path: Path) -> None:
    """F84, S5: the shim of Multus gives up a DEL for good when nobody answers."""
    async with serving(tmp_path) as served:
        other = {"container": "c2", "netns": "/run/netns/c2"}
        await served.post("/cni", env=other)
        held = served.node.plugins.hold("ADD")
        adding = asyncio.create_task(served.post("/cni"))
        await held.reached.wait()
        stopping = asyncio.create_task(served.server.stop())
        await asyncio.sleep(0)
        assert await served.post("/cni", "DEL", env=other) == (200, b"", None)
        assert served.node.recorded("c2") == []
        held.open()
        await asyncio.gather(adding, stopping)


async def test_an_add_that_does_not_end_is_undone_before_the_daemon_ends(tmp_path: Path) -> None:
    """S39, F84: and the shim is not told that it worked."""
    async with serving(tmp_path, draining=0.01) as served:
        held = served.node.plugins.hold("ADD")
        undoing = served.node.plugins.hold("DEL")
        adding = asyncio.create_task(served.post("/cni"))
        await held.reached.wait()
        stopping = asyncio.create_task(served.server.stop())
        await undoing.reached.wait()
        undoing.open()
        await stopping
        assert served.node.left() == []
        with pytest.raises(aiohttp.ClientError):
            await adding


async def test_a_del_that_does_not_end_stays_on_record(tmp_path: Path) -> None:
    """S39, F24: its shim spools it."""
    async with serving(tmp_path, draining=0.01) as served:
        await served.post("/cni")
        held = served.node.plugins.hold("DEL")
        deleting = asyncio.create_task(served.post("/cni", "DEL"))
        await held.reached.wait()
        await served.server.stop()
        assert served.node.recorded() == ["eth0"]
        with pytest.raises(aiohttp.ClientError):
            await deleting


async def test_an_idle_server_ends_at_once(tmp_path: Path) -> None:
    """F84: and nobody is served after that."""
    async with serving(tmp_path) as served:
        assert await served.ask("GET", "/readyz") == 200
        await asyncio.wait_for(served.server.stop(), 20)
        with pytest.raises(aiohttp.ClientError):
            await served.ask("GET", "/readyz")


async def test_a_connection_kept_for_our_shim_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """F84: its probe was answered, and its request has not come."""
    async with serving(tmp_path) as served:
        async with served.client.get("http://plurimus/readyz", headers={OUR_SHIM: "1"}) as answer:
            assert answer.status == 200
        await asyncio.wait_for(served.server.stop(), 20)
        assert served.server._connections == set()


async def test_a_request_that_was_sent_before_is_heard(tmp_path: Path) -> None:
    """S39: however late the daemon comes to read it."""
    async with serving(tmp_path) as served:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(tmp_path / "s/multus.sock"))
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            await served.server.stop()
            assert client.recv(1024).startswith(b"HTTP/1.1 200 ")
