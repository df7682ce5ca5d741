"""Writes docs/beside-multus.md from the results of the benchmark that runs meta-plugins in turn.

usage: beside_multus.py RESULTS [--write FILE]

RESULTS is the JSON file of a run with the candidates `multus-thick` and `plurimus`, the latter as `make_subject.py`
describes it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PEER, OURS = "multus-thick", "plurimus"
LIMITS = {("0", "ADD"): 0.65, ("0", "DEL"): 0.8}
"""What the ratio of the medians may be at most, by K and verb."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("--write", type=Path, default=ROOT / "docs/beside-multus.md", help="the page to write")
    arguments = parser.parse_args()
    arguments.write.write_text(page(json.loads(arguments.results.read_text())))


def page(results: dict[str, Any]) -> str:
    """The page as Markdown."""
    latency, env = results["phases"]["latency"], results["env"]
    rows = [row(k, verb, latency[k]) for k in sorted(latency, key=int) for verb in ("ADD", "DEL")]
    pods = min(latency[k][name][verb]["ms"]["n"] for k in latency for name in (PEER, OURS) for verb in ("ADD", "DEL"))
    limits = ", ".join(f"{verb} at K={k} {most}" for (k, verb), most in LIMITS.items())
    return f"""\
# Beside Multus

Made by `bench/beside_multus.py`; do not edit.  Multus v4.3.0 (daemon and shim) and Plurimus, in turn in one run, each
with an API server of its own, as a runtime sees them: milliseconds from the start of the CNI plugin to its end.  A pod
has a bridge as its default network and K macvlan networks, all with host-local addresses; {pods} pods a row.  Both run
the same executables of the reference plugins, built from their Go module (`bench/plugins`), as Multus is from its own
(`tests/interop`).

{env["started"][:10]}, Linux {env["kernel"]}, {env["cpus"]} processors, load {env["load"][0]} to {env["load_end"][0]}.

| K | verb | Multus p50 | p95 | Plurimus p50 | p95 | ratio of p50 |
|---|---|---|---|---|---|---|
{chr(10).join(rows)}

The ratio may be at most: {limits}.
"""


def row(k: str, verb: str, latency: dict[str, Any]) -> str:
    """One row; what was not verified by the benchmark is said."""
    theirs, ours = latency[PEER][verb]["ms"], latency[OURS][verb]["ms"]
    sound = all(latency[name]["verified"][verb]["ok"] and not latency[name][verb]["failures"] for name in (PEER, OURS))
    said = "" if sound else " (not verified)"
    numbers = [theirs["p50"], theirs["p95"], ours["p50"], ours["p95"]]
    ratio = ours["p50"] / theirs["p50"]
    return f"| {k} | {verb} | " + " | ".join(f"{number:.1f}" for number in numbers) + f" | {ratio:.2f}{said} |"


if __name__ == "__main__":
    main()
