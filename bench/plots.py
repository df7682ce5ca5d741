"""The plots of a run, as SVG."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pygal

from bench.candidates import NAMES
from bench.floor import NAME as KERNEL
from bench.phases import VERBS, Row

if TYPE_CHECKING:
    from bench.run import Results

_LOOK: dict[str, Any] = {"width": 760, "height": 420, "js": [], "no_prefix": True, "legend_at_bottom": True,
                         "disable_xml_declaration": True, "show_x_guides": True}  # fmt: skip


def draw(folder: Path, results: Results) -> list[tuple[str, Path]]:
    """Title and file of each plot."""
    found = []
    for verb in VERBS:
        chart = _lines(f"{verb}, p50, ms, by the number of networks K", logarithmic=True)
        for name in (KERNEL, *NAMES):
            chart.add(name, [(k, _median(rows, name, verb)) for k, rows in results.latency.items()])
        found.append(_save(chart, folder / f"{verb.lower()}-by-networks.svg"))
    chart = _lines("CPU of an ADD, mean, ms, by the number of networks K")
    for name in (KERNEL, *NAMES):
        chart.add(name, [(k, _mean_cpu(rows, name)) for k, rows in results.latency.items()])
    found.append(_save(chart, folder / "cpu-by-networks.svg"))
    for what, index in (("pods", 0), ("definitions", 1)):
        chart = _lines(f"ADD, K=2, p50, ms, by the number of other {what}")
        first = results.growth[0]
        along = [
            cell
            for cell in results.growth[:-1]
            if (cell.pods, cell.definitions)[1 - index] == (first.pods, first.definitions)[1 - index]
        ]
        for name in [name for name in NAMES if any(row.candidate == name for row in first.rows)]:
            chart.add(name, [((cell.pods, cell.definitions)[index], _median(cell.rows, name, "ADD")) for cell in along])
        found.append(_save(chart, folder / f"add-by-{what}.svg"))
    bars = pygal.HorizontalBar(title="50 pods, 16 at a time, K=8: peak memory, MiB", **_LOOK)
    for name in NAMES:
        bars.add(name, [max((each.peak for each in results.bursts if each.candidate == name), default=None)])
    found.append(_save(bars, folder / "burst-memory.svg"))
    return found


def _lines(title: str, **more: Any) -> Any:
    return pygal.XY(title=title, **_LOOK, **more)


def _save(chart: Any, path: Path) -> tuple[str, Path]:
    path.write_text(chart.render() + "\n")
    return chart.config.title, path


def _median(rows: list[Row], name: str, verb: str) -> float | None:
    values = [value for row in rows if (row.candidate, row.verb) == (name, verb) for value in row.ms]
    return round(statistics.median(values), 2) if values else None


def _mean_cpu(rows: list[Row], name: str) -> float | None:
    values = [value for row in rows if (row.candidate, row.verb) == (name, "ADD") for value in row.cpu]
    return round(statistics.fmean(values), 2) if values else None
