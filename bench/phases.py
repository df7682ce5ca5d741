"""The phases of a run.  Each has every candidate do the same in turn, so that a slower machine is slower for all.

A row is what one candidate did at one point of a phase; `wrong` is the first thing that was not as it should be.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench import bursts, checks, meters, networks
from bench.candidates import Candidate
from bench.floor import Floor
from bench.networks import Pod
from plurimus.adapters import netns

VERBS = ("ADD", "DEL")
_SETTLE = 0.05
"""Seconds for what a daemon does once it has answered."""
_SEEN = 1.0
"""Seconds until a daemon knows of a pod."""
_numbers = itertools.count(1)


@dataclass
class Row:
    """What one candidate did for one verb: milliseconds, processor milliseconds, API requests for each operation."""

    candidate: str
    verb: str
    ms: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    requests: Counter[str] = field(default_factory=Counter)
    wrong: str = ""


@dataclass
class Burst:
    """Many pods at once: seconds for all of them, the most MiB of daemon, children and what the runtime calls."""

    candidate: str
    add: float
    delete: float
    peak: float
    wrong: str


@dataclass
class Memory:
    """Resident MiB of a daemon: just started, and once it has added pods."""

    candidate: str
    idle: float
    after: float
    pods: int


def rounds(candidates: Sequence[Candidate | Floor], kind: str, k: int, pods: int) -> list[Row]:
    """Every candidate's ADD of a pod, then every candidate's DEL, pod by pod; the first pod warms up."""
    rows = {(each.name, verb): Row(each.name, verb) for each in candidates for verb in VERBS}
    with sandboxes(len(candidates)) as paths:
        todo = {each.name: [networks.pod(kind, k, path) for _ in range(pods + 1)]
                for each, path in zip(candidates, paths, strict=True)}  # fmt: skip
        for each in candidates:
            if isinstance(each, Candidate):
                networks.schedule(each.api.store, todo[each.name])
        time.sleep(_SEEN)
        for at in range(pods + 1):
            order = [*candidates[at % len(candidates) :], *candidates[: at % len(candidates)]]
            for verb, each in itertools.product(VERBS, order):
                _measure(rows[each.name, verb], each, todo[each.name][at], counts=at > 0, look=at in (0, pods))
        for each in candidates:
            if isinstance(each, Candidate):
                networks.forget(each.api.store, todo[each.name])
    return list(rows.values())


def burst(candidates: Sequence[Candidate], k: int, pods: int, parallel: int) -> list[Burst]:
    """Every candidate's `pods` pods, `parallel` of them at a time."""
    return [_burst(each, k, pods, parallel) for each in candidates]


def memory(candidates: Sequence[Candidate], k: int, pods: int) -> list[Memory]:
    """A fresh daemon of each candidate that has one, before and after it has added `pods` pods."""
    rows = []
    for each in candidates:
        if each.group is None:
            continue
        each.stop()
        each.start()
        time.sleep(_SEEN)
        idle = meters.resident(each.pid)
        with sandboxes(pods) as paths:
            todo = [networks.pod("fast", k, path) for path in paths]
            networks.schedule(each.api.store, todo)
            time.sleep(_SEEN)
            for pod in todo:
                _must(each, pod, "ADD")
            time.sleep(_SEEN)
            rows.append(Memory(each.name, idle, meters.resident(each.pid), pods))
            for pod in todo:
                _must(each, pod, "DEL")
            networks.forget(each.api.store, todo)
    return rows


@contextmanager
def sandboxes(number: int) -> Iterator[list[str]]:
    """So many empty network namespaces."""
    paths = [f"/run/netns/bench-{next(_numbers)}" for _ in range(number)]
    for path in paths:
        netns.create(path)
    try:
        yield paths
    finally:
        for path in paths:
            netns.delete(path)


def say(*words: object) -> None:
    print(time.strftime("%H:%M:%S"), *words, file=sys.stderr, flush=True)


def _measure(row: Row, each: Candidate | Floor, pod: Pod, *, counts: bool, look: bool) -> None:
    group = each.group if isinstance(each, Candidate) else None
    asked = Counter(each.api.store.asked) if isinstance(each, Candidate) else Counter[str]()
    before = group.cpu() if group is not None else 0.0
    done = each.run(pod, row.verb)
    time.sleep(_SETTLE)
    cpu = done.cpu + (group.cpu() - before if group is not None else 0.0)
    wrong = "" if done.status == 0 else done.output.decode(errors="replace")[-300:]
    if look and not wrong:
        store = each.api.store if isinstance(each, Candidate) else None
        wrong = checks.attached(pod, store) if row.verb == "ADD" else checks.detached(pod)
        if row.verb == "DEL" and not wrong and isinstance(each, Candidate) and each.addresses():
            wrong = f"{each.addresses()} addresses are still held"
    if wrong and not row.wrong:
        row.wrong = f"{pod.name}: {wrong}"
        say(each.name, row.verb, row.wrong)
    if counts and done.status == 0:
        row.ms.append(done.seconds * 1e3)
        row.cpu.append(cpu * 1e3)
        if isinstance(each, Candidate):
            row.requests += each.api.store.asked - asked


def _burst(each: Candidate, k: int, pods: int, parallel: int) -> Burst:
    wrong = ""
    with sandboxes(pods) as paths:
        todo = [networks.pod("fast", k, path) for path in paths]
        networks.schedule(each.api.store, todo)
        time.sleep(_SEEN)
        seconds, peak = {}, 0.0
        for verb in VERBS:
            done = bursts.run_all([each.call(pod, verb) for pod in todo], parallel, each.group, each.name)
            seconds[verb], peak = done.seconds, max(peak, done.peak)
            failed = [run.output.decode(errors="replace")[-300:] for run in done.runs if run.status != 0]
            found = [
                checks.attached(pod, each.api.store) if verb == "ADD" else checks.detached(pod) for pod in todo[::10]
            ]
            wrong = wrong or next((text for text in (*failed, *found) if text), "")
        if each.addresses():
            wrong = wrong or f"{each.addresses()} addresses are still held"
        networks.forget(each.api.store, todo)
    if wrong:
        say(each.name, "burst", wrong)
    return Burst(each.name, seconds["ADD"], seconds["DEL"], peak, wrong)


def _must(each: Candidate, pod: Pod, verb: str) -> None:
    done = each.run(pod, verb)
    if done.status != 0:
        raise SystemExit(f"bench: {verb} of {pod.name} by {each.name}: {done.output.decode(errors='replace')}")
