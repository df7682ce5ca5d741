"""What the soak measures growth by."""

from __future__ import annotations

import os
import random
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .slope import growth, of_process, too_much

RUNS = pytest.mark.parametrize("adds", [600, 2_000, 10_000])
_SAMPLES = 32


def series(adds: int, figure: Callable[[int], float]) -> list[tuple[int, float]]:
    """What a run of so many ADDs notes of a figure."""
    return [(done, figure(done)) for done in range(adds // _SAMPLES, adds + 1, adds // _SAMPLES)]


def says(_: str) -> None:
    """Into no output of tests."""


@given(slope=st.floats(-5, 5), start=st.floats(0, 1e6), outliers=st.sets(st.integers(0, 39), max_size=5))
def test_a_line_has_its_slope_whatever_some_samples_say(slope: float, start: float, outliers: set[int]) -> None:
    samples = [(10 * number, start + slope * 10 * number + 1e7 * (number in outliers)) for number in range(40)]
    found = growth(samples)
    assert found.slope == pytest.approx(1000 * slope, abs=500)


def test_the_warm_up_is_left_out() -> None:
    assert growth([(n, 1000.0 * min(n, 5)) for n in range(1, 30)]).total == 0


@RUNS
@pytest.mark.parametrize(("what", "every"), [("descriptors", 50), ("threads", 100)])
def test_one_leaked_now_and_then_is_too_much(adds: int, what: str, every: int) -> None:
    """Among what comes and goes, whatever that is."""
    for seed in range(20):
        dice = random.Random(seed)
        leaking = series(adds, lambda done: 20 + done // every + dice.choice((0, 0, 0, 1)))  # noqa: B023
        assert too_much({what: leaking}, say=says) == [what], seed


@pytest.mark.parametrize(("adds", "each"), [(600, 8.0), (2_000, 2.5), (10_000, 1.0)])
def test_memory_that_every_add_leaks_is_too_much(adds: int, each: float) -> None:
    """`each` in KiB."""
    for seed in range(20):
        dice = random.Random(seed)
        leaking = series(adds, lambda done: 45_000 + each * done + dice.uniform(0, 300))  # noqa: B023
        assert too_much({"RSS in KiB": leaking}, say=says) == ["RSS in KiB"], seed


@RUNS
def test_what_comes_and_goes_is_no_growth(adds: int) -> None:
    """Neither is what a late sample has of more."""
    for seed in range(50):
        dice = random.Random(seed)
        steady = {
            "RSS in KiB": series(adds, lambda done: 45_000 + dice.uniform(0, 1000)),  # noqa: B023
            "threads": series(adds, lambda done: 20 + (done > 0.9 * adds)),
            "descriptors": series(adds, lambda _: 60 + dice.choice((0, 0, 0, 1))),  # noqa: B023
            "connections": series(adds, lambda _: dice.randint(3, 7)),  # noqa: B023
        }
        assert too_much(steady, say=says) == [], seed


@RUNS
def test_connections_that_nobody_uses_again_are_too_much(adds: int) -> None:
    leaking = series(adds, lambda done: 5 + done / 50)
    assert too_much({"connections": leaking}, say=says) == ["connections"]


def test_the_slope_for_1000_adds_and_its_limit_are_said() -> None:
    said: list[str] = []
    too_much({"connections": series(3_200, lambda done: 20 + done / 500)}, say=said.append)
    assert "slope +2.00 for 1000 ADDs (at most +5.00, and 3 once)" in said[0]


@pytest.fixture
def leaks() -> Iterator[Callable[[int], None]]:
    """Called after an ADD, it leaks a descriptor by every 50th and a thread by every 100th, until the test's end."""
    over = threading.Event()
    with ExitStack() as until_over:
        until_over.callback(over.set)

        def leak(done: int) -> None:
            if done % 50 == 0:
                until_over.callback(os.close, os.open("/dev/null", os.O_RDONLY))
            if done % 100 == 0:
                thread = threading.Thread(target=over.wait)
                thread.start()
                until_over.callback(thread.join)
                until_over.callback(over.set)

        yield leak


def test_leaks_of_a_process_itself_are_found(leaks: Callable[[int], None]) -> None:
    samples = dict[str, list[tuple[int, float]]]()
    for done in range(1, 1001):
        leaks(done)
        if done % 25 == 0:
            for what, figure in of_process(os.getpid()).items():
                samples.setdefault(what, []).append((done, figure))
    assert {"threads", "descriptors"} <= set(too_much(samples, say=says)) <= {"threads", "descriptors", "RSS in KiB"}


def test_connections_and_other_descriptors_are_told_apart() -> None:
    before = of_process(os.getpid())
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        with server.accept()[0]:
            now = of_process(os.getpid())
        left = of_process(os.getpid())
    assert before["RSS in KiB"] > 1000
    assert (now["connections"], left["connections"]) == (before["connections"] + 2, before["connections"])
    assert (now["descriptors"], left["descriptors"]) == (before["descriptors"] + 1, before["descriptors"] + 2)
