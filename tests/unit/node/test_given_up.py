"""What becomes of a request whose shim has gone: a runtime that gives a call up ends the plugin it started."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from .test_server import Served, serving


def begin(served: Served, path: Path, verb: str, endpoint: str = "/cni") -> socket.socket:
    """A request whose answer nobody has read yet."""
    node = served.node
    config = node.netconf if endpoint == "/cni" else {"cniVersion": "1.0.0", "name": "hot", "type": "hot"}
    env = node.env(verb) if endpoint == "/cni" else node.env(verb, ifname="net9")
    body = json.dumps({"env": env, "config": base64.b64encode(json.dumps(config).encode()).decode()}).encode()
    channel = socket.socket(socket.AF_UNIX)
    channel.connect(str(path / "s/multus.sock"))
    head = f"POST {endpoint} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    channel.sendall(head.encode() + body)
    return channel


async def ended(served: Served) -> None:
    """Until no request runs any more."""
    while served.server._running:
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("endpoint", ["/cni", "/delegate"])
async def test_an_add_is_undone(endpoint: str, tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        if endpoint == "/delegate":
            await served.post("/cni")
        before = served.node.left()
        held = served.node.plugins.hold("ADD")
        with capture_logs() as logs:
            with begin(served, tmp_path, "ADD", endpoint):
                await held.reached.wait()
            await ended(served)
        assert served.node.left() == before
        assert [(line["because"], line["verb"]) for line in logs if line["event"] == "request cancelled"] == [
            ("nobody waits for the answer any more", "ADD")
        ]
        held.open()
        assert (await served.post("/cni", env={"container": "next", "netns": "/run/netns/next"}))[0] == 200


async def test_an_add_that_waits_for_its_turn_never_begins(tmp_path: Path) -> None:
    async with serving(tmp_path, connectionLimit=1) as served:
        other = {"container": "other", "netns": "/run/netns/other"}
        held = served.node.plugins.hold("ADD")
        first = asyncio.create_task(served.post("/cni", env=other))
        await held.reached.wait()
        with begin(served, tmp_path, "ADD"):
            while len(served.server._running) < 2:
                await asyncio.sleep(0.001)
        while len(served.server._running) > 1:
            await asyncio.sleep(0.001)
        held.open()
        assert (await first)[0] == 200
        assert {call.container for call in served.node.plugins.calls} == {"other"}


async def test_what_could_not_be_undone_is_on_record_for_the_next_del(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        served.node.plugins.fail("DEL", times=1)
        held = served.node.plugins.hold("ADD")
        with begin(served, tmp_path, "ADD"):
            await held.reached.wait()
        await ended(served)
        assert served.node.recorded() == ["eth0"]
        assert (await served.post("/cni", "DEL"))[0] == 200
        assert served.node.left() == []


async def test_a_del_goes_on(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        await served.post("/cni")
        held = served.node.plugins.hold("DEL")
        with begin(served, tmp_path, "DEL"):
            await held.reached.wait()
        await asyncio.sleep(0.01)
        assert served.node.recorded() == ["eth0"]
        held.open()
        await ended(served)
        assert served.node.left() == []


async def test_a_check_is_ended(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        await served.post("/cni")
        held = served.node.plugins.hold("CHECK")
        with begin(served, tmp_path, "CHECK"):
            await held.reached.wait()
        await ended(served)
        assert served.node.recorded() == ["eth0"]
