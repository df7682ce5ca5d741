"""The page of a run: what is wanted and what was found, then all figures, with plots."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bench import wanted
from bench.candidates import NAMES, ROOT
from bench.floor import NAME as KERNEL
from bench.phases import VERBS, Row
from plurimus.version import VERSION

if TYPE_CHECKING:
    from bench.run import Results, Sizes

_ALL = (KERNEL, *NAMES)


def text(sizes: Sizes, results: Results, drawn: Sequence[tuple[str, Path]]) -> str:
    """The page as Markdown; `drawn` are title and file of its plots, which are in one folder beside it."""
    return "\n".join([*_head(sizes), "", *wanted.lines(results), *_figures(sizes, results, drawn), ""])


def _head(sizes: Sizes) -> list[str]:
    git = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    load = ", ".join(f"{number:.1f}" for number in os.getloadavg())
    return f"""\
# Performance

Made by `make bench`; do not edit.  Plurimus with drivers in its daemon, the same with every plugin run as its
executable, the real Multus v4.3.0 with its daemon (multus-thick), and the bare netlink requests for the same objects
(kernel), in turn in one run, each with an API server of its own.  Times are those of a runtime, from the start of the
CNI plugin to its end.  A pod has a bridge as its default network and K macvlan networks, all with
host-local addresses; {sizes.pods} pods a point, at most {sizes.most_of_many} where K is above 8.  CPU is that of the
plugin, the daemon and all they start.  The reference plugins are v1.9, built from their Go module.

{datetime.now(UTC):%Y-%m-%d}, commit {commit}, Plurimus {VERSION}, Linux {platform.release()}, {os.cpu_count()}
processors, Python {platform.python_version()}; load at the end {load}.
""".splitlines()


def _figures(sizes: Sizes, results: Results, drawn: Sequence[tuple[str, Path]]) -> Iterable[str]:
    yield from ("", "## ADD and DEL", "", "p50 and, in brackets, p95, ms.", "")
    yield from _table(["K", "verb", *_ALL], _latency(results))
    yield from ("", "## Processor and API server", "", "Mean of the processor time of an ADD, ms.", "")
    yield from _table(["K", *_ALL], ([k, *(_cpu(rows, name) for name in _ALL)] for k, rows in results.latency.items()))
    yield from ("", "API requests of an ADD.", "")
    yield from _table(["K", *NAMES], _requests(results))
    yield from ("", f"## Plugins that take 100 ms, K=8 ({sizes.slow_pods} pods)", "")
    slow = ([verb, *(_times(one(results.slow, name, verb)) for name in NAMES)] for verb in VERBS)
    yield from _table(["verb", *NAMES], slow)
    yield from ("", f"## {sizes.burst_pods} pods, 16 at a time, K=8", "")
    yield from ("Peak is anonymous memory of the daemon, its children and what the runtime calls.", "")
    bursts = ([each.candidate, f"{each.add:.2f}", f"{each.delete:.2f}", f"{each.peak:.0f}"] for each in results.bursts)
    yield from _table(["candidate", "all ADDs, s", "all DELs, s", "peak, MiB"], bursts)
    yield from ("", "## Resident memory of the daemon", "")
    memory = ([each.candidate, f"{each.idle:.1f}", each.pods, f"{each.after:.1f}"] for each in results.memory)
    yield from _table(["candidate", "started, MiB", "pods added", "then, MiB"], memory)
    yield from ("", "## Growth, K=2", "", "The last row is the first point again.", "")
    yield from _growth(results)
    for title, path in drawn:
        yield from ("", f"![{title}]({path.parent.name}/{path.name})")


def one(rows: Iterable[Row], name: str, verb: str) -> Row:
    """The row of one candidate."""
    return next(row for row in rows if row.candidate == name and row.verb == verb)


def _growth(results: Results) -> Iterable[str]:
    names = [name for name in NAMES if any(row.candidate == name for cell in results.growth for row in cell.rows)]
    columns = [(name, verb) for name in names for verb in VERBS]
    found = ((cell, [_times(one(cell.rows, *column)) for column in columns]) for cell in results.growth)
    head = ["other pods", "definitions", *(" ".join(column) for column in columns)]
    yield from _table(head, ([cell.pods, cell.definitions, *times] for cell, times in found))


def _latency(results: Results) -> Iterable[list[object]]:
    for k, rows in results.latency.items():
        for verb in VERBS:
            yield [k, verb, *(_times(one(rows, name, verb)) for name in _ALL)]


def _requests(results: Results) -> Iterable[list[object]]:
    for k, rows in results.latency.items():
        found = [one(rows, name, "ADD") for name in NAMES]
        yield [k, *(f"{row.requests.total() / max(len(row.ms), 1):.1f}" for row in found)]


def _times(row: Row) -> str:
    if len(row.ms) < 2:
        return "failed"
    text = f"{statistics.median(row.ms):.1f} ({statistics.quantiles(row.ms, n=20, method='inclusive')[-1]:.1f})"
    return f"{text} **not as it should be**" if row.wrong else text


def _cpu(rows: Iterable[Row], name: str) -> str:
    values = one(rows, name, "ADD").cpu
    return f"{statistics.fmean(values):.1f}" if values else "failed"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    return [_line(head), "|" + "---|" * len(head), *(_line(row) for row in rows)]


def _line(cells: Sequence[object]) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"
