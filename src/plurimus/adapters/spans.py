"""The trace that is being written just now, and who writes it; without a writer a trace is handed on as it came.

Who writes is set once for the process (`node.tracing`), as it is with logs.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar, Token
from typing import Protocol

from plurimus.core.tracecontext import TraceContext


class Span(Protocol):
    """A piece of work that is under way."""

    @property
    def context(self) -> TraceContext:
        """Its place in the trace, for what happens within it elsewhere."""
        ...

    def end(self, error: BaseException | None) -> None:
        """It has ended: well, or with `error`."""
        ...


class Tracer(Protocol):
    """Who writes spans; `parent` is what a new one belongs to, None where it begins a trace."""

    def begin(self, name: str, parent: TraceContext | None, attributes: Mapping[str, str]) -> Span: ...


Begun = tuple[Span, Token["TraceContext | None"]]

tracer: Tracer | None = None
"""Who writes; None for nobody, and then there is nothing to begin."""
_current: ContextVar[TraceContext | None] = ContextVar("trace", default=None)


def write_by(who: Tracer | None) -> None:
    """Have `who` write from now on; None for nobody."""
    global tracer
    tracer = who


def enter(context: TraceContext | None) -> None:
    """What this task does from now on, and what it starts, belongs to `context`."""
    _current.set(context)


def begin(name: str, **attributes: str) -> Begun | None:
    """Begin the span of a request, where somebody writes; `end` it in the same task."""
    if tracer is None:
        return None
    span = tracer.begin(name, _current.get(), attributes)
    return span, _current.set(span.context)


def within(name: str, **attributes: str) -> Begun | None:
    """The same for a part of one: what is done for no request, as recovery and the sweep do, begins no trace."""
    return None if _current.get() is None else begin(name, **attributes)


def end(begun: Begun | None, error: BaseException | None) -> None:
    if begun is not None:
        span, before = begun
        _current.reset(before)
        span.end(error)


def trace_id() -> str:
    """The trace this task writes in or hands on, as 32 hexadecimal digits; empty without one."""
    current = _current.get()
    return "" if current is None else f"{current.trace_id:032x}"


def environment() -> dict[str, str]:
    """The variables for a program that this task starts."""
    current = _current.get()
    return {} if current is None else current.environment()
