"""Pods with a function on each rail come and go while the daemon is killed again and again."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import pytest

from plurimus.adapters import netns
from plurimus.model.definition import RESOURCE_NAME
from tests.cluster.waiting import eventually
from tests.node.daemon import Node
from tests.node.runtime import Sandbox
from tests.vm.inside import sriov
from tests.vm.inside.cards import Vf, cards

SECONDS = float(os.environ.get("PLURIMUS_CHURN_SECONDS", "300"))
"""Issue 5 asks for five minutes; CI has less time."""
WORKERS = 3
"""Requests that the runtime makes at the same time."""
FUNCTIONS = 5
"""Of each card, and so the pods that can live at the same time."""
MOST_ADDS, MOST_AFTER = 3, 10.0
"""The daemon dies up to so many seconds after 1 to so many more pods have started, however slow the machine is."""

Slot = list[Vf]
"""One function of each card: what a device plugin gives to a pod."""


@pytest.fixture
def slots(node: Node) -> Iterator[list[Slot]]:
    """The functions, and a network for each card; every other one has its addresses from whereabouts."""
    with ExitStack() as stack:
        of_cards = [stack.enter_context(card.functions(FUNCTIONS)) for card in cards()]
        for rail in range(len(of_cards)):
            subnet = f"10.{60 + rail}.0.0/24"
            ipam = {"type": "whereabouts", "range": subnet} if rail % 2 else node.host_local(subnet)
            config = {"cniVersion": "1.0.0", "type": "sriov", "vlan": 100 + rail, "ipam": ipam}
            node.network(f"rail{rail}", config, **{RESOURCE_NAME: f"example.com/rail{rail}"})
        yield [[of_card[index] for of_card in of_cards] for index in range(FUNCTIONS)]


class Churn:
    """What the runtime does until `end`, and at least until a pod has run; and how its requests ended."""

    def __init__(self, node: Node, slots: list[Slot], end: float) -> None:
        self.node, self.end = node, end
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._free: SimpleQueue[Slot] = SimpleQueue()
        for slot in slots:
            self._free.put(slot)
        self._making = threading.Lock()

    def over(self) -> bool:
        return bool(self.wrong) or (time.monotonic() > self.end and self.counts["ADD"] > 0)

    def work(self, seed: int) -> None:
        """Pods of one worker, one after another; a few stay for a while."""
        dice, living = random.Random(seed), list[tuple[Sandbox, Slot]]()
        try:
            while not self.over():
                if living and (dice.random() < 0.5 or len(living) > 1):
                    self._stop(*living.pop(dice.randrange(len(living))))
                    continue
                try:
                    slot = self._free.get(timeout=0.5)
                except Empty:
                    continue
                pod = self._start(slot)
                if pod is not None:
                    living.append((pod, slot))
                else:
                    time.sleep(dice.uniform(1.0, 5.0))  # kubelet, too, waits before it tries again
        except BaseException as error:  # the test's thread tells it
            self.wrong.append(f"worker {seed}: {error!r}")
            raise
        finally:
            for each in living:
                self._stop(*each)

    def _start(self, slot: Slot) -> Sandbox | None:
        """A pod that runs; one whose ADD fails is deleted, as a runtime does."""
        devices = {f"example.com/rail{rail}": [vf.pci] for rail, vf in enumerate(slot)}
        with self._making:
            pod = self.node.sandbox(",".join(f"rail{rail}" for rail in range(len(slot))), devices=devices)
        made = pod.call("ADD")
        if made.status != 0:
            self.counts[f"ADD failed with code {made.document['code']}"] += 1
            self._stop(pod, slot)
            return None
        self.counts["ADD"] += 1
        pod.result = made.document
        for rail, vf in enumerate(slot):
            found = vf.link(pod.name)["ifname"]
            if found != f"net{rail + 1}":
                self.wrong.append(f"{pod.pod}: {vf.pci} of rail {rail} is {found}")
        return pod

    def _stop(self, pod: Sandbox, slot: Slot) -> None:
        """DEL until it succeeds, with the namespace there or, now and then, gone before."""
        gone = int(pod.id.removeprefix("sandbox")) % 4 == 0
        if gone:
            netns.delete(pod.netns)
        while pod.call("DEL").status != 0:
            self.counts["DEL failed"] += 1
        self.counts["DEL"] += 1
        netns.delete(pod.netns)
        self._free.put(slot)


def kill_at_random(node: Node, churn: Churn, dice: random.Random) -> int:
    """Kill the daemon in the middle of requests and start it, again and again; how often."""
    killed = 0
    while not churn.over():
        wanted = churn.counts["ADD"] + dice.randint(1, MOST_ADDS)
        while churn.counts["ADD"] < wanted and not churn.over():
            time.sleep(0.1)
        time.sleep(dice.uniform(0.0, MOST_AFTER))
        node.kill()
        killed += 1
        time.sleep(dice.uniform(0.0, 1.0))
        node.start()
    return killed


def test_every_function_is_home_and_every_address_free_after_minutes_of_it(
    node: Node, slots: list[Slot], capsys: pytest.CaptureFixture[str]
) -> None:
    """Issue: nothing is lost, whenever the daemon dies; right function, right interface."""
    before = [[sriov.state(vf) for vf in slot] for slot in slots]
    seed = random.randrange(1 << 32)
    end = time.monotonic() + SECONDS
    churn = Churn(node, slots, end)
    workers = [threading.Thread(target=churn.work, args=(seed + number,)) for number in range(WORKERS)]
    for worker in workers:
        worker.start()
    killed = kill_at_random(node, churn, random.Random(seed))
    for worker in workers:
        worker.join()
    with capsys.disabled():
        print(f"\nseed {seed}: {dict(churn.counts)}, daemon killed {killed} times")
    assert churn.wrong == []
    assert killed > 0
    eventually(lambda: owed(node), lambda left: left == {})
    assert [[sriov.state(vf) for vf in slot] for slot in slots] == before
    assert sriov.left() == []


def owed(node: Node) -> dict[str, Any]:
    """What is not given back yet: DELs, records, addresses."""
    found = {
        "spool": sorted(path.name for path in (node.state / ".spool").glob("*.json")),
        "records": sorted(path.name for path in node.state.iterdir() if path.is_file()),
        "results": sorted(path.name for path in (node.state / "results").glob("*")),
        "host-local": sorted(path.name for path in node.ipam.rglob("10.*")),
        "whereabouts": sorted(path.name for path in (node.manifests / "status").rglob("*.json") if holds(path)),
    }
    return {what: names for what, names in found.items() if names}


def holds(path: Path) -> bool:
    """Whether a file of whereabouts' objects has an allocation, or is a reservation."""
    return "reservation" in path.parent.name or bool(json.loads(path.read_text()).get("allocations"))
