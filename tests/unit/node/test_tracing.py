"""Spans of requests, as the SDK of OpenTelemetry has them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from structlog.testing import capture_logs

from plurimus.adapters import spans
from plurimus.adapters.account import plugin, step
from plurimus.cni.errors import AttachmentError
from plurimus.node import tracing
from plurimus.node.accounts import accounted
from plurimus.node.tracing import Tracing

from .test_server import serving

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GIVEN = {"TRACEPARENT": f"00-{TRACE}-{SPAN}-01", "TRACESTATE": "a=1"}


@pytest.fixture
async def written() -> AsyncIterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    own = Tracing(provider)
    try:
        yield exporter
    finally:
        await own.close()


def _by_name(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


async def test_a_request_goes_on_in_the_trace_of_the_runtime(written: InMemorySpanExporter, tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        served.node.networks("blue")
        with capture_logs() as lines:
            await served.post("/cni", env=GIVEN)
            await asyncio.sleep(0)
    found = _by_name(written)
    request = found["ADD"]
    assert request.parent is not None
    assert (request.parent.trace_id, request.parent.span_id) == (int(TRACE, 16), int(SPAN, 16))
    assert (request.kind, request.parent.is_remote) == (SpanKind.SERVER, True)
    assert request.attributes is not None
    assert request.attributes["cni.container_id"] == "cid1"
    for name in ("find_pod", "record", "attach_default", "attach_others", "publish"):
        span = found[name]
        assert span.parent is not None
        assert span.parent.span_id == request.context.span_id
        assert (span.kind, span.parent.is_remote) == (SpanKind.INTERNAL, False)
    assert {span.context.trace_id for span in found.values()} == {int(TRACE, 16)}
    assert {span.context.trace_state.to_header() for span in found.values()} == {"a=1"}
    assert [line["trace"] for line in lines if "steps" in line] == [TRACE]


async def test_without_a_trace_of_the_runtime_each_request_begins_one(
    written: InMemorySpanExporter, tmp_path: Path
) -> None:
    async with serving(tmp_path) as served:
        await served.post("/cni")
        await served.post("/cni", "DEL", env={"TRACEPARENT": "nonsense"})
    found = _by_name(written)
    assert (found["ADD"].parent, found["DEL"].parent) == (None, None)
    assert found["ADD"].context.trace_id != found["DEL"].context.trace_id


async def test_what_the_runtime_does_not_record_is_not_recorded(written: InMemorySpanExporter, tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        await served.post("/cni", env={"TRACEPARENT": f"00-{TRACE}-{SPAN}-00"})
    assert written.get_finished_spans() == ()


async def test_a_failure_is_seen_in_the_request_and_in_the_step(written: InMemorySpanExporter, tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        served.node.plugins.fail("ADD", error=AttachmentError("no uplink", code=120))
        await served.post("/cni")
    found = _by_name(written)
    for name in ("ADD", "attach_default"):
        assert found[name].status.status_code is StatusCode.ERROR
        assert "no uplink" in (found[name].status.description or "")
    assert found["undo"].status.status_code is StatusCode.UNSET
    assert found["ADD"].attributes is not None
    assert found["ADD"].attributes["cni.code"] == 120


async def test_a_program_is_handed_the_span_of_its_call(written: InMemorySpanExporter) -> None:
    with accounted("/cni") as account:
        account.about({"CNI_COMMAND": "ADD"})
        with plugin("macvlan", "executable", "ADD", "net1"):
            handed = spans.environment()["TRACEPARENT"]
    span = _by_name(written)["ADD macvlan"]
    given = span.context
    assert handed == f"00-{given.trace_id:032x}-{given.span_id:016x}-{given.trace_flags:02x}"
    assert span.attributes == {"cni.plugin": "macvlan", "cni.by": "executable", "cni.interface": "net1"}
    assert spans.environment() == {}


async def test_what_is_done_for_no_request_begins_no_span(written: InMemorySpanExporter) -> None:
    with step("admit"), plugin("macvlan", "executable", "DEL", "net1"):
        assert spans.environment() == {}
    assert written.get_finished_spans() == ()


async def test_nobody_writes_where_no_variable_says_where_to() -> None:
    assert tracing.start() is None
