"""The reboot storm as a fault: all pods of a node at once, with little memory and a large primary plugin.

It is tests/node/test_storm.py with interfaces and addresses, and with a runtime and a kubelet that go on: what did not
come up is deleted and tried again in a new sandbox, and a daemon that ended is started anew.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from tests.node import storm
from tests.node.runtime import Sandbox

from .node import FaultNode

GOES_ON = 300.0
"""Seconds after which a pod that is not up is not tried again."""
_CALL = 240.0
"""Seconds kubelet gives the runtime for a sandbox."""
_BEHIND = 1.0
"""Seconds until a pod is tried again, and until a daemon that ended is started anew."""
_DELETING = 10
"""Pods that are deleted at the same time, at the end."""


@dataclass(frozen=True, slots=True)
class Weather:
    """How the storm went, beside what it left."""

    pods: int
    at_first: int
    """Pods that came up at the first try."""
    up: int
    tries: int
    """ADDs in all."""
    starts: int
    """Daemons that were started anew."""
    seconds: float
    """Until the last pod was up, or given up."""


class Storm:
    """One with so many pods; it is a fault, and `weather` has how it went, whenever it has befallen a node."""

    def __init__(self, pods: int = storm.PODS) -> None:
        self.pods = pods
        self.weather: list[Weather] = []
        self.__name__ = "reboot_storm"
        self.__doc__ = (
            f"the node reboots and its {pods} pods start at once: {storm.LIMIT >> 20} MiB of memory for the daemon and "
            f"its plugins, of which the primary one has {storm.MEGABYTES} MB for {storm.MILLISECONDS} ms"
        )

    def __call__(self, node: FaultNode) -> None:
        storm.install(node.bin, node.folder, following="bridge")
        heavy = node.bridge(type="heavy", isDefaultGateway=False, ipam=node.host_local("10.250.0.0/21"))
        sandboxes = [node.sandbox(cluster_network=heavy) for _ in range(self.pods)]
        began, tried = time.monotonic(), [0] * self.pods
        late: list[Sandbox] = []
        with _kept_running(node) as starts, ThreadPoolExecutor(self.pods) as beside:
            end = began + GOES_ON

            def come_up(number: int, pod: Sandbox) -> Sandbox | None:
                while True:
                    tried[number] += 1
                    answer = node.ask(pod, "ADD", _CALL)
                    if answer is not None and answer.status == 0:
                        return pod
                    if not node.removed(pod):
                        late.append(pod)
                    if time.monotonic() > end:
                        return None
                    time.sleep(_BEHIND)
                    pod = node.anew(sandboxes[number], tried[number])

            ended = list(beside.map(come_up, range(self.pods), sandboxes))
            seconds = time.monotonic() - began
        up = [pod for pod in ended if pod is not None]
        node.silent += self.pods - sum("eth0" in pod.links() for pod in up)
        at_first = sum(pod is not None and tries == 1 for pod, tries in zip(ended, tried, strict=True))
        self.weather.append(Weather(self.pods, at_first, len(up), sum(tried), len(starts), seconds))
        with _kept_running(node), ThreadPoolExecutor(_DELETING) as beside:
            node.stuck += list(beside.map(node.removed, up + late)).count(False)


@contextmanager
def _kept_running(node: FaultNode) -> Iterator[list[float]]:
    """As kubelet does: a daemon that ends is started anew, and what it had started has ended with it.

    The times at which it was.
    """
    over, starts = threading.Event(), []

    def keep() -> None:
        while not over.wait(0.1):
            if not node.has_ended():
                continue
            node.group.end_all()
            over.wait(_BEHIND)
            starts.append(time.monotonic())
            try:
                node.start_daemon()
            except AssertionError:  # it was ended before it served; so once more
                continue

    keeping = threading.Thread(target=keep)
    keeping.start()
    try:
        yield starts
    finally:
        over.set()
        keeping.join()
