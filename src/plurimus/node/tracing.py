"""Spans by OpenTelemetry: for each request, each of its steps, each call of a plugin.

They are written where OTEL_EXPORTER_OTLP_ENDPOINT, or the one for traces, says where to, and the extra `tracing` is
installed; else nothing of OpenTelemetry is imported.  Its own variables set the rest: sampling, headers, attributes.

OpenTelemetry, "Environment Variable Specification"; W3C Trace Context; decision 26.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

import structlog

from plurimus.adapters import spans
from plurimus.adapters.spans import Span
from plurimus.cni.errors import PlurimusError
from plurimus.core.tracecontext import TraceContext
from plurimus.node.late import NODE_NAME
from plurimus.version import VERSION

if TYPE_CHECKING:
    from opentelemetry.context import Context as _Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span as TheirSpan

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_LAST_WORDS = 3.0
"""Seconds within which what is left is sent at the end."""
_log = structlog.get_logger(__name__)


def start() -> Tracing | None:
    """Write spans from now on, where the environment says so and it can be done."""
    if not any(map(os.environ.get, _ENDPOINTS)) or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        _log.warning("no traces: install plurimus[tracing]", error=str(error))
        return None
    ours = {"service.name": "plurimus", "service.version": VERSION, "k8s.node.name": os.environ.get(NODE_NAME, "")}
    resource = Resource.create({key: value for key, value in ours.items() if value})
    provider = TracerProvider(resource=resource.merge(OTELResourceDetector().detect()), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Tracing(provider)


class Tracing:
    """Writes to `provider` until closed."""

    def __init__(self, provider: TracerProvider) -> None:
        from opentelemetry import trace

        self._provider = provider
        self._tracer = provider.get_tracer("plurimus", VERSION)
        self._trace = trace
        spans.write_by(self)

    def begin(self, name: str, parent: TraceContext | None, attributes: Mapping[str, str]) -> Span:
        kind = self._trace.SpanKind.SERVER if parent is None or parent.is_remote else self._trace.SpanKind.INTERNAL
        given = {key: value for key, value in attributes.items() if value}
        return _Span(self._tracer.start_span(name, self._context(parent), kind=kind, attributes=given))

    def _context(self, parent: TraceContext | None) -> _Context:
        from opentelemetry.context import Context

        if parent is None:
            return Context()
        of = self._trace.SpanContext(
            parent.trace_id,
            parent.span_id,
            parent.is_remote,
            self._trace.TraceFlags(parent.flags),
            self._trace.TraceState.from_header([parent.state] if parent.state else []),
        )
        return self._trace.set_span_in_context(self._trace.NonRecordingSpan(of), Context())

    async def close(self) -> None:
        """Send what is left, and no more; a collector that does not answer keeps nobody waiting for long."""
        spans.write_by(None)
        # no thread of the loop's, which are waited for at the end of the process, however long they take
        closing = threading.Thread(target=self._provider.shutdown, name="tracing", daemon=True)
        closing.start()
        end = asyncio.get_running_loop().time() + _LAST_WORDS
        while closing.is_alive() and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(0.01)


class _Span:
    def __init__(self, span: TheirSpan) -> None:
        self._span = span

    @property
    def context(self) -> TraceContext:
        of = self._span.get_span_context()
        parent = f"00-{of.trace_id:032x}-{of.span_id:016x}-{of.trace_flags:02x}"
        return TraceContext(
            of.trace_id, of.span_id, of.trace_flags, parent, of.trace_state.to_header(), is_remote=False
        )

    def end(self, error: BaseException | None) -> None:
        from opentelemetry.trace import Status, StatusCode

        if error is not None:
            self._span.set_status(Status(StatusCode.ERROR, str(error) or type(error).__name__))
            if isinstance(error, PlurimusError):
                self._span.set_attribute("cni.code", error.code)
        self._span.end()
