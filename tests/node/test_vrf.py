"""`vrf` on a kernel that may lack VRFs: what is refused before one is made, and what a refusal leaves behind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from plurimus.adapters.netlink import NetlinkError
from plurimus.cni.errors import AttachmentError
from plurimus.drivers.vrf import Vrf

from .snapshot import ip, kernel
from .twins import OURS, ours, twins

pytestmark = pytest.mark.usefixtures("root")


@pytest.fixture(autouse=True)
def pod() -> Iterator[None]:
    """net1 and net2, the ends of one veth, and a bridge with net2 as its port."""
    with twins():
        ip("link", "add", "net1", "type", "veth", "peer", "name", "net2", namespace=OURS)
        ip("link", "add", "hub", "type", "bridge", namespace=OURS)
        ip("link", "set", "net2", "master", "hub", namespace=OURS)
        yield


def conf(vrfname: str = "blue", **more: Any) -> dict[str, Any]:
    return {"cniVersion": "1.0.0", "name": "rail", "type": "vrf", "vrfname": vrfname,
            "prevResult": {"cniVersion": "1.0.0"}, **more}  # fmt: skip


@pytest.mark.parametrize(
    ("vrfname", "ifname", "says"),
    [
        ("blue", "net7", "interface net7 is not in the sandbox"),
        ("blue", "net2", "interface net2 has already a master set: hub"),
        ("hub", "net1", "Netlink hub is not a VRF but bridge"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_done(vrfname: str, ifname: str, says: str) -> None:
    before = kernel(OURS)
    with pytest.raises(AttachmentError, match=says):
        ours(Vrf(), "ADD", conf(vrfname), ifname)
    assert kernel(OURS) == before


def test_an_add_leaves_nothing_behind_where_it_fails_and_nothing_after_its_deletion() -> None:
    """It fails where the kernel has no VRFs."""
    before = kernel(OURS)["links"]
    try:
        ours(Vrf(), "ADD", conf())
    except NetlinkError:
        assert kernel(OURS)["links"] == before
    else:
        assert kernel(OURS)["links"]["net1"]["master"] == "blue"
        ours(Vrf(), "DEL", conf())
    assert kernel(OURS)["links"] == before


@pytest.mark.parametrize("vrfname", ["blue", "hub"])
def test_deletion_leaves_what_is_no_vrf(vrfname: str) -> None:
    before = kernel(OURS)
    for ifname in ("net1", "net2", "net7"):
        ours(Vrf(), "DEL", conf(vrfname), ifname)
    assert kernel(OURS) == before
