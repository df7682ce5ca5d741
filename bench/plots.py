"""The plots of a run, as SVG."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure

from bench.candidates import NAMES
from bench.floor import NAME as KERNEL
from bench.phases import VERBS, Row

if TYPE_CHECKING:
    from bench.run import Results

mpl.rcParams |= {"svg.hashsalt": "plurimus", "svg.fonttype": "none", "axes.grid": True, "grid.alpha": 0.3}

Line = tuple[list[int], list[float]]


def draw(folder: Path, results: Results) -> list[tuple[str, Path]]:
    """Title and file of each plot."""
    found = []
    for verb in VERBS:
        lines = {name: _along(results.latency, name, verb, cpu=False) for name in (KERNEL, *NAMES)}
        title = f"{verb}, p50, ms, by the number of networks K"
        found.append(_save(title, lines, folder / f"{verb.lower()}-by-networks.svg", logarithmic=True))
    lines = {name: _along(results.latency, name, "ADD", cpu=True) for name in (KERNEL, *NAMES)}
    title = "CPU of an ADD, mean, ms, by the number of networks K"
    found.append(_save(title, lines, folder / "cpu-by-networks.svg", logarithmic=True))
    first = results.growth[0]
    with_pods = {cell.pods: cell.rows for cell in results.growth[:-1] if cell.definitions == first.definitions}
    with_definitions = {cell.definitions: cell.rows for cell in results.growth[:-1] if cell.pods == first.pods}
    names = [name for name in NAMES if any(row.candidate == name for row in first.rows)]
    for what, cells in (("pods", with_pods), ("definitions", with_definitions)):
        lines = {name: _along(cells, name, "ADD", cpu=False) for name in names}
        found.append(_save(f"ADD, K=2, p50, ms, by the number of other {what}", lines, folder / f"add-by-{what}.svg"))
    found.append(_bars(results, folder / "burst-memory.svg"))
    return found


def _along(points: dict[int, list[Row]], name: str, verb: str, *, cpu: bool) -> Line:
    """The middle of one candidate's times, or the mean of its processor times, at each point that has any."""
    xs, ys = [], []
    for x, rows in points.items():
        row = next(row for row in rows if (row.candidate, row.verb) == (name, verb))
        if row.ms:
            xs.append(x)
            ys.append(statistics.fmean(row.cpu) if cpu else statistics.median(row.ms))
    return xs, ys


def _save(title: str, lines: dict[str, Line], path: Path, *, logarithmic: bool = False) -> tuple[str, Path]:
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes: Any = figure.subplots()
    for name, (xs, ys) in lines.items():
        axes.plot(xs, ys, marker="o", label=name, linestyle="--" if name == KERNEL else "-")
    axes.set(title=title, yscale="log" if logarithmic else "linear")
    if not logarithmic:
        axes.set_ylim(bottom=0)
    axes.legend()
    figure.savefig(path, metadata={"Date": None})
    return title, path


def _bars(results: Results, path: Path) -> tuple[str, Path]:
    title = "Many pods at once, K=8: peak memory, MiB"
    figure = Figure(figsize=(8, 3), layout="constrained")
    axes: Any = figure.subplots()
    peaks = {each.candidate: each.peak for each in sorted(results.bursts, key=lambda each: each.peak)}
    axes.bar_label(axes.barh(list(peaks), list(peaks.values())), fmt="%.0f")
    axes.set(title=title)
    figure.savefig(path, metadata={"Date": None})
    return title, path
