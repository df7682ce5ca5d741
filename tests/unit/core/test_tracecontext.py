"""TRACEPARENT and TRACESTATE, as W3C Trace Context has them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurimus.core import tracecontext

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"


def test_a_context_is_read_and_handed_on_as_it_came() -> None:
    env = {"TRACEPARENT": PARENT, "TRACESTATE": "a=1,b=2"}
    found = tracecontext.read({"CNI_COMMAND": "ADD", **env})
    assert found is not None
    assert (found.trace_id, found.span_id, found.flags) == (int(TRACE, 16), int(SPAN, 16), 1)
    assert found.environment() == env
    assert found.is_remote


def test_a_later_version_may_have_more() -> None:
    found = tracecontext.read({"TRACEPARENT": f"cc-{TRACE}-{SPAN}-00-what-comes-later"})
    assert found is not None
    assert found.environment() == {"TRACEPARENT": f"cc-{TRACE}-{SPAN}-00-what-comes-later"}


@pytest.mark.parametrize(
    "parent",
    [
        "",
        "00",
        PARENT.upper(),
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"{PARENT}-more",
        f"{PARENT}\n",
        f" {PARENT}",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"01-{TRACE}-{SPAN}-01-{'a' * 300}",
        f"01-{TRACE}-{SPAN}-01-\0",
        PARENT.replace("4", "\u0664"),
    ],
)
def test_what_is_no_context_is_none_and_its_state_goes_with_it(parent: str) -> None:
    assert tracecontext.read({"TRACEPARENT": parent, "TRACESTATE": "a=1"}) is None


@pytest.mark.parametrize("state", ["a=\u00e9", "a=1\n", "a" * 3000, "a=\0"])
def test_a_state_that_cannot_be_used_is_left_out(state: str) -> None:
    found = tracecontext.read({"TRACEPARENT": PARENT, "TRACESTATE": state})
    assert found is not None
    assert found.environment() == {"TRACEPARENT": PARENT}


@given(st.text(max_size=80) | st.from_regex(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?"), st.text())
def test_whatever_comes_is_a_context_a_program_can_be_given_or_none(parent: str, state: str) -> None:
    found = tracecontext.read({"TRACEPARENT": parent, "TRACESTATE": state})
    if found is not None:
        assert found.environment()["TRACEPARENT"] == parent
        assert 0 < found.trace_id < 1 << 128
        assert 0 < found.span_id < 1 << 64
        assert all(value.isprintable() for value in found.environment().values())
