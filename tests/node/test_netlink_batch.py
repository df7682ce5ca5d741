"""Many requests in one send, and links made and deleted, in the real kernel."""

from __future__ import annotations

import errno
import ipaddress
from collections.abc import Iterator

import pytest

from plurimus.adapters import links, netns
from plurimus.adapters.netlink import Netlink, NetlinkError, Request
from plurimus.wire import netlink as wire
from plurimus.wire import rtaddresses, rtkinds
from plurimus.wire import rtnetlink as rt
from plurimus.wire.rtkinds import NewLink

from .pods import PEER, POD, ip_json, two_interfaces

pytestmark = pytest.mark.usefixtures("root")


@pytest.fixture(autouse=True)
def pod(root: None) -> Iterator[None]:
    with two_interfaces():
        yield


@pytest.fixture
def netlink(pod: None) -> Iterator[Netlink]:
    with Netlink.open(POD) as door:
        yield door


def index(netlink: Netlink, name: str) -> int:
    found = netlink.link(name)
    assert found is not None
    return found.index


def address(index: int, text: str) -> Request:
    payload = rtaddresses.new_address(index, ipaddress.ip_interface(text))
    return Request(f"adding {text}", rt.RTM_NEWADDR, wire.NLM_F_CREATE | wire.NLM_F_EXCL, payload)


def addresses(name: str) -> set[str]:
    return {each["local"] for each in ip_json("addr", "show", name)[0]["addr_info"] if each["scope"] == "global"}


def test_each_request_of_a_batch_has_its_outcome_and_those_behind_a_refused_one_are_carried_out(
    netlink: Netlink,
) -> None:
    net1 = index(netlink, "net1")
    texts = ["10.9.0.1/24", "10.0.1.2/24", "10.9.0.2/24", "10.9.0.1/24"]
    outcomes = netlink.batch([address(net1, text) for text in texts])
    assert [outcome and (outcome.what, outcome.errno) for outcome in outcomes] == [
        None, ("adding 10.0.1.2/24", errno.EEXIST), None, ("adding 10.9.0.1/24", errno.EEXIST)
    ]  # fmt: skip
    assert addresses("net1") >= {"10.9.0.1", "10.9.0.2"}
    assert netlink.batch([]) == []


def test_the_first_refusal_is_raised_with_the_kernels_words_and_the_others_as_notes(netlink: Netlink) -> None:
    route = Request("a route", rt.RTM_NEWROUTE, wire.NLM_F_CREATE, rtaddresses.new_route(
        rt.Route(4, None, ipaddress.ip_address("192.0.2.1"), index(netlink, "net1"))))  # fmt: skip
    with pytest.raises(NetlinkError, match="a route: Nexthop has invalid gateway") as refused:
        netlink.change_all([route, links.deletion(9999), links.raising(index(netlink, "net2"), up=False)])
    assert refused.value.__notes__ == ["deleting interface 9999: No such device"]
    assert "UP" not in ip_json("link", "show", "net2")[0]["flags"]


def test_a_batch_of_hundreds_is_whole(netlink: Netlink) -> None:
    net1 = index(netlink, "net1")
    texts = [f"10.9.{high}.{low}/32" for high in range(2) for low in range(1, 200)]
    assert netlink.batch([address(net1, text) for text in [*texts, texts[0]]])[:-1] == [None] * len(texts)
    assert addresses("net1") >= {text.partition("/")[0] for text in texts}


def test_a_macvlan_is_made_in_another_namespace_as_it_was_asked_for(netlink: Netlink) -> None:
    with netns.opened(PEER) as there:
        mac = bytes.fromhex("020000000077")
        data = rtkinds.macvlan("vepa", 500)
        links.create(netlink, NewLink("macvlan", "mac0", data, index(netlink, "net1"), there, 1400, mac, 77))
    with Netlink.open(PEER) as peer:
        found = links.details(peer, "mac0")
        assert found is not None
        assert (found.link.kind, found.mode, found.link.mtu, found.link.mac) == ("macvlan", "vepa", 1400, mac.hex(":"))
        assert (found.txqlen, found.link.is_up, found.is_running) == (77, False, False)
        assert links.details_of(peer, found.link.index) == found
        assert links.delete(peer, "mac0")
        assert not links.delete(peer, "mac0")
        assert links.details(peer, "mac0") is None
        assert links.details(peer, "n" * 16) is None


def test_both_ends_of_a_veth_are_made_and_leave_together(netlink: Netlink) -> None:
    with netns.opened(PEER) as there:
        end = NewLink("veth", "far", namespace=there, mtu=1400, txqlen=0)
        links.create(netlink, NewLink("veth", "near", rtkinds.veth(end), mtu=1400, up=True))
    with Netlink.open(PEER) as peer:
        far, near = links.details(peer, "far"), links.details(netlink, "near")
        assert far is not None
        assert near is not None
        assert (far.link.mtu, far.txqlen, far.link.parent) == (1400, 0, near.link.index)
        assert (near.link.mtu, near.txqlen, near.link.is_up) == (1400, 1000, True)
        assert links.delete(netlink, "near")
        assert links.details(peer, "far") is None


def test_a_bridge_has_its_port_from_the_start(netlink: Netlink) -> None:
    links.create(netlink, NewLink("bridge", "br0", rtkinds.bridge(vlan_filtering=False), up=True))
    port = NewLink("veth", "port", rtkinds.veth(NewLink("veth", "other")), master=index(netlink, "br0"))
    links.create(netlink, port)
    made = links.details(netlink, "port")
    assert made is not None
    assert (made.link.master, made.promiscuity) == (index(netlink, "br0"), 1)


def test_a_name_that_is_taken_or_none_is_said(netlink: Netlink) -> None:
    with pytest.raises(NetlinkError, match="making the bridge 'net1': File exists"):
        links.create(netlink, NewLink("bridge", "net1"))
    with pytest.raises(NetlinkError, match=r"making the bridge .*cannot be the name"):
        links.create(netlink, NewLink("bridge", "n" * 16))
