"""Writes docs/beside-multus-faults.md: the same faults befall the real Multus and Plurimus, and what each leaves.

usage: python -m bench.faults [--write FILE] [--tries N] [--pods N] [--only WORD]...

It needs what `make test-interop` needs, and root; all of it happens in namespaces made for this run.
"""

from __future__ import annotations

import argparse
import datetime
import tempfile
from pathlib import Path

from tests.interop.faults.faults import FAULTS, Fault, name_of
from tests.interop.faults.node import MULTUS, OURS, FaultNode, Left
from tests.interop.faults.storm import GOES_ON, Storm, Weather
from tests.isolation import isolate
from tests.node import storm

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/beside-multus-faults.md"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path, default=PAGE, help="the page to write")
    parser.add_argument("--tries", type=int, default=1, help="how often each fault befalls each node")
    parser.add_argument("--pods", type=int, default=storm.PODS, help="pods of the reboot storm")
    parser.add_argument("--only", action="append", help="faults with this in the name of their function")
    arguments = parser.parse_args()
    storms = {candidate: Storm(arguments.pods) for candidate in (MULTUS, OURS)}
    isolate()
    found = {}
    for candidate, own in storms.items():
        all_faults: list[Fault] = [*FAULTS, own]
        faults = [each for each in all_faults if any(word in each.__name__ for word in arguments.only or [""])]
        found[candidate] = befall(candidate, faults, arguments.tries)
    weather = {candidate: own.weather for candidate, own in storms.items() if own.weather}
    arguments.write.write_text(page(faults, found[MULTUS], found[OURS], weather, arguments.tries))


def befall(candidate: str, faults: list[Fault], tries: int) -> list[Left]:
    """What each fault leaves on a node with the candidate on it: of so many tries the worst in each respect."""
    with tempfile.TemporaryDirectory() as folder, FaultNode(Path(folder), candidate) as node:
        left = []
        for fault in faults:
            values = [node.befall(fault).values() for _ in range(tries)]
            left.append(Left(*map(max, zip(*values, strict=True))))
            print(f"{candidate:6} {values} {fault.__name__}", flush=True)
        return left


def page(
    faults: list[Fault], theirs: list[Left], ours: list[Left], weather: dict[str, list[Weather]], tries: int
) -> str:
    """The page as Markdown."""
    rows = [row(name_of(fault), *each) for fault, *each in zip(faults, theirs, ours, strict=True)]
    sums = [[sum(column) for column in zip(*(left.values() for left in all_left), strict=True)]
            for all_left in (theirs, ours)]  # fmt: skip
    often = "once" if tries == 1 else f"{tries} times, and each cell has the worst of them"
    return f"""\
# Faults beside Multus

Made by `bench/faults.py` (`make faults-table`); do not edit.  The same faults befall a node with Multus v4.3.0 (daemon
and shim) and one with Plurimus (daemon and shim), with the same API server, reference plugins, pods and runtime, for
real and one after the other ({datetime.datetime.now(datetime.UTC):%Y-%m-%d}).  Each does so {often}.  A pod has a
bridge as its default network and three macvlan networks, all with host-local addresses; one of the storm has the bridge
alone, by a plugin that becomes the reference plugin once it has held its memory.

The runtime is patient: a DEL that fails is sent up to three times, and once one succeeds the pod's namespace goes.
Counted is what is there seconds later: addresses that are reserved for nobody; interfaces of pods that were to go;
pods whose ADD succeeded and that lack an interface they asked for, and in the storm those that never came up;
processes that the kernel killed for want of memory, and daemons that ended by themselves; pods that cannot be deleted.
Each cell is Multus / Plurimus.

| fault | leaked addresses | leaked interfaces | pods without NICs | processes killed | pods stuck |
|---|---|---|---|---|---|
{chr(10).join(rows)}
| **all** | {" | ".join(f"**{a} / {b}**" for a, b in zip(*sums, strict=True))} |
{told(weather)}"""


def row(name: str, theirs: Left, ours: Left) -> str:
    cells = [f"{a} / {b}" for a, b in zip(theirs.values(), ours.values(), strict=True)]
    return f"| {name} | {' | '.join(cells)} |"


def told(weather: dict[str, list[Weather]]) -> str:
    """How the storms went, one by one; empty where there was none."""
    rows = [
        f"| {name} | {each.at_first} | {each.up} of {each.pods} | {each.tries} | {each.starts} | {each.seconds:.0f} |"
        for candidate, name in ((MULTUS, "Multus"), (OURS, "Plurimus"))
        for each in weather.get(candidate, [])
    ]
    if not rows:
        return ""
    return f"""
## The reboot storm

All ADDs come at once.  What fails is deleted at once and tried again a second later in a new sandbox, for
{GOES_ON:.0f} s, and a daemon that ends is started anew a second later; kubelet waits longer for either.

| | up at the first try | up in the end | ADDs | daemons started anew | seconds until then |
|---|---|---|---|---|---|
{chr(10).join(rows)}
"""


if __name__ == "__main__":
    main()
