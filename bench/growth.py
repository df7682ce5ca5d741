"""ADD and DEL with ever more other pods on the node, and with ever more definitions in the cluster.

The others are in the API server only.  The smallest point is measured first and once more at the end: so far as these
two differ, a figure says nothing.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench import networks, phases
from bench.candidates import Candidate
from bench.phases import Row, say

K = 2
_SEEN = 3.0


@dataclass(frozen=True, slots=True)
class Others:
    """How many other pods and how many definitions there are, the pod's own among them, from few to many."""

    pods: Sequence[int] = (10, 100, 500)
    definitions: Sequence[int] = (10, 1000, 5000)


@dataclass
class Cell:
    """What the candidates did beside so many other pods and definitions."""

    pods: int
    definitions: int
    rows: list[Row]


def measure(candidates: Sequence[Candidate], pods: int, others: Others) -> list[Cell]:
    """The first cell and the last are the same point."""
    few, fewest = others.pods[0], others.definitions[0]
    points = [*((number, fewest) for number in others.pods), *((few, number) for number in others.definitions[1:])]
    cells = []
    for running, defined in (*points, points[0]):
        say("growth", f"{running} pods, {defined} definitions")
        for each in candidates:
            networks.run_others(each.api.store, running, K)
            networks.define_others(each.api.store, defined, K)
        time.sleep(_SEEN)
        cells.append(Cell(running, defined, phases.rounds(candidates, "fast", K, pods)))
    for each in candidates:
        networks.run_others(each.api.store, 0, K)
        networks.define_others(each.api.store, K, K)
    return cells
