"""What the machine offers to the other tests."""

from __future__ import annotations

from tests.node.snapshot import ip

from .cards import Card, Vf, cards, carries


def test_each_card_does_sriov_and_is_near_its_half_of_the_numa_nodes() -> None:
    found = cards()
    assert {(card.device / "sriov_totalvfs").read_text().strip() for card in found} == {"7"}
    nodes = [int((card.device / "numa_node").read_text()) for card in found]
    assert nodes == [number * 2 // len(found) for number in range(len(found))]


def test_a_card_has_as_many_virtual_functions_as_were_asked_for(card: Card) -> None:
    with card.functions(7) as vfs:
        assert [vf.host_names() for vf in vfs] == [[f"pf0v{index}"] for index in range(7)]
        assert len({vf.pci for vf in vfs}) == 7
        assert [vf.settings()["address"] for vf in vfs] == [vf.link()["address"] for vf in vfs]
    assert not (card.device / "virtfn0").exists()


def test_virtual_functions_of_a_card_reach_each_other(card: Card, vfs: list[Vf]) -> None:
    for name in ("one", "two"):
        ip("netns", "add", name)
    try:
        for number, (name, vf) in enumerate(zip(("one", "two"), vfs, strict=True), 1):
            ip("link", "set", vf.home_name, "netns", name)
            ip("addr", "add", f"10.56.0.{number}/24", "dev", vf.home_name, namespace=name)
            ip("link", "set", vf.home_name, "up", namespace=name)
        for name, vf in zip(("one", "two"), vfs, strict=True):
            carries(vf.home_name, name)
            assert vf.host_names() == []
        ip("netns", "exec", "one", "ping", "-c", "1", "-W", "20", "10.56.0.2")
    finally:
        for name in ("one", "two"):
            ip("netns", "delete", name)
