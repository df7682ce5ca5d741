"""Thousands of pods, with faults among them: the daemon grows in nothing, and nothing is left.

`make soak ADDS=10000`; what is drawn can be drawn again with the SEED that is printed.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from .node import SoakNode
from .slope import of_process, too_much

ADDS = int(os.environ.get("ADDS", "600"))
SEED = int(os.environ.get("SEED", time.time_ns() % 2**32))
ROUNDS = 40
SIDE_BY_SIDE = 4
KILLED_IN = range(2, ROUNDS // 5)
"""The rounds in which the daemon is killed; what it grows by is measured in the one that lives on."""
BURST = 60
"""So many pods at once once the daemon lives on: its threads, what they hold and its heaps are then as many as ever.

Else one thread more would come now and then, whenever the machine is slow for a moment.
"""

pytestmark = pytest.mark.usefixtures("root")


@pytest.fixture
def node(tmp_path: Path) -> Iterator[SoakNode]:
    with SoakNode(tmp_path) as node:
        yield node


def test_the_daemon_grows_in_nothing_and_nothing_is_left(node: SoakNode) -> None:
    dice = random.Random(SEED)
    print(f"\n{ADDS} ADDs, SEED={SEED}")
    before = node.snapshot()
    ran, done, samples = 0, 0, dict[str, list[tuple[int, float]]]()
    for number in range(ROUNDS):
        many = ADDS * (number + 1) // ROUNDS - done
        done += many
        if number == max(KILLED_IN) + 1:
            ran += lives(node, dice, BURST, side_by_side=BURST)
        with Befalling(node, number, dice):
            ran += lives(node, dice, many, side_by_side=SIDE_BY_SIDE)
        node.api.store.clear("events")
        if number > max(KILLED_IN):
            now = of_process(node.pid)
            for what, figure in now.items():
                samples.setdefault(what, []).append((done, figure))
            print(f"{done:6} ADDs, {ran:6} ran: " + ", ".join(f"{what} {figure:.0f}" for what, figure in now.items()))
    assert ran > ADDS / 3, "too few pods came to run for this to say anything"
    until_paid(node)
    node.is_as(before)
    assert not too_much(samples)


def lives(node: SoakNode, dice: random.Random, many: int, *, side_by_side: int) -> int:
    """So many pods come and go; how many of them came to run."""
    seeds = [dice.getrandbits(32) for _ in range(many)]
    with ThreadPoolExecutor(side_by_side) as pool:
        return sum(pool.map(lambda seed: node.life(random.Random(seed)), seeds))


class Befalling:
    """What happens to the node in a round, somewhere in the middle of it."""

    def __init__(self, node: SoakNode, number: int, dice: random.Random) -> None:
        self._node, self._wait = node, dice.random() * 0.3
        self._kills, self._parts = number in KILLED_IN, number % 5 == 4
        self._thread = threading.Thread(target=self._befall)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._thread.join()

    def _befall(self) -> None:
        time.sleep(self._wait)
        if self._kills:
            self._node.kill_and_start()
        elif self._parts:
            with self._node.api.unreachable():
                time.sleep(0.5)


def until_paid(node: SoakNode) -> None:
    """The DELs that came while the daemon was away have been carried out."""
    end = time.monotonic() + 120
    while not node.owes_nothing():
        assert time.monotonic() < end, "DELs are left in the spool"
        time.sleep(0.1)
