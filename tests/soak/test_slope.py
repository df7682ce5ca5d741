"""What the soak measures growth by."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .slope import growth, of_process


@given(slope=st.floats(-5, 5), start=st.floats(0, 1e6), outliers=st.sets(st.integers(0, 39), max_size=5))
def test_a_line_has_its_slope_whatever_some_samples_say(slope: float, start: float, outliers: set[int]) -> None:
    samples = [(10 * number, start + slope * 10 * number + 1e7 * (number in outliers)) for number in range(40)]
    found = growth(samples)
    assert found.slope == pytest.approx(slope, abs=0.5)


def test_the_warm_up_is_left_out() -> None:
    assert growth([(n, 1000.0 * min(n, 5)) for n in range(1, 30)]).total == 0


def test_a_leak_shows() -> None:
    assert growth([(n, 40000 + 0.5 * n) for n in range(0, 10_000, 250)]).total > 3000


def test_a_process_has_memory_threads_and_descriptors() -> None:
    before = of_process(os.getpid())
    handle = os.open("/dev/null", os.O_RDONLY)
    try:
        now = of_process(os.getpid())
    finally:
        os.close(handle)
    assert before["RSS in KiB"] > 1000
    assert now["descriptors"] == before["descriptors"] + 1
