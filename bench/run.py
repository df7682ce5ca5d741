"""What ADD and DEL take, and how that grows: Plurimus, Multus and the bare kernel, in turn in one run.

usage: python -m bench.run [--pods N] [--quick] [--write FILE]

Writes FILE, a page of Markdown, with its plots beside it.  Exit status 1 if an operation failed or did not do what it
says.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import candidates, growth, namespaces, networks, page, phases
from bench.candidates import Candidate
from bench.floor import Floor
from bench.phases import Burst, Memory, Row, say

PLUGINS = candidates.ROOT / "build/plugins"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured; pods are those of one candidate at one point."""

    pods: int
    networks: Sequence[int] = (0, 1, 2, 4, 8, 16, 32)
    most_of_many: int = 10
    """Pods at most where a pod has more than 8 networks."""
    slow_pods: int = 8
    burst_pods: int = 50
    bursts: int = 2
    remembered: int = 200
    """Pods a daemon has added when its memory is read."""
    others: growth.Others = field(default_factory=growth.Others)


QUICK = Sizes(pods=4, networks=(0, 1, 8), slow_pods=3, burst_pods=16, bursts=1, remembered=20,
              others=growth.Others(pods=(10, 100), definitions=(10, 1000)))  # fmt: skip


@dataclass
class Results:
    """What a run found; latency by K, growth by number of others."""

    latency: dict[int, list[Row]] = field(default_factory=dict)
    slow: list[Row] = field(default_factory=list)
    bursts: list[Burst] = field(default_factory=list)
    memory: list[Memory] = field(default_factory=list)
    growth: list[growth.Cell] = field(default_factory=list)

    def wrong(self) -> list[str]:
        """Everything that was not as it should be."""
        rows = [*self.slow, *(row for rows in self.latency.values() for row in rows)]
        rows += [row for cell in self.growth for row in cell.rows]
        found = [(row.candidate, row.wrong) for row in rows] + [(burst.candidate, burst.wrong) for burst in self.bursts]
        return [f"{candidate}: {wrong}" for candidate, wrong in found if wrong]


def main() -> None:
    namespaces.enter()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pods", type=int, default=20, help="pods of one candidate at one point")
    parser.add_argument("--quick", action="store_true", help="few of everything, to see that all of it works")
    parser.add_argument("--write", type=Path, required=True, help="the page to write")
    arguments = parser.parse_args()
    missing = [
        str(path) for path in (PLUGINS, candidates.PEERS, candidates.SHIM, candidates.DAEMON) if not path.exists()
    ]
    if missing:
        sys.exit(f"bench: {' and '.join(missing)}: not there; run `make bench`")
    sizes = QUICK if arguments.quick else Sizes(pods=arguments.pods)
    results = measure(sizes)
    write(arguments.write, sizes, results)
    if wrong := results.wrong():
        sys.exit("bench: not everything was as it should be:\n" + "\n".join(wrong))


def write(path: Path, sizes: Sizes, results: Results) -> None:
    """The page, and its plots in a folder of its name."""
    from bench import plots  # what draws is there for this program only

    folder = path.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(page.text(sizes, results, plots.draw(folder, results)))


def measure(sizes: Sizes) -> Results:
    """All phases, with all candidates."""
    networks.make(PLUGINS)
    all_of_them = [candidates.make(name, number) for number, name in enumerate(candidates.NAMES)]
    try:
        for each in all_of_them:
            networks.define(each.api.store, each.folder, max(sizes.networks))
            each.start()
        return _phases(all_of_them, sizes)
    finally:
        for each in all_of_them:
            each.close()


def _phases(all_of_them: Sequence[Candidate], sizes: Sizes) -> Results:
    results, floor = Results(), Floor()
    for k in sizes.networks:
        say("latency", f"K={k}")
        pods = sizes.pods if k <= 8 else min(sizes.pods, sizes.most_of_many)
        results.latency[k] = phases.rounds([floor, *all_of_them], "fast", k, pods)
    say("slow plugins")
    results.slow = phases.rounds(all_of_them, "slow", 8, sizes.slow_pods)
    for number in range(sizes.bursts):
        say("burst", number + 1)
        results.bursts += phases.burst(all_of_them[:: -1 if number % 2 else 1], 8, sizes.burst_pods, 16)
    say("memory")
    results.memory = phases.memory(all_of_them, 2, sizes.remembered)
    say("growth")
    results.growth = growth.measure(all_of_them, sizes.pods, sizes.others)
    return results


if __name__ == "__main__":
    main()
