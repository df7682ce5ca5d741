"""The daemon's HTTP over its socket: paths, methods, bodies, who may speak (F60, F62)."""

from __future__ import annotations

import asyncio
import base64
import ctypes
import json
import platform
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from plurimus.cni.errors import AttachmentError, Code
from plurimus.node.listener import Listener
from plurimus.node.message import EXIT_CODE, OUR_SHIM
from plurimus.node.server import Server

from .world import Node

_SYS_SETRESUID = {"x86_64": 117, "aarch64": 147}
_NOBODY = 65534


@dataclass
class Served:
    """A server and a client of it."""

    node: Node
    server: Server
    client: aiohttp.ClientSession

    async def post(self, path: str, verb: str = "ADD", *, ours: bool = False, config: Any = None,
                   env: dict[str, str] | None = None, **more: Any) -> tuple[int, bytes, str | None]:  # fmt: skip
        """Status, body and exit code of one request."""
        encoded = base64.b64encode(json.dumps(config or self.node.netconf).encode()).decode()
        body = {"env": self.node.env(verb, **(env or {})), "config": encoded, **more}
        headers = {OUR_SHIM: "1"} if ours else {}
        async with self.client.post(f"http://plurimus{path}", json=body, headers=headers) as answer:
            return answer.status, await answer.read(), answer.headers.get(EXIT_CODE)

    async def ask(self, method: str, path: str) -> int:
        async with self.client.request(method, f"http://plurimus{path}") as answer:
            return answer.status


@asynccontextmanager
async def serving(folder: Path, *, draining: float = 30, **config: Any) -> AsyncIterator[Served]:
    node = Node(**config)
    server = Server(node.requests, draining=draining)
    listener = Listener(folder / "s")
    await server.start(listener.socket)
    connector = aiohttp.UnixConnector(path=str(listener.path))
    async with aiohttp.ClientSession(connector=connector) as client:
        try:
            yield Served(node, server, client)
        finally:
            node.plugins.forgive()
            await server.stop()
            listener.close()


@pytest.mark.parametrize("path", ["/cni", "/cni/now"])
async def test_our_shim_gets_what_it_prints(path: str, tmp_path: Path) -> None:
    """F60: in the version the runtime asked in, with the exit code in a header."""
    async with serving(tmp_path) as served:
        served.node.netconf["cniVersion"] = "0.4.0"
        status, body, code = await served.post(path, ours=True)
    assert (status, code) == (200, "0")
    assert body.startswith(b'{\n    "cniVersion": "0.4.0",\n')
    assert json.loads(body)["ips"] == [{"version": "4", "interface": 0, "address": "10.0.0.1/24"}]


async def test_the_shim_of_multus_gets_a_result_of_1_1_0(tmp_path: Path) -> None:
    """F60: it converts that itself."""
    async with serving(tmp_path) as served:
        served.node.netconf["cniVersion"] = "0.4.0"
        status, body, code = await served.post("/cni")
    assert (status, code) == (200, None)
    assert list(json.loads(body)) == ["Result"]
    assert json.loads(body)["Result"]["cniVersion"] == "1.1.0"


@pytest.mark.parametrize(("path", "ours"), [("/cni", True), ("/cni/now", True), ("/cni", False)])
@pytest.mark.parametrize("verb", ["DEL", "CHECK", "STATUS", "GC"])
async def test_the_other_verbs_answer_nothing(verb: str, path: str, ours: bool, tmp_path: Path) -> None:
    """F60."""
    async with serving(tmp_path) as served:
        await served.post("/cni")
        keep = {"cni.dev/valid-attachments": []}
        answer = await served.post(path, verb, ours=ours, config=served.node.netconf | keep)
    assert answer == (200, b"", "0" if ours else None)


@pytest.mark.parametrize("ours", [True, False])
@pytest.mark.parametrize("path", ["/cni", "/delegate"])
async def test_an_error_travels_as_the_object_it_is(path: str, ours: bool, tmp_path: Path) -> None:
    """S20: code, words and details of the plugin, whoever asks."""
    async with serving(tmp_path) as served:
        served.node.plugins.fail("ADD", error=AttachmentError("no uplink", details="eth9 is down", code=50))
        config = {"cniVersion": "1.1.0", "name": "x", "type": "x"} if path == "/delegate" else None
        status, body, code = await served.post(path, ours=ours, config=config)
    assert (status, code) == (400, "1" if ours else None)
    error = json.loads(body)
    assert (error["code"], error["details"]) == (50, "eth9 is down")
    assert error["msg"].endswith("no uplink")


async def test_a_failure_nobody_foresaw_is_an_error_object_too(tmp_path: Path) -> None:
    """S20: the runtime must be able to read it."""
    async with serving(tmp_path) as served:
        served.node.records.bug = "cid1"
        status, body, _ = await served.post("/cni", "DEL")
    assert (status, json.loads(body)["code"]) == (400, Code.INTERNAL)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"env": 5}', b'{"config": "%"}', b"\xff"])
@pytest.mark.parametrize("path", ["/cni", "/delegate"])
async def test_a_body_that_cannot_be_read_is_refused(path: str, body: bytes, tmp_path: Path) -> None:
    """F60: code 6."""
    async with serving(tmp_path) as served, served.client.post(f"http://plurimus{path}", data=body) as answer:
        assert (answer.status, (await answer.json())["code"]) == (400, Code.DECODING_FAILURE)
        assert served.node.plugins.calls == []


