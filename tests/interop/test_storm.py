"""The reboot storm of tests/node/test_storm.py with the real Multus: how it fares is printed, for comparison."""

from __future__ import annotations

import time
from pathlib import Path

from tests.node import storm
from tests.node.memorygroup import MemoryGroup

from .multus import PEERS
from .node import SharedNode


def test_multus_in_the_same_storm(node: SharedNode, tmp_path: Path) -> None:
    """One try for each pod, all at once; its daemon may be killed with its plugins."""
    storm.install(node.bin, tmp_path)
    pods = [node.sandbox(cluster_network=storm.NETWORK) for _ in range(storm.PODS)]
    way = node.ways["thick"]
    node.multus.stop()
    with MemoryGroup(storm.LIMIT) as group:
        node.multus.wrapper = group.wrapper
        try:
            node.multus.start()
            calls = storm.Calls(PEERS / "multus-shim", node.bin)
            began = time.monotonic()
            calls.begin(pods, **way)
            answers = calls.answers()
            took = time.monotonic() - began
        finally:
            node.multus.end()
            node.multus.wrapper = []
        up = [pod for pod, answer in answers if answer.status == 0]
        print(f"Multus: {len(up)} of {storm.PODS} pods in {took:.1f} s, {group.killed} processes killed, "
              f"{group.peak / 2**20:.0f} MiB at most")  # fmt: skip
    node.multus.start()
    assert len(answers) == storm.PODS
    assert storm.noted(tmp_path, "begun")
