"""The account of one request: which steps it took and how long each was, and what its line in the log says.

It is held by a context variable, so the step of any module is timed by one line, also in tasks that the request
starts:

    with step("record"):
        ...

Outside of a request that costs next to nothing and does nothing.  Names of steps are in `core.measured.STEPS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar, Token
from time import perf_counter
from types import TracebackType
from typing import Any

import structlog

from plurimus.adapters import spans
from plurimus.adapters.spans import Begun
from plurimus.core import measured, tracecontext

VERBS = ("ADD", "DEL", "CHECK", "STATUS", "GC")
_log = structlog.get_logger(__name__)


class Account:
    """What is known of a request so far; times are seconds.  `handler` is where it came from."""

    def __init__(self, handler: str) -> None:
        self.handler = handler
        self.verb = "other"
        self.steps: dict[str, float] = {}
        self.fields: dict[str, Any] = {}
        self._begun = perf_counter()
        self._span: Begun | None = None

    def about(self, env: Mapping[str, str]) -> None:
        """Which request it is, as soon as that is known; its trace goes on from here."""
        verb = env.get("CNI_COMMAND", "")
        self.verb = verb if verb in VERBS else "other"
        self.fields |= {"verb": verb, "container": env.get("CNI_CONTAINERID", "")}
        context = tracecontext.read(env)
        if context is None and env.get(tracecontext.PARENT):
            _log.debug("TRACEPARENT is ignored: it is none", traceparent=env[tracecontext.PARENT][:80])
        spans.enter(context)
        self._span = spans.begin(
            self.verb, **{"cni.handler": self.handler, "cni.container_id": self.fields["container"]}
        )
        if trace := spans.trace_id():
            self.fields["trace"] = trace

    def end(self, error: BaseException | None) -> float:
        """The request has ended; the seconds it took."""
        spans.end(self._span, error)
        spans.enter(None)
        return perf_counter() - self._begun


_account: ContextVar[Account | None] = ContextVar("account", default=None)


def open_for(account: Account) -> Token[Account | None]:
    """What this task does from now on, and what it starts, is for `account`."""
    return _account.set(account)


def close(token: Token[Account | None]) -> None:
    _account.reset(token)


def note(**fields: Any) -> None:
    """Put fields into the line that the log will have of the request."""
    account = _account.get()
    if account is not None:
        account.fields.update(fields)


class step:
    """A step of a request; one that happens several times adds up."""

    __slots__ = ("_begun", "_name", "_span")
    _span: Begun | None

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        self._span = None if spans.tracer is None else spans.within(self._name)
        self._begun = perf_counter()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        account = _account.get()
        if account is not None:
            took, name = perf_counter() - self._begun, self._name
            account.steps[name] = account.steps.get(name, 0.0) + took
            measured.STEP.observe(took, account.verb, name)
        if self._span is not None:
            spans.end(self._span, error)


class plugin:
    """A call of the plugin `kind`, `by` its driver or its executable."""

    __slots__ = ("_begun", "_labels", "_span")
    _span: Begun | None

    def __init__(self, kind: str, by: str, verb: str, ifname: str) -> None:
        self._labels = (kind, by, verb if verb in VERBS else "other")
        self._span = None
        if spans.tracer is not None:
            self._span = spans.within(f"{verb} {kind}", **{"cni.plugin": kind, "cni.by": by, "cni.interface": ifname})

    def __enter__(self) -> None:
        self._begun = perf_counter()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        outcome = "ok" if error is None else "error" if isinstance(error, Exception) else "cancelled"
        measured.PLUGINS.observe(perf_counter() - self._begun, *self._labels, outcome)
        if self._span is not None:
            spans.end(self._span, error)


class waited:
    """`what`, held for the block; to wait for it is the step `admit`."""

    __slots__ = ("_what",)

    def __init__(self, what: AbstractAsyncContextManager[object]) -> None:
        self._what = what

    async def __aenter__(self) -> None:
        measured.REQUESTS_WAITING.add(1)
        try:
            with step("admit"):
                await self._what.__aenter__()
        finally:
            measured.REQUESTS_WAITING.add(-1)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> bool | None:
        return await self._what.__aexit__(kind, error, at)
