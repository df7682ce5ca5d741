"""What Plurimus is to be beside Multus with its daemon, and what a run found."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from bench.candidates import OURS, OURS_EXECUTABLES, THICK
from bench.floor import NAME as KERNEL
from bench.phases import Row

if TYPE_CHECKING:
    from bench.run import Results

Figure = Callable[["Results", str], float | None]


def lines(results: Results) -> list[str]:
    """A table: each figure over that of Multus' daemon, and what it may be at most."""
    found = [
        "## Beside Multus' daemon",
        "",
        "| | Plurimus | ratio | at most | with executables | ratio | at most | Multus |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for what, figure, limit, limit_of_executables in _ROWS:
        theirs = figure(results, THICK)
        cells = [what]
        for name, most in ((OURS, limit), (OURS_EXECUTABLES, limit_of_executables)):
            ours = figure(results, name)
            cells += [
                "–" if ours is None else f"{ours:.1f}",
                _ratio(ours, theirs),
                "–" if most is None else f"{most:.2f}",
            ]
        found.append(f"| {' | '.join([*cells, '–' if theirs is None else f'{theirs:.1f}'])} |")
    return [*found, "", *_alone(results)]


def _alone(results: Results) -> list[str]:
    """What is compared with itself, or with the kernel."""
    found = ["| | Plurimus | with executables | at most |", "|---|---|---|---|"]
    floor = _median(results.latency.get(8, []), KERNEL, "ADD")
    over = [_ratio(_median(results.latency.get(8, []), name, "ADD"), floor) for name in (OURS, OURS_EXECUTABLES)]
    found.append(f"| ADD, K=8, over the bare kernel | {over[0]} | {over[1]} | 4 |")
    for what, index in (("pods", 0), ("definitions", 1)):
        cells = [_growth(results, name, index) for name in (OURS, OURS_EXECUTABLES)]
        found.append(f"| ADD with the most other {what} over that with the fewest | {cells[0]} | {cells[1]} | 1.15 |")
    return found


def _growth(results: Results, name: str, index: int) -> str:
    if not results.growth:
        return "–"
    first, last = results.growth[0], results.growth[-1]
    base = [*_samples(first.rows, name, "ADD"), *_samples(last.rows, name, "ADD")]
    most = max(results.growth, key=lambda cell: (cell.pods, cell.definitions)[index])
    at_most = _samples(most.rows, name, "ADD")
    return _ratio(statistics.median(at_most), statistics.median(base)) if base and at_most else "–"


def _add(k: int) -> Figure:
    return lambda results, name: _median(results.latency.get(k, []), name, "ADD")


def _cpu(results: Results, name: str) -> float | None:
    values = [
        value for row in results.latency.get(8, []) if (row.candidate, row.verb) == (name, "ADD") for value in row.cpu
    ]
    return statistics.fmean(values) if values else None


def _burst(results: Results, name: str) -> float | None:
    values = [each.add for each in results.bursts if each.candidate == name]
    return statistics.median(values) if values else None


def _peak(results: Results, name: str) -> float | None:
    return max((each.peak for each in results.bursts if each.candidate == name), default=None)


def _resident(results: Results, name: str) -> float | None:
    return next((each.after for each in results.memory if each.candidate == name), None)


_ROWS: Sequence[tuple[str, Figure, float | None, float | None]] = (
    ("ADD, K=8, ms", _add(8), 0.10, 0.60),
    ("DEL, K=8, ms", lambda results, name: _median(results.latency.get(8, []), name, "DEL"), 0.12, 0.45),
    ("ADD, K=1, ms", _add(1), 0.18, 0.65),
    ("CPU of an ADD, K=8, ms", _cpu, 0.10, 0.85),
    ("ADD, K=8, plugins of 100 ms, ms", lambda results, name: _median(results.slow, name, "ADD"), None, 0.20),
    ("DEL, K=8, plugins of 100 ms, ms", lambda results, name: _median(results.slow, name, "DEL"), None, 0.20),
    ("burst of ADDs, s", _burst, 0.15, 0.75),
    ("peak memory of that burst, MiB", _peak, 0.50, 0.80),
    ("daemon's resident memory with pods, MiB", _resident, 1.00, 1.00),
)


def _samples(rows: Sequence[Row], name: str, verb: str) -> list[float]:
    return [value for row in rows if (row.candidate, row.verb) == (name, verb) for value in row.ms]


def _median(rows: Sequence[Row], name: str, verb: str) -> float | None:
    values = _samples(rows, name, verb)
    return statistics.median(values) if values else None


def _ratio(ours: float | None, theirs: float | None) -> str:
    return "–" if ours is None or not theirs else f"{ours / theirs:.3f}"
