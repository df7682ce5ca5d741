"""What the machine offers to the other tests."""

from __future__ import annotations

from pathlib import Path

CARDS = sorted(Path("/sys/class/net").glob("pf*"))


def test_each_card_does_sriov_and_is_near_its_half_of_the_numa_nodes() -> None:
    assert {(card / "device/sriov_totalvfs").read_text().strip() for card in CARDS} == {"7"}
    nodes = [int((card / "device/numa_node").read_text()) for card in CARDS]
    assert nodes == [number * 2 // len(CARDS) for number in range(len(CARDS))]
