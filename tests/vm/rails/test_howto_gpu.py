"""The how-to page for GPU nodes, followed literally on the machine's eight cards."""

from __future__ import annotations

import re
from pathlib import Path

from tests.node.snapshot import ip_json
from tests.pages import follow
from tests.patience import SLOWER
from tests.vm.inside.cards import cards


def test_a_pod_gets_eight_rails_and_gives_them_back() -> None:
    before_all = links()
    printed = follow("how-to/gpu-cluster.md", timeout=120 * SLOWER)
    before, after = printed.split("rails, as the pod would have them")[1].split("rails, as the pod has them")
    assert printed.count("pod default/trainer-0: 9 interfaces") == 2
    for number, card in enumerate(cards()):
        device = (card.device.parent / card.device.name).name
        seat = rf"\S+ +{card.name} {device} +{number * 2 // 8} "
        assert re.search(rf"^{seat} +- +rail{number} +net{number + 1} +-$", before, re.MULTILINE), before
        has = rf"^{seat} +roce-\S+-net{number + 1} +rail{number} +net{number + 1} +10\.10{number}\.0\.2/16$"
        assert re.search(has, after, re.MULTILINE), after
        rail = rf"^ok +net{number + 1} +rail{number} +"
        for said in (
            *("link +up", "mtu +9000", r"rdma +\S+ is active", "peers +1 of 1 answer a ping"),
            rf"address +10\.10{number}\.0\.2/16, nobody else's",
            rf"rping +default/trainer-1 answers at 10\.10{number}\.0\.3",
        ):
            assert re.search(rail + said, before, re.MULTILINE), (said, before)
    assert "warning" not in printed
    (devices,) = re.findall(r"^NCCL_IB_HCA==(.*)$", printed, re.MULTILINE)
    assert [re.sub("-.*-", "-", name) for name in devices.split(",")] == [f"roce-net{n}:1" for n in range(1, 9)]
    assert re.search(r"^NCCL_IB_GID_INDEX=\d+$", printed, re.MULTILINE)
    assert '"interface": "net8"' in printed
    assert links() == before_all
    assert list(Path("/run/plurimus/pods").iterdir()) == []


def links() -> dict[str, int]:
    """The host's interfaces and their MTUs."""
    return {link["ifname"]: link["mtu"] for link in ip_json("link")}
