"""How much a process grows: figures of it, their slope over many ADDs, and how much of that is too much.

The slope is the one that half of all pairs of samples are below, so that outliers do not move it (Theil, Sen).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import Any

WARM_UP = 0.2
"""The part of all samples, from the first on, in which caches fill."""
_ESTABLISHED = "01"


@dataclass(frozen=True, slots=True)
class Growth:
    """`slope` is for 1,000 ADDs; `total` what that is from the end of the warm-up to the last sample."""

    slope: float
    total: float
    first: float
    last: float


@dataclass(frozen=True, slots=True)
class Limit:
    """The greatest slope for 1,000 ADDs, and what may come to it once, however long the run is."""

    slope: float
    once: float = 0.0

    def total(self, adds: int) -> float:
        return self.once + self.slope * adds / 1000


LIMITS = {
    "RSS in KiB": Limit(256.0, once=2560.0),
    "threads": Limit(2.5, once=2.0),
    "descriptors": Limit(5.0, once=5.0),
    "connections": Limit(5.0, once=3.0),
}
"""A thread leaked by every 100th ADD is more than there may be, and a descriptor by every 50th.

A slow moment may need another thread.  Each that enters namespaces keeps a socket once it has needed one: some do late.

RSS may grow by 2.5 MiB once, since not all that is freed goes back to the kernel at once: a run of 600 ADDs sees a leak
of 8 KiB for each ADD, one of 10,000 a leak of 1 KiB.  Connections to the API server are as many as were needed at a
time since it was away.
"""


def growth(samples: Sequence[tuple[int, float]]) -> Growth:
    """The growth in samples of (ADDs until then, figure)."""
    kept = _kept(samples)
    slope = median((b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(kept, 2))
    return Growth(1000 * slope, slope * (kept[-1][0] - kept[0][0]), kept[0][1], kept[-1][1])


def too_much(samples: Mapping[str, Sequence[tuple[int, float]]], *, say: Any = print) -> list[str]:
    """The figures that grow by more than they may; `say` is told of each."""
    found = []
    for what, each in samples.items():
        grown, limit = growth(each), LIMITS[what]
        most = limit.total(_kept(each)[-1][0] - _kept(each)[0][0])
        if grown.total >= most:
            found.append(what)
        once = f", and {limit.once:.0f} once" if limit.once else ""
        say(f"{what}: {grown.first:.0f} to {grown.last:.0f}, slope {grown.slope:+.2f} for 1000 ADDs "
            f"(at most {limit.slope:+.2f}{once}), {grown.total:+.1f} in all (at most {most:+.1f})")  # fmt: skip
    return found


def of_process(pid: int) -> dict[str, float]:
    """What a process has now: KiB of memory, threads, file descriptors, and apart from those, TCP connections.

    A connection that its peer has closed is a descriptor like others: nobody needs it any more.
    """
    folder = Path(f"/proc/{pid}")
    status: dict[str, Any] = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
    handles = [_target(handle) for handle in (folder / "fd").iterdir()]
    connected = _connections(folder)
    return {
        "RSS in KiB": float(status["VmRSS"].split()[0]),
        "threads": float(status["Threads"]),
        "descriptors": float(sum(target not in connected for target in handles)),
        "connections": float(sum(target in connected for target in handles)),
    }


def _kept(samples: Sequence[tuple[int, float]]) -> Sequence[tuple[int, float]]:
    return samples[int(len(samples) * WARM_UP) :]


def _target(handle: Path) -> str:
    try:
        return str(handle.readlink())
    except FileNotFoundError:  # closed meanwhile
        return ""


def _connections(folder: Path) -> set[str]:
    """How /proc calls the sockets of TCP connections in the network namespace of a process.  proc_net_tcp(5)."""
    lines = [line.split() for name in ("tcp", "tcp6") for line in (folder / "net" / name).read_text().splitlines()[1:]]
    return {f"socket:[{line[9]}]" for line in lines if line[3] == _ESTABLISHED}
