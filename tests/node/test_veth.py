"""A veth pair that is made and then cannot be looked up: nothing of it is left."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from plurimus.adapters import netns
from plurimus.adapters.netlink import Netlink, NetlinkError
from plurimus.cni.errors import AttachmentError
from plurimus.drivers import veth
from plurimus.drivers.veth import Pair

from .pods import PEER, POD, two_interfaces
from .snapshot import ip_json

pytestmark = pytest.mark.usefixtures("root")


@pytest.fixture(autouse=True)
def pod(root: None) -> Iterator[None]:
    with two_interfaces():
        yield


def links() -> list[set[str]]:
    """The interfaces of both namespaces."""
    places = (Path(place).name for place in (POD, PEER))
    return [{each["ifname"] for each in ip_json("link", namespace=place)} for place in places]


class Refused(Netlink):
    """No memory for the answer."""

    def index_and_mac(self, name: str) -> tuple[int, str] | None:
        raise NetlinkError(f"looking up {name}", errno.ENOMEM)


class Blind(Netlink):
    """The interface is not there, as it would be if another program had given it another name."""

    def index_and_mac(self, name: str) -> tuple[int, str] | None:
        return None


@pytest.mark.parametrize("kind", [Refused, Blind])
def test_a_pair_whose_end_cannot_be_looked_up_is_taken_away_again(kind: type[Netlink]) -> None:
    before = links()

    def make() -> None:
        with netns.opened(POD) as pod, kind.open() as host, pytest.raises(AttachmentError):
            veth.make(host, pod, Pair("eth7"))

    netns.visit(PEER, make)
    assert links() == before
