"""How long ADD and DEL take: the bare plugins by hand, and the same networks through shim and daemon.

    usage: latency.py [--pods N] [--write FILE]

Both run in turn, pod by pod, so a machine that slows down slows both.  By hand means: each plugin
executable is started one after another with its configuration, nothing else; what Plurimus adds
to that is what this file is about.  `--write` puts the table into FILE.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

import node
from plurimus.adapters import netns
from plurimus.version import VERSION
from process import Run, run

COUNTS = (0, 1, 4)
VERBS = ("ADD", "DEL")
BY_HAND, OURS = "by hand", "plurimus"
BUDGET = 8.0
"""Milliseconds the daemon may add to an ADD's median (issue: "Done when")."""

Samples = dict[tuple[int, str, str], list[float]]
Candidate = Callable[[str, int, str, str], float]

_ids = itertools.count(1)


def main() -> None:
    node.enter()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pods", type=int, default=40, help="counted pods for each number of networks")
    parser.add_argument("--write", type=Path, help="the file to write the tables to")
    arguments = parser.parse_args()
    node.make(max(COUNTS))
    daemon = node.start_daemon()
    try:
        starts = measure_starts(5 * arguments.pods)
        samples = measure(arguments.pods)
        memory = resident(daemon.pid)
    finally:
        node.stop_daemon(daemon)
    text = report(samples, starts, memory, arguments.pods)
    print(text)
    if arguments.write:
        arguments.write.write_text(text)


def measure(pods: int) -> Samples:
    """Milliseconds of each operation; the first pod of each kind warms up and does not count."""
    samples: Samples = {}
    candidates: dict[str, Candidate] = {BY_HAND: ByHand(), OURS: through_shim}
    for count, pod in itertools.product(COUNTS, range(pods + 1)):
        order = list(candidates) if pod % 2 else list(reversed(candidates))
        for name in order:
            container, path = f"bench{next(_ids)}", f"/run/netns/bench-{name[:2]}"
            netns.create(path)
            try:
                for verb in VERBS:
                    milliseconds = candidates[name](verb, count, container, path)
                    if pod:
                        samples.setdefault((count, verb, name), []).append(milliseconds)
            finally:
                netns.delete(path)
    return samples


def measure_starts(times: int) -> dict[str, list[float]]:
    """Milliseconds from start to end of `/bin/true` and of the shim, in turn."""
    found: dict[str, list[float]] = {"/bin/true": [], "shim": []}
    for _ in range(times):
        found["/bin/true"].append(run(["/bin/true"], env={}).seconds * 1e3)
        found["shim"].append(checked(run([str(node.SHIM)], env={"CNI_COMMAND": "VERSION"})).seconds * 1e3)
    return found


class ByHand:
    """The plugins of a pod one after another; DEL gets what ADD answered, as a runtime's library does."""

    def __init__(self) -> None:
        self._results: dict[str, list[object]] = {}

    def __call__(self, verb: str, count: int, container: str, path: str) -> float:
        configs = node.networks(count)
        steps = list(zip(configs, ["eth0", *(f"net{k + 1}" for k in range(count))], strict=True))
        if verb == "ADD":
            done = [self._run(verb, config, ifname, container, path) for config, ifname in steps]
            self._results[container] = [json.loads(one.stdout) for one in done]
        else:
            steps = [
                ({**config, "prevResult": result}, ifname)
                for (config, ifname), result in zip(steps, self._results.pop(container), strict=True)
            ]
            done = [self._run(verb, config, ifname, container, path) for config, ifname in reversed(steps)]
        return sum(one.seconds for one in done) * 1e3

    def _run(self, verb: str, config: node.Config, ifname: str, container: str, path: str) -> Run:
        plugin = str(node.PLUGINS / config["type"])
        env = environment(verb, container, path, ifname)
        return checked(run([plugin], env=env, stdin=json.dumps(config).encode()))


def through_shim(verb: str, count: int, container: str, path: str) -> float:
    """One call of the shim, as a runtime makes it."""
    args = f"K8S_POD_NAMESPACE=default;K8S_POD_NAME={node.pod_name(count)};K8S_POD_UID=uid-{count}"
    env = environment(verb, container, path, "eth0") | {"CNI_ARGS": args}
    return checked(run([str(node.SHIM)], env=env, stdin=json.dumps(node.NETCONF).encode())).seconds * 1e3


def environment(verb: str, container: str, path: str, ifname: str) -> dict[str, str]:
    return {
        "CNI_COMMAND": verb,
        "CNI_CONTAINERID": container,
        "CNI_NETNS": path,
        "CNI_IFNAME": ifname,
        "CNI_PATH": str(node.PLUGINS),
        "PATH": os.environ["PATH"],
    }


def checked(done: Run) -> Run:
    if done.status != 0:
        sys.exit(f"bench: exit status {done.status}:\n{done.stdout.decode(errors='replace')}")
    return done


def resident(pid: int) -> float:
    """The resident memory of a process in MiB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def report(samples: Samples, starts: dict[str, list[float]], memory: float, pods: int) -> str:
    """The tables as Markdown."""
    version = run([str(node.PLUGINS / "bridge")], env={"CNI_COMMAND": "VERSION"}).stdout.decode().strip()
    machine = (
        f"Linux {platform.release()}, {os.cpu_count()} processors, Python {platform.python_version()}, "
        f"Plurimus {VERSION}; the plugins say `{version}`."
    )
    lines = [
        "# Performance",
        "",
        "Made by `make bench`; do not edit.  The plugin executables by hand, one after another, and the same",
        "networks through shim and daemon, whose drivers make them, in turn in one run.  A pod has a bridge and K",
        f"macvlan networks, all with host-local addresses; {pods} pods a row, milliseconds.  The daemon attaches the",
        "macvlan networks side by side.",
        "",
        machine,
        "",
        "| K | verb | by hand p50 | p95 | plurimus p50 | p95 | added to the p50 |",
        "|---|---|---|---|---|---|---|",
    ]
    for count, verb in itertools.product(COUNTS, VERBS):
        hand, ours = samples[count, verb, BY_HAND], samples[count, verb, OURS]
        added = statistics.median(ours) - statistics.median(hand)
        cells = [f"{value:.1f}" for one in (hand, ours) for value in (statistics.median(one), p95(one))]
        lines.append(f"| {count} | {verb} | {' | '.join(cells)} | {added:+.1f} |")
    true, shim = (statistics.median(starts[name]) for name in ("/bin/true", "shim"))
    ratio = f"{shim:.2f} ms; of `/bin/true`: {true:.2f} ms; ratio {shim / true:.1f}, at most 3."
    lines += [
        "",
        f"The daemon may add {BUDGET:g} ms to an ADD's p50.",
        "",
        f"Start to end of the shim alone (it answers VERSION by itself), p50 of {len(starts['shim'])}: {ratio}",
        "",
        f"Resident memory of the daemon after {len(COUNTS) * (pods + 1)} pods: {memory:.1f} MiB.",
        "",
    ]
    return "\n".join(lines)


def p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


if __name__ == "__main__":
    main()
