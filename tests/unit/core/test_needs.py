"""What plugins were seen to need: kept, fading, and read from any file."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurimus.core import needs
from plurimus.core.needs import UNSEEN, Needs

MIB = 2**20


def test_a_type_nobody_saw_is_taken_for_a_large_one() -> None:
    assert Needs().of("new") == UNSEEN


def test_a_larger_run_counts_at_once_and_smaller_ones_by_and_by() -> None:
    known = Needs()
    known.seen("cilium-cni", 16 * MIB)
    known.seen("cilium-cni", 48 * MIB)
    assert known.of("cilium-cni") == 54 * MIB
    known.seen("cilium-cni", 16 * MIB)
    assert known.of("cilium-cni") == (48 - 2) * MIB * 9 // 8
    for _ in range(200):
        known.seen("cilium-cni", 16 * MIB)
    assert known.of("cilium-cni") < 20 * MIB


@given(st.dictionaries(st.text(), st.integers(0, 2**50)))
def test_what_is_written_is_read(seen: dict[str, int]) -> None:
    known = Needs()
    for kind, most in seen.items():
        known.seen(kind, most)
    assert needs.decode(known.encode()).known == known.known


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"{}", b'{"version": 2, "bytes": {}}', b'{"version": 1, "bytes": {"a": -1}}',
     b'{"version": 1, "bytes": {"a": "much"}}', json.dumps({"version": 1, "bytes": {"a": 2**60}}).encode(), b"\xff"],
)  # fmt: skip
def test_what_is_no_such_file_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        needs.decode(content)


@given(st.binary())
def test_no_bytes_are_read_as_anything_but_needs(content: bytes) -> None:
    try:
        known = needs.decode(content)
    except ValueError:
        return
    assert all(known.of(kind) > 0 for kind in known.known)
