"""How much a figure grows: the slope that half of all pairs of samples are below, so outliers do not move it.

Theil and Sen's estimator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import Any

WARM_UP = 0.3
"""The part of all samples, from the first on, in which caches fill."""


@dataclass(frozen=True, slots=True)
class Growth:
    """`slope` is by ADD; `total` what that is from the end of the warm-up to the last sample."""

    slope: float
    total: float
    first: float
    last: float


def growth(samples: Sequence[tuple[int, float]]) -> Growth:
    """The growth in samples of (ADDs until then, figure)."""
    kept = samples[int(len(samples) * WARM_UP) :]
    slope = median((b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(kept, 2))
    return Growth(slope, slope * (kept[-1][0] - kept[0][0]), kept[0][1], kept[-1][1])


def of_process(pid: int) -> dict[str, float]:
    """What a process has now: KiB of memory, threads, file descriptors."""
    folder = Path(f"/proc/{pid}")
    status: dict[str, Any] = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
    return {
        "RSS in KiB": float(status["VmRSS"].split()[0]),
        "threads": float(status["Threads"]),
        "descriptors": float(len(list((folder / "fd").iterdir()))),
    }
