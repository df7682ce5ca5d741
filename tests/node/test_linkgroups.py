"""Interfaces of a namespace that are deleted together, in the real kernel."""

from __future__ import annotations

import errno
from collections.abc import Iterator

import pytest

from plurimus.adapters import linkgroups
from plurimus.adapters.kernel import NamespaceKernel
from plurimus.adapters.netlink import Netlink, NetlinkError
from plurimus.adapters.netns import NamespaceError

from .pods import POD, ip, ip_json, two_interfaces

pytestmark = pytest.mark.usefixtures("root")
MACVLANS = [f"mv{number}" for number in range(8)]


@pytest.fixture(autouse=True)
def pod(root: None) -> Iterator[None]:
    """A namespace with eight macvlans on net1, beside net1 and net2 themselves."""
    with two_interfaces():
        for name in MACVLANS:
            ip("link", "add", name, "link", "net1", "type", "macvlan", "mode", "bridge")
            ip("link", "set", name, "up")
        yield


def names() -> set[str]:
    return {each["ifname"] for each in ip_json("link", "show")}


async def test_those_of_the_kind_that_was_named_are_deleted_and_no_others() -> None:
    """A pod may have given the name to another interface, which nobody wants to lose."""
    before = names()
    wanted = dict.fromkeys(MACVLANS[:4], "macvlan") | {"net2": "macvlan", "mv5": "vlan", "missing": "macvlan"}
    assert await NamespaceKernel().delete_links(POD, wanted) == set(MACVLANS[:4])
    assert names() == before - set(MACVLANS[:4])
    assert all(each["group"] == "default" for each in ip_json("link", "show"))


async def test_a_veth_goes_with_its_other_end_and_what_is_on_it() -> None:
    assert await NamespaceKernel().delete_links(POD, {"net1": "veth", "net2": "veth"}) == {"net1", "net2"}
    assert names() == {"lo"}


async def test_one_alone_is_left_to_whoever_made_it() -> None:
    before = names()
    assert await NamespaceKernel().delete_links(POD, {"mv0": "macvlan", "missing": "macvlan"}) == set()
    assert names() == before


async def test_where_one_cannot_be_deleted_all_stay_as_they_were() -> None:
    before = names()
    with Netlink.open(POD) as netlink, pytest.raises(NetlinkError, match="together") as refused:
        linkgroups.delete(netlink, {"lo": "", "mv0": "macvlan", "mv1": "macvlan"})
    assert refused.value.errno == errno.EOPNOTSUPP
    assert names() == before
    assert all(each["group"] == "default" for each in ip_json("link", "show"))


async def test_a_namespace_that_is_gone_is_an_error() -> None:
    with pytest.raises(NamespaceError):
        await NamespaceKernel().delete_links(f"{POD}-gone", {"mv0": "macvlan", "mv1": "macvlan"})
