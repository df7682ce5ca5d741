"""Many programs at once, from a process of its own, so that what they need of memory can be told from the rest."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass

from bench import meters
from bench.process import Call, Run, run


@dataclass(frozen=True, slots=True)
class Done:
    """Seconds for all programs, the most MiB of anonymous memory meanwhile, and how each ended."""

    seconds: float
    peak: float
    runs: list[Run]


def run_all(calls: Sequence[Call], parallel: int, daemon: meters.Group | None, name: str) -> Done:
    """Run `calls`, `parallel` at a time; the memory is theirs and that of the group `daemon`."""
    runtime = meters.Group(f"{name}-runtime")
    fresh = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(1, fresh) as pool:
            runtime.add(pool.submit(os.getpid).result())
            pool.submit(_run, list(calls[:0]), parallel).result()
            own = runtime.anonymous()
            with meters.Peak([runtime, *([daemon] if daemon is not None else [])]) as peak:
                seconds, runs = pool.submit(_run, list(calls), parallel).result()
        return Done(seconds, (peak.bytes - own) / meters.MIB, runs)
    finally:
        runtime.close()


def _run(calls: list[Call], parallel: int) -> tuple[float, list[Run]]:
    with ThreadPoolExecutor(parallel) as threads:
        list(threads.map(time.sleep, [0.001] * parallel))
        began = time.perf_counter()
        runs = list(threads.map(run, calls))
        return time.perf_counter() - began, runs
