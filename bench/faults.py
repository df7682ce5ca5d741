"""Writes docs/beside-multus-faults.md: the same faults befall the real Multus and Plurimus, and what each leaves.

usage: python -m bench.faults [--write FILE] [--only WORD]

It needs what `make test-interop` needs, and root; all of it happens in namespaces made for this run.
"""

from __future__ import annotations

import argparse
import datetime
import tempfile
from pathlib import Path

from tests.interop.faults.faults import FAULTS, Fault, name_of
from tests.interop.faults.node import MULTUS, OURS, FaultNode, Left
from tests.isolation import isolate

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/beside-multus-faults.md"
STORM = "<!-- the reboot storm's row goes here -->"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path, default=PAGE, help="the page to write")
    parser.add_argument("--only", default="", help="faults with this in the name of their function")
    arguments = parser.parse_args()
    faults = [fault for fault in FAULTS if arguments.only in fault.__name__]
    isolate()
    found = {candidate: befall(candidate, faults) for candidate in (MULTUS, OURS)}
    arguments.write.write_text(page(faults, found[MULTUS], found[OURS]))


def befall(candidate: str, faults: list[Fault]) -> list[Left]:
    """What each fault leaves on a node with the candidate on it."""
    with tempfile.TemporaryDirectory() as folder, FaultNode(Path(folder), candidate) as node:
        left = []
        for fault in faults:
            left.append(node.befall(fault))
            print(f"{candidate:6} {left[-1].values()} {fault.__name__}", flush=True)
        return left


def page(faults: list[Fault], theirs: list[Left], ours: list[Left]) -> str:
    """The page as Markdown."""
    rows = [row(name_of(fault), *each) for fault, *each in zip(faults, theirs, ours, strict=True)]
    sums = [[sum(column) for column in zip(*(left.values() for left in all_left), strict=True)]
            for all_left in (theirs, ours)]  # fmt: skip
    return f"""\
# Faults beside Multus

Made by `bench/faults.py` (`make faults-table`); do not edit.  The same faults befall a node with Multus v4.3.0 (daemon
and shim) and one with Plurimus (daemon and shim), with the same API server, reference plugins, pods and runtime, for
real and one after the other ({datetime.datetime.now(datetime.UTC):%Y-%m-%d}).  A pod has a bridge as its default
network and three macvlan networks, all with host-local addresses.

The runtime is patient: a DEL that fails is sent up to three times, and once one succeeds the pod's namespace goes.
Counted is what is there seconds later: addresses that are reserved for nobody; interfaces of pods that were to go;
pods whose ADD succeeded and that lack an interface they asked for; daemons that ended and were not killed by the fault;
pods that cannot be deleted.  Each cell is Multus / Plurimus.

| fault | leaked addresses | leaked interfaces | pods without NICs | processes killed | pods stuck |
|---|---|---|---|---|---|
{chr(10).join(rows)}
| **all** | {" | ".join(f"**{a} / {b}**" for a, b in zip(*sums, strict=True))} |
{STORM}
"""


def row(name: str, theirs: Left, ours: Left) -> str:
    cells = [f"{a} / {b}" for a, b in zip(theirs.values(), ours.values(), strict=True)]
    return f"| {name} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