async def test_hot_plug_has_its_own_path_and_attributes(tmp_path: Path) -> None:
    """F61: as the dynamic networks controller sends them."""
    async with serving(tmp_path) as served:
        config = {"cniVersion": "1.0.0", "name": "x", "type": "x"}
        attributes = {"ips": ["10.1.0.2/24"], "mac": "02:00:00:00:00:02", "cni-args": None}
        status, body, _ = await served.post(
            "/delegate", config=config, env={"ifname": "net7"}, interfaceAttributes=attributes
        )
        assert (status, json.loads(body)["Result"]["cniVersion"]) == (200, "1.1.0")
        assert served.node.plugins.made() == ["ADD x net7"]
        assert "IP=10.1.0.2/24" in served.node.plugins.calls[0].env["CNI_ARGS"]
        assert await served.post("/delegate", "DEL", config=config, env={"ifname": "net7"}) == (200, b"", None)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_a_daemon_that_serves_is_healthy_and_ready(path: str, method: str, tmp_path: Path) -> None:
    """F62."""
    async with serving(tmp_path) as served:
        assert await served.ask(method, path) == 200


async def test_its_status_tells_of_options_that_no_driver_knows(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        for _ in range(2):
            served.node.world.unknown_options.note("macvlan", "colour", executable=True)
        async with served.client.get("http://plurimus/status") as answer:
            told = await answer.json()
    assert told["unknownOptions"] == [{"type": "macvlan", "key": "colour", "by": "executable", "calls": 2}]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/cni", 405),
        ("POST", "/status", 405),
        ("PUT", "/delegate", 405),
        ("DELETE", "/healthz", 405),
        ("GET", "/", 404),
        ("POST", "/x", 404),
    ],
)
async def test_other_paths_and_methods_are_refused(method: str, path: str, status: int, tmp_path: Path) -> None:
    """Spec section 7.2."""
    async with serving(tmp_path) as served:
        assert await served.ask(method, path) == status


@pytest.mark.parametrize("path", ["/healthz", "/cni", "/nowhere"])
async def test_the_client_is_told_that_the_connection_ends(path: str, tmp_path: Path) -> None:
    """Spec section 7.2: else it might send its next request into a connection that is being closed."""
    async with serving(tmp_path) as served, served.client.post(f"http://plurimus{path}") as answer:
        assert answer.headers["Connection"] == "close"


async def test_a_daemon_that_ends_begins_nothing_but_a_del(tmp_path: Path) -> None:
    """F62, S39: our shim waits for the next daemon, and nobody sends a DEL again."""
    async with serving(tmp_path) as served:
        held = served.node.plugins.hold("ADD")
        running = asyncio.create_task(served.post("/cni/now", ours=True))
        await held.reached.wait()
        ending = asyncio.create_task(served.server.stop())
        while await served.ask("GET", "/readyz") == 200:
            await asyncio.sleep(0)
        other = {"container": "other", "netns": "/run/netns/other"}
        for verb in ("ADD", "CHECK", "STATUS", "GC"):
            assert (await served.post("/cni/now", verb, ours=True, env=other))[::2] == (503, None)
        assert (await served.post("/cni/now", "DEL", ours=True, env=other))[::2] == (200, "0")
        held.open()
        assert (await running)[0] == 200
        await ending


async def test_only_so_many_requests_run_at_a_time(tmp_path: Path) -> None:
    """Spec section 2.7, connectionLimit: the others wait, and are answered."""
    async with serving(tmp_path, connectionLimit=2) as served:
        held = served.node.plugins.hold("ADD")
        many = [
            asyncio.create_task(served.post("/cni", env={"container": f"c{number}", "netns": f"/run/netns/{number}"}))
            for number in range(5)
        ]
        await held.reached.wait()
        while len(served.node.plugins.calls) < 2:
            await asyncio.sleep(0)
        await served.ask("GET", "/healthz")  # a whole round of the loop and of the network
        assert len(served.node.plugins.calls) == 2
        held.open()
        assert [status for status, _, _ in await asyncio.gather(*many)] == [200] * 5


async def test_nobody_but_root_is_listened_to() -> None:
    """Spec section 7.1: whatever the mode of the socket."""
    name = f"\0plurimus-test-{id(object())}"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(name)
    node = Node()
    server = Server(node.requests, draining=1)
    await server.start(listener)
    try:
        assert (await asyncio.to_thread(_ask_as, 0, name)).startswith(b"HTTP/1.1 200")
        assert (await asyncio.to_thread(_ask_as, _NOBODY, name)).startswith(b"HTTP/1.1 403")
    finally:
        await server.stop()


def _ask_as(user: int, name: str) -> bytes:
    """What `user` is answered; the system call itself changes the calling thread alone, which ends with the call."""
    answers: list[bytes] = []

    def ask() -> None:
        if user:
            libc = ctypes.CDLL(None, use_errno=True)
            number = _SYS_SETRESUID[platform.machine()]
            assert libc.syscall(number, user, user, user) == 0
        with socket.socket(socket.AF_UNIX) as channel:
            channel.settimeout(30)
            channel.connect(name)
            channel.sendall(b"GET /healthz HTTP/1.0\r\nHost: plurimus\r\n\r\n")
            answers.append(channel.recv(4096))

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    return answers[0]
