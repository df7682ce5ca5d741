"""`/metrics`, on the daemon's socket and on a port."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from plurimus.core import measured
from plurimus.node import metrics
from plurimus.version import VERSION
from tests.patience import SLOWER

from .test_server import Served, serving

_PATIENCE = 20.0 * SLOWER
_UNASKED = """
import asyncio, json, sys
from plurimus.node import metrics
from plurimus.node.connection import Asked
def imported():
    return "prometheus_client" in sys.modules
async def ask():
    await metrics.answer(Asked("GET", "/metrics", {}, b""))
before = imported()
asyncio.run(ask())
print(json.dumps([before, imported()]))
"""


def _samples(text: str) -> list[Sample]:
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


async def _read(served: Served) -> list[Sample]:
    async with served.client.get("http://plurimus/metrics") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        return _samples(await answer.text())


def _value(samples: list[Sample], name: str, **labels: str) -> float:
    return sum(each.value for each in samples if each.name == name and each.labels.items() >= labels.items())


async def test_what_happened_is_in_the_metrics(tmp_path: Path) -> None:
    """F74: Multus' one metric, in its own words, and ours."""
    multus = {"handler": "/cni", "code": "200", "method": "post"}
    async with serving(tmp_path) as served:
        before = await _read(served)
        await served.post("/cni")
        await served.post("/cni/now", "DEL")  # as our shim does
        await served.ask("GET", "/nowhere")
        after = await _read(served)
    grown = {"plurimus_request_duration_seconds_count": {"handler": "/cni", "verb": "ADD", "code": "0"},
             "plurimus_step_duration_seconds_count": {"verb": "DEL", "step": "detach"},
             "plurimus_step_duration_seconds_bucket": {"verb": "ADD", "step": "record", "le": "+Inf"},
             "multus_server_request_total": {"handler": "NotFound", "code": "404", "method": "get"}}  # fmt: skip
    for name, labels in grown.items():
        assert _value(after, name, **labels) == _value(before, name, **labels) + 1, name
    assert _value(after, "multus_server_request_total", **multus) == (
        _value(before, "multus_server_request_total", **multus) + 2
    )
    assert _value(after, "plurimus_build_info", version=VERSION) == 1
    assert _value(after, "process_resident_memory_bytes") > 1e6
    assert _value(after, "process_start_time_seconds") > 1e9
    assert "pod" not in {label for sample in after for label in sample.labels}


async def test_the_buckets_of_a_histogram_end_with_all_there_are(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        await served.post("/cni")
        samples = await _read(served)
    labels = {"handler": "/cni", "verb": "ADD", "code": "0"}
    found = [each for each in samples if each.name == "plurimus_request_duration_seconds_bucket"
             and each.labels.items() >= labels.items()]  # fmt: skip
    values = [each.value for each in found]
    assert values == sorted(values)
    assert [each.labels["le"] for each in found][-2:] == ["120.0", "+Inf"]
    assert values[-1] == _value(samples, "plurimus_request_duration_seconds_count", **labels)


async def test_who_asks_for_open_metrics_gets_them(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
        async with served.client.get("http://plurimus/metrics", headers=accept) as answer:
            assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
            assert (await answer.text()).endswith("# EOF\n")


async def test_only_reading_is_allowed(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        assert await served.ask("HEAD", "/metrics") == 200
        for method in ("POST", "PUT", "DELETE"):
            assert await served.ask(method, "/metrics") == 405


@asynccontextmanager
async def on_port(address: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """The metrics on a port of their own; where they are."""
    port = port or _free()
    serving = asyncio.create_task(metrics.serve(address, port))
    try:
        yield f"http://{f'[{address}]' if ':' in address else address or '127.0.0.1'}:{port}"
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


def _free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


async def _connected(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = url.removeprefix("http://").rpartition(":")
    end = asyncio.get_running_loop().time() + _PATIENCE
    while True:
        try:
            return await asyncio.open_connection(host.strip("[]"), int(port))
        except ConnectionRefusedError:
            assert asyncio.get_running_loop().time() < end
            await asyncio.sleep(0.01)


async def _said(url: str, request: bytes) -> bytes:
    """All that comes for `request`, until the connection ends."""
    reader, writer = await _connected(url)
    try:
        writer.write(request)
        with suppress(ConnectionResetError):  # what is not read when the daemon closes
            return await reader.read()
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize("address", ["", "127.0.0.1", "::1"])
async def test_on_the_port_there_are_metrics_and_nothing_else(address: str) -> None:
    """F74: on all addresses, or on the one that is wanted; the client need not be root."""
    async with on_port(address) as url:
        (await _connected(url))[1].close()
        async with aiohttp.ClientSession() as client:
            async with client.get(f"{url}/metrics") as answer:
                assert _value(_samples(await answer.text()), "plurimus_build_info") == 1
            for path in ("/", "/cni", "/delegate", "/status", "/healthz"):
                async with client.get(f"{url}{path}") as answer:
                    assert answer.status == 404
            async with client.post(f"{url}/metrics") as answer:
                assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


async def test_on_the_port_sizes_are_bounded() -> None:
    async with on_port() as url:
        long = await _said(url, b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 200_000 + b"\r\n\r\n")
        assert b"200 OK" not in long
        body = await _said(url, b"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody")
        assert body.startswith(b"HTTP/1.1 413 ")
        assert (await _said(url, b"nonsense\r\n\r\n")).startswith(b"HTTP/1.1 400 ")


async def test_connections_that_say_nothing_keep_nobody_out() -> None:
    """Where there are too many, the oldest end."""
    async with on_port() as url:
        silent = [await _connected(url) for _ in range(metrics.MOST_CONNECTIONS + 4)]
        try:
            answer = await _said(url, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200 ")
            with suppress(ConnectionError):
                assert await silent[0][0].read() == b""
        finally:
            for _, writer in silent:
                writer.close()


async def test_a_port_that_another_program_has_is_waited_for() -> None:
    """A daemon gives pods their networks, whoever has the port."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        waiting = asyncio.create_task(metrics.serve("127.0.0.1", other.getsockname()[1], pause=0.01))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        port = other.getsockname()[1]
    try:
        _, writer = await _connected(f"http://127.0.0.1:{port}")
        writer.close()
    finally:
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting


def test_what_writes_metrics_is_imported_by_the_first_who_asks() -> None:
    done = subprocess.run([sys.executable, "-c", _UNASKED], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [False, True]


def test_all_metrics_are_shown_also_those_that_nothing_has_counted() -> None:
    shown = {family.name for family in metrics.Copied().collect()}
    assert shown == {metric.name.removesuffix("_total") for metric in measured.ALL}
