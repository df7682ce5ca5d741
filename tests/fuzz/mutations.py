"""What nobody would send, made of what somebody would: valid documents with a part changed, and bytes with a few."""

from __future__ import annotations

import copy
import json
import os
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SECONDS = float(os.environ.get("PLURIMUS_FUZZ_SECONDS", "20"))
"""How long each of the four files of tests here works, beside set-up."""
_EXAMPLES = 100
_SLOWEST = timedelta(seconds=30)
"""For one input: what takes longer has no bound, whatever the machine."""

STRANGE: tuple[Any, ...] = (
    None, True, 0, -1, 1e308, 2**63, 10**300, "", "\0", "/", "..", "../../etc/passwd", "%s%n", "ü\U0001f389", "\ud800",
    "a" * 300, "0.0.0.0/0", "::/0", "10.0.0.1/33", "fe80::1%eth0", "1" * 5000, [], {}, [[]], [{}], {"": {}}, [None],
    json.loads("[" * 60 + "]" * 60), {"a": {"b": {"c": {}}}},
)  # fmt: skip
_TOKENS = (b"", b"\0", b"\xff", b"{", b"}", b"[" * 300, b'"', b"\\ud800", b"null", b",", b"\r\n", b"9" * 500, b"-",
           b"1e999", b"&a [*a,*a]", b"!!python/object:os.system", b"\xef\xbb\xbf", b": ", b"\n---\n",
           b"<<: *a\n")  # fmt: skip


@st.composite
def documents(draw: st.DrawFn, corpus: Sequence[Any]) -> Any:
    """A document of `corpus` with up to four of its parts replaced, removed, doubled or renamed."""
    document = copy.deepcopy(draw(st.sampled_from(corpus)))
    for _ in range(draw(st.integers(0, 4))):
        holder: Any = {"whole": document}
        key: Any = "whole"
        for _ in range(draw(st.integers(0, 6))):
            inside = holder[key]
            if not isinstance(inside, dict | list) or not inside:
                break
            holder, key = (
                inside,
                draw(st.sampled_from(sorted(inside) if isinstance(inside, dict) else range(len(inside)))),
            )
        _change(draw, holder, key)
        if "whole" in holder and len(holder) == 1:
            document = holder["whole"]
    return document


def _change(draw: st.DrawFn, holder: Any, key: Any) -> None:
    how = draw(st.integers(0, 4))
    if how == 0 and key != "whole":
        del holder[key]
    elif how == 1 and isinstance(holder, dict) and key != "whole":
        holder[key.swapcase()] = holder[key]
    elif how == 2 and isinstance(holder, list):
        holder.append(copy.deepcopy(holder[key]))
    elif how == 3:
        holder[key] = draw(
            st.one_of(st.text(max_size=40), st.integers(), st.floats(allow_nan=False, allow_infinity=False))
        )
    else:
        holder[key] = copy.deepcopy(draw(st.sampled_from(STRANGE)))


@st.composite
def blobs(draw: st.DrawFn, corpus: Sequence[bytes]) -> bytes:
    """Bytes of `corpus` with up to six places cut, doubled or filled with something else."""
    data = bytearray(draw(st.sampled_from(corpus)))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(data)))
        to = draw(st.integers(at, min(len(data), at + 40)))
        match draw(st.integers(0, 3)):
            case 0:
                del data[at:to]
            case 1:
                data[at:at] = data[at:to]
            case 2:
                data[at:to] = draw(st.sampled_from(_TOKENS))
            case _:
                data[at:to] = draw(st.binary(max_size=8))
    return bytes(data)


def texts(corpus: Sequence[Any]) -> st.SearchStrategy[bytes]:
    """Documents as JSON, and that with its bytes changed."""
    plain = [json.dumps(each).encode() for each in corpus]
    return st.one_of(documents(corpus).map(lambda document: json.dumps(document).encode()), blobs(plain))


def hammer(
    seconds: float, inputs: st.SearchStrategy[Any], check: Callable[[Any], None], *, examples: int = _EXAMPLES
) -> int:
    """Give `check` inputs for so long, at least `examples` of them, no two rounds the same; how many there were.

    What it raises is raised, for the smallest input that does it.
    """
    count = 0

    @settings(max_examples=examples, database=None, deadline=_SLOWEST, suppress_health_check=list(HealthCheck))
    @given(inputs)
    def one_round(value: Any) -> None:
        nonlocal count
        count += 1
        check(value)

    end = time.monotonic() + seconds
    one_round()
    while time.monotonic() < end:
        one_round()
    return count
