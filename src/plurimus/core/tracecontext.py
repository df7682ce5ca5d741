"""Where a request belongs in somebody's trace: TRACEPARENT and TRACESTATE, as variables of a program's environment.

W3C Trace Context, "traceparent Header" and "tracestate Header"; OpenTelemetry, "Environment Variables as Context
Propagation Carriers".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

PARENT, STATE = "TRACEPARENT", "TRACESTATE"
VARIABLES = (PARENT, STATE)
_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_MOST_PARENT, _MOST_STATE = 256, 2048


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A place in a trace; `parent` and `state` are as they came, the numbers are read from them."""

    trace_id: int
    span_id: int
    flags: int
    parent: str
    state: str = ""
    is_remote: bool = True
    """Somebody else's, not made by this process."""

    def environment(self) -> dict[str, str]:
        """The variables that hand it to a program."""
        return {PARENT: self.parent} | ({STATE: self.state} if self.state else {})


def read(env: Mapping[str, str]) -> TraceContext | None:
    """The context in `env`; None where there is none, or one that cannot be used, whose state is ignored, too."""
    parent, state = env.get(PARENT, ""), env.get(STATE, "")
    found = _PARENT.fullmatch(parent) if len(parent) <= _MOST_PARENT and parent.isprintable() else None
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == "ff" or (version == "00" and more) or not int(trace_id, 16) or not int(span_id, 16):
        return None
    usable = len(state) <= _MOST_STATE and state.isascii() and state.isprintable()
    return TraceContext(int(trace_id, 16), int(span_id, 16), int(flags, 16), parent, state if usable else "")
