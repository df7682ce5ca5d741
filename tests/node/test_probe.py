"""Neighbours are asked who has an address, and who answers."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from pathlib import Path

import pytest

from plurimus.adapters import netns, probe
from plurimus.cni.errors import AttachmentError

from .pods import PEER, POD, ip, ip_json, two_interfaces

pytestmark = pytest.mark.usefixtures("root")

FOUR, SIX = ipaddress.ip_address("10.0.1.2"), ipaddress.ip_address("fd01::2")
WAIT = 0.3


@pytest.fixture(autouse=True)
def pod(root: None) -> Iterator[None]:
    with two_interfaces():
        yield


def mac(name: str, namespace: str = POD) -> str:
    return ip("-br", "link", "show", name, namespace=namespace).split()[2]


def others(ifname: str = "net1") -> dict[probe.IPAddress, set[str]]:
    return probe.others_with(POD, ifname, mac(ifname), [FOUR, SIX], wait=WAIT)


def test_an_address_that_nobody_else_has_is_nobodys() -> None:
    assert others() == {}


def test_whoever_else_has_an_address_is_found_by_its_mac() -> None:
    ip("addr", "add", "10.0.1.2/24", "dev", "peer1", namespace=PEER)
    ip("addr", "add", "fd01::2/64", "dev", "peer1", "nodad", namespace=PEER)
    theirs = mac("peer1", PEER)
    assert others() == {FOUR: {theirs}, SIX: {theirs}}
    assert others("net2") == {FOUR: {mac("peer2", PEER)}}  # Linux answers by any interface
    arp_ignore = Path("/proc/sys/net/ipv4/conf/all/arp_ignore")
    netns.visit(PEER, lambda: arp_ignore.write_text("1"))
    assert others("net2") == {}


def test_no_neighbour_learns_anything_by_being_asked() -> None:
    ip("addr", "add", "10.0.1.1/24", "dev", "peer1", namespace=PEER)
    ip("neigh", "flush", "all", namespace=PEER)
    others()
    assert "10.0.1.2" not in ip("neigh", "show", namespace=PEER)


def test_an_interface_that_is_down_or_missing_is_an_error() -> None:
    ip("link", "set", "net1", "down")
    with pytest.raises(AttachmentError, match="net1: Network is down"):
        others()
    with pytest.raises(AttachmentError, match="listening on net7"):
        probe.others_with(POD, "net7", mac("net1"), [FOUR], wait=WAIT)


def test_those_that_answer_are_told_from_those_that_do_not() -> None:
    ip("addr", "add", "10.0.1.1/24", "dev", "peer1", namespace=PEER)
    ip("addr", "add", "fd01::1/64", "dev", "peer1", "nodad", namespace=PEER)
    there, away = ipaddress.ip_address("10.0.1.1"), ipaddress.ip_address("10.0.1.77")
    assert probe.answers(POD, FOUR, [there, away, ipaddress.ip_address("10.77.0.1")], wait=WAIT) == {there}
    six = ipaddress.ip_address("fd01::1")
    assert probe.answers(POD, SIX, [there, six], wait=WAIT) == {six}
    assert probe.answers(POD, FOUR, [], wait=WAIT) == set()


def test_pinging_from_an_address_the_pod_does_not_have_is_an_error() -> None:
    with pytest.raises(AttachmentError, match=r"pinging from 10\.9\.9\.9: Cannot assign requested address"):
        probe.answers(POD, ipaddress.ip_address("10.9.9.9"), [FOUR], wait=WAIT)


def test_nothing_is_left_in_the_pod() -> None:
    before = ip_json("addr", "show")
    others()
    assert ip_json("addr", "show") == before
