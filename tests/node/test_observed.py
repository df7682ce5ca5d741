"""What one sees of a node that runs: metrics on a port, and a trace from the runtime to the plugin and a collector."""

from __future__ import annotations

import json
import socket
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

import plurimus
from plurimus.adapters import netns
from tests.collector import Collector, attributes, collecting

from . import scripts
from .process import Daemon, eventually
from .runtime import Sandbox
from .scraped import samples
from .thin import ThinNode

pytestmark = pytest.mark.usefixtures("root")

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GIVEN = {"TRACEPARENT": f"00-{TRACE}-{SPAN}-01", "TRACESTATE": "a=1"}
TELLS = """
with open({path!r}, "a") as log:
    print(json.dumps([env["CNI_COMMAND"], env.get("TRACEPARENT"), env.get("TRACESTATE")]), file=log)
"""
NETWORK = {"cniVersion": "1.0.0", "name": "pods", "type": "tells"}


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collecting() as made:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", made.url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
        monkeypatch.setenv("MULTUS_NODE_NAME", "node-7")
        yield made


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with Daemon(tmp_path) as made:
        _tells(made)
        yield made


def _tells(node: Daemon | ThinNode) -> None:
    """Install a plugin that writes down its trace."""
    node.script("tells", TELLS.format(path=str(node.folder / "told")) + scripts.PASS_ON)


def _told(node: Daemon | ThinNode) -> list[list[str | None]]:
    return [json.loads(line) for line in (node.folder / "told").read_text().splitlines()]


def _is_one_trace(collector: Collector) -> None:
    """All spans there are belong to requests of the runtime's trace."""
    known = {span.span_id for span in collector.spans}
    assert [(span.name, span.trace_id.hex()) for span in collector.spans if span.trace_id.hex() != TRACE] == []
    assert {span.name for span in collector.spans if span.parent_span_id not in known} == {"ADD", "DEL"}
    assert {span.parent_span_id.hex() for span in collector.spans if span.parent_span_id not in known} == {SPAN}


def _calls(sandbox: Sandbox, *verbs: str) -> None:
    """Calls of a runtime that traces."""
    for verb in verbs:
        sandbox.node.call(verb, sandbox.netconf, {**sandbox.environment(), **GIVEN}).succeeded()


def test_the_port_and_the_socket_tell_what_the_daemon_did(daemon: Daemon) -> None:
    """F74."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    daemon.config |= {"metricsPort": port, "metricsAddress": "127.0.0.1"}
    daemon.start()
    eventually(lambda: bool(daemon.logged("metrics")), daemon.log.read_text)
    sandbox = daemon.sandbox(cluster_network=NETWORK)
    sandbox.add()
    sandbox.delete()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text = answer.read().decode()
    found = samples(text)
    for verb in ("ADD", "DEL"):
        assert found["plurimus_request_duration_seconds_count", "/cni", "0", verb] == 1
        assert found["plurimus_plugin_duration_seconds_count", verb, "executable", "ok", "tells"] == 1
    assert found["plurimus_requests_running",] == found["plurimus_plugin_executables_running",] == 0
    assert sandbox.pod not in text
    assert sandbox.id not in text
    assert daemon.asks("/metrics") == 405  # it posts


def test_a_trace_goes_from_the_runtime_to_the_plugin_and_to_a_collector(daemon: Daemon, collector: Collector) -> None:
    daemon.start()
    _calls(daemon.sandbox(cluster_network=NETWORK), "ADD", "DEL")
    daemon.stop()
    _is_one_trace(collector)
    (request,), (plugin,) = collector.named("ADD"), collector.named("ADD tells")
    (step,) = collector.named("attach_default")
    assert request.parent_span_id.hex() == SPAN
    assert (step.parent_span_id, plugin.parent_span_id) == (request.span_id, step.span_id)
    assert attributes(plugin) == {"cni.plugin": "tells", "cni.by": "executable", "cni.interface": "eth0"}
    assert request.start_time_unix_nano <= plugin.start_time_unix_nano < plugin.end_time_unix_nano
    assert plugin.end_time_unix_nano <= request.end_time_unix_nano
    assert _told(daemon)[0] == ["ADD", f"00-{TRACE}-{plugin.span_id.hex()}-01", "a=1"]
    assert [verb for verb, *_ in _told(daemon)] == ["ADD", "DEL"]
    assert collector.resource.items() >= {"service.name": "plurimus", "k8s.node.name": "node-7"}.items()
    assert [line["trace"] for line in daemon.logged("attached")] == [TRACE]


def test_what_is_done_outside_of_a_request_is_in_no_trace(daemon: Daemon, collector: Collector) -> None:
    """What a killed daemon left is undone at the start, and a sweep looks: neither begins a trace."""
    daemon.start()
    left = daemon.sandbox(cluster_network=NETWORK)
    _calls(left, "ADD")
    eventually(lambda: bool(collector.named("ADD")), daemon.log.read_text)
    daemon.kill()
    netns.delete(left.netns)
    daemon.start()
    eventually(lambda: [verb for verb, *_ in _told(daemon)] == ["ADD", "DEL"], daemon.log.read_text)
    assert daemon.asks("/gc", b"{}") == 200
    _calls(daemon.sandbox(cluster_network=NETWORK), "ADD", "DEL")
    daemon.stop()
    _is_one_trace(collector)
    assert _told(daemon)[1] == ["DEL", None, None]


def test_without_a_collector_the_plugin_gets_the_trace_as_it_came(daemon: Daemon) -> None:
    daemon.start()
    sandbox = daemon.sandbox(cluster_network=NETWORK)
    _calls(sandbox, "ADD", "DEL")
    env = {**sandbox.environment(), "TRACEPARENT": "00-nonsense", "TRACESTATE": "a=1"}
    daemon.call("ADD", sandbox.netconf, env).succeeded()
    assert _told(daemon) == [[verb, *GIVEN.values()] for verb in ("ADD", "DEL")] + [["ADD", None, None]]
    assert [line["level"] for line in daemon.logged("TRACEPARENT is ignored: it is none")] == ["debug"]


def test_a_collector_that_is_away_keeps_nobody_waiting(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor the end of the daemon, beyond a few seconds."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        daemon.start()
        _calls(daemon.sandbox(cluster_network=NETWORK), "ADD", "DEL")
        daemon.stop()
    assert len(daemon.logged("detached")) == 1


@pytest.mark.parametrize("collected", [True, False])
def test_a_call_without_a_daemon_is_traced_as_well(tmp_path: Path, collector: Collector, collected: bool) -> None:
    """Its variables are those of the runtime."""
    with ThinNode(tmp_path) as node:
        _tells(node)
        sources = Path(plurimus.__file__).parents[1]
        words = (f"PYTHONPATH={sources}", sys.executable, "-m", "plurimus.cli.cni")
        node.program.write_text("".join(f"{word}\n" for word in words))
        sandbox = node.sandbox(cluster_network=NETWORK)
        more = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url} if collected else {}
        node.call("ADD", sandbox.netconf, {**sandbox.environment(), **GIVEN, **more}).succeeded()
        node.call("DEL", sandbox.netconf, {**sandbox.environment(), **more}).succeeded()
        told = _told(node)
    if not collected:
        assert (told, collector.spans) == ([["ADD", *GIVEN.values()], ["DEL", None, None]], [])
        return
    (request,), (plugin,) = collector.named("ADD"), collector.named("ADD tells")
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, SPAN)
    assert told[0] == ["ADD", f"00-{TRACE}-{plugin.span_id.hex()}-01", "a=1"]
    assert [span.parent_span_id for span in collector.named("DEL")] == [b""]
