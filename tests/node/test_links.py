"""Interfaces moved between namespaces, renamed and set, in the real kernel: what holds, and what a refusal leaves."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from plurimus.adapters import links, namespaces, netns, sysctls
from plurimus.adapters.netlink import Netlink, NetlinkError
from plurimus.cni.errors import AttachmentError
from plurimus.wire.rtlinks import Device

from .pods import PEER, POD, ip, ip_json, two_interfaces

pytestmark = pytest.mark.usefixtures("root")
MAC = bytes.fromhex("020000000011")


@pytest.fixture(autouse=True)
def pod(root: None) -> Iterator[None]:
    with two_interfaces():
        yield


def named(namespace: str, name: str) -> Device | None:
    with Netlink.open(namespace) as netlink:
        return next((device for device in links.devices(netlink) if device.name == name), None)


def index(namespace: str, name: str) -> int:
    found = named(namespace, name)
    assert found is not None
    return found.link.index


def in_pod(work: Callable[[Netlink], None]) -> None:
    with Netlink.open(POD) as netlink:
        work(netlink)


def test_an_interface_moves_and_has_its_new_name_there() -> None:
    number = index(POD, "net1")
    in_pod(lambda netlink: links.move(netlink, number, PEER, "rail0"))
    assert named(POD, "net1") is None
    moved = named(PEER, "rail0")
    assert moved is not None
    assert not moved.link.is_up


def test_a_name_that_is_taken_leaves_the_interface_there_under_its_old_one() -> None:
    number = index(POD, "net1")
    with pytest.raises(NetlinkError) as refused:
        in_pod(lambda netlink: links.move(netlink, number, PEER, "peer2"))
    assert refused.value.errno == errno.EEXIST
    assert named(PEER, "net1") is not None


def test_an_old_name_that_is_taken_does_not_matter() -> None:
    ip("link", "add", "net1", "type", "veth", "peer", "name", "other", namespace=PEER)
    number = index(POD, "net1")
    in_pod(lambda netlink: links.move(netlink, number, PEER, "rail0"))
    assert named(PEER, "rail0") is not None


def test_an_interface_is_renamed_set_and_has_other_names() -> None:
    number = index(POD, "net1")

    def work(netlink: Netlink) -> None:
        links.set_up(netlink, number, up=False)
        links.rename(netlink, number, "fast0")
        links.set_mac(netlink, number, MAC)
        links.set_mtu(netlink, number, 1400)
        links.add_alternative_name(netlink, number, "rail-of-gpu-0")
        links.set_up(netlink, number, up=True)
        found = links.device(netlink, number)
        assert found is not None
        assert (found.name, found.link.mac, found.link.mtu) == ("fast0", MAC.hex(":"), 1400)
        assert (found.link.is_up, found.alternatives) == (True, ("rail-of-gpu-0",))
        links.remove_alternative_name(netlink, number, "rail-of-gpu-0")

    in_pod(work)
    (theirs,) = ip_json("link", "show", "fast0")
    assert (theirs["address"], theirs["mtu"], theirs.get("altnames")) == (MAC.hex(":"), 1400, None)


def test_what_is_not_there_or_no_name_is_said_with_what_was_tried() -> None:
    def work(netlink: Netlink) -> None:
        assert links.device(netlink, 9999) is None
        assert links.virtual_functions(netlink, index(POD, "net1")) == []
        with pytest.raises(NetlinkError, match="renaming interface 9999 to 'fast0': No such device"):
            links.rename(netlink, 9999, "fast0")
        with pytest.raises(NetlinkError, match="cannot be the name"):
            links.rename(netlink, 1, "n" * 16)
        with pytest.raises(AttachmentError, match="cannot be opened"):
            links.move(netlink, 1, "/run/netns/nowhere", "fast0")

    in_pod(work)


def test_every_namespace_with_a_name_is_reachable_once() -> None:
    found = namespaces.reachable(Path("/"))
    identities = [netns.identity(path) for path in found]
    assert {netns.identity(POD), netns.identity(PEER)} <= set(identities)
    assert len(identities) == len(set(identities))
    assert netns.identity("/proc/self/ns/net") not in identities


def test_parameters_are_those_of_the_namespace() -> None:
    key = "net/ipv4/conf/net1/arp_notify"
    here = Path("/proc/sys/net/ipv4/conf/lo/arp_notify").read_text()
    sysctls.write(POD, {key: "1", "net/ipv4/conf/lo/arp_notify": "1"})
    assert netns.visit(POD, lambda: Path("/proc/sys", key).read_text()) == "1\n"
    assert Path("/proc/sys/net/ipv4/conf/lo/arp_notify").read_text() == here
    sysctls.write(POD, {"net/ipv4/conf/nothing/arp_notify": "1"}, tolerant=True)
    with pytest.raises(AttachmentError, match="cannot write /proc/sys/net/ipv4/conf/nothing/arp_notify"):
        sysctls.write(POD, {"net/ipv4/conf/nothing/arp_notify": "1"})
    assert sysctls.has(POD, key)
    assert not sysctls.has(POD, "net/ipv4/conf/nothing/arp_notify")
