"""The page that `make bench` writes, from results that are known."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from bench import page
from bench.candidates import NAMES, OURS, THICK
from bench.floor import NAME as KERNEL
from bench.growth import Cell
from bench.phases import VERBS, Burst, Memory, Row
from bench.run import QUICK, Results


def rows(factor: float = 1.0, names: tuple[str, ...] = (KERNEL, *NAMES)) -> list[Row]:
    """Multus takes 100 ms, everybody else 10; twice as long at twice the `factor`."""
    return [
        Row(name, verb, [factor * (100.0 if name == THICK else 10.0)] * 4, [5.0] * 4, Counter({"PATCH pods": 8}))
        for name in names
        for verb in VERBS
    ]


@pytest.fixture
def results() -> Results:
    return Results(
        latency={k: rows() for k in (0, 1, 8)},
        slow=rows(),
        bursts=[Burst(name, 1.0, 2.0, 50.0 if name == OURS else 100.0, "") for name in NAMES],
        memory=[Memory(name, 30.0, 40.0, 20) for name in NAMES[:3]],
        growth=[
            Cell(pods, definitions, rows(factor, NAMES[:3]))
            for pods, definitions, factor in ((10, 100, 1.0), (100, 100, 1.5), (10, 1000, 1.1), (10, 100, 1.0))
        ],
    )


def test_the_page_has_our_figures_over_those_of_multus(results: Results) -> None:
    text = page.text(QUICK, results, [])
    assert "| ADD, K=8, ms | 10.0 | 0.100 | 0.10 | 10.0 | 0.100 | 0.60 | 100.0 |" in text
    assert "| peak memory of that burst, MiB | 50.0 | 0.500 | 0.50 | 100.0 | 1.000 | 0.80 | 100.0 |" in text
    assert "| ADD, K=8, over the bare kernel | 1.000 | 1.000 | 4 |" in text
    assert "| ADD with the most other pods over that with the fewest | 1.500 | 1.500 | 1.15 |" in text
    assert "| ADD with the most other definitions over that with the fewest | 1.100 | 1.100 | 1.15 |" in text


def test_the_page_shows_plots_that_are_beside_it(tmp_path: Path, results: Results) -> None:
    drawn = [("ADD by the number of networks", tmp_path / "performance/add-by-networks.svg")]
    assert "![ADD by the number of networks](performance/add-by-networks.svg)" in page.text(QUICK, results, drawn)


def test_what_was_not_as_it_should_be_is_said(results: Results) -> None:
    results.latency[8][2].wrong = "pod-7: has ['eth0'] instead of ['eth0', 'net1']"
    assert "10.0 (10.0) **not as it should be**" in page.text(QUICK, results, [])
    assert results.wrong() == [f"{OURS}: pod-7: has ['eth0'] instead of ['eth0', 'net1']"]


def test_a_candidate_without_a_figure_is_shown_as_failed(results: Results) -> None:
    for row in results.latency[8]:
        if row.candidate == THICK:
            row.ms.clear()
            row.cpu.clear()
    text = page.text(QUICK, results, [])
    assert "| ADD, K=8, ms | 10.0 | – | 0.10 | 10.0 | – | 0.60 | – |" in text
    assert "| failed |" in text
