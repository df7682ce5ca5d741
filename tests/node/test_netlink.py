"""The door to netlink, on real interfaces: what is there, and what the kernel says when it refuses."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pyroute2 import NetNS

from plurimus.adapters import netns
from plurimus.adapters.netlink import Netlink, NetlinkError
from plurimus.cni.errors import AttachmentError, Code
from plurimus.wire import netlink as wire
from plurimus.wire.rtnetlink import Route

from .pods import POD, ip, ip_json, two_interfaces

pytestmark = pytest.mark.usefixtures("root")


@pytest.fixture(autouse=True)
def pod(root: None) -> Iterator[None]:
    with two_interfaces():
        yield


def test_a_link_is_what_ip_says_it_is() -> None:
    (theirs,) = ip_json("-d", "link", "show", "net1")
    with Netlink.open(POD) as netlink:
        ours = netlink.link("net1")
    assert ours is not None
    assert (ours.index, ours.name, ours.mtu) == (theirs["ifindex"], "net1", theirs["mtu"])
    assert (ours.mac, ours.kind) == (theirs["address"], theirs["linkinfo"]["info_kind"])
    assert (ours.parent, ours.netnsid) == (theirs["link_index"], theirs["link_netnsid"])
    assert ours.is_up


def test_links_and_addresses_are_those_pyroute2_sees() -> None:
    ip("link", "add", "br0", "type", "bridge")
    ip("link", "add", "mac0", "link", "net1", "type", "macvlan", "mode", "bridge")
    ip("link", "set", "net2", "master", "br0")
    ip("addr", "add", "10.9.0.1", "peer", "10.9.0.2/32", "dev", "mac0")
    with Netlink.open(POD) as netlink, NetNS(POD) as oracle:
        links = {
            (each["index"], each.get("ifname"), each["flags"], each.get("master") or 0, each.get("link") or 0)
            for each in oracle.get_links()
        }
        addresses = {
            (each["index"], f"{each.get('local') or each.get('address')}/{each['prefixlen']}", each["scope"])
            for each in oracle.get_addr()
        }
        ours = netlink.links()
        assert {(link.index, link.name, link.flags, link.master, link.parent) for link in ours} == links
        assert {(each.index, str(each.address), each.scope) for each in netlink.addresses()} == addresses
    assert {link.name: link.kind for link in ours if link.name in ("br0", "mac0")} == {
        "br0": "bridge",
        "mac0": "macvlan",
    }
    assert [link.netnsid for link in ours if link.name == "mac0"] == [None]


def test_what_is_asked_without_waiting_is_what_ip_says(pod: None) -> None:
    (theirs,) = ip_json("link", "show", "net1")
    with Netlink.open(POD) as netlink:
        assert (netlink.index("net1"), netlink.mtu("net1")) == (theirs["ifindex"], theirs["mtu"])
        assert netlink.mac("net1") == theirs["address"]
        for name in ("net9", "", "a" * 16, "net1\0", "net1:1"):
            assert (netlink.index(name), netlink.mtu(name), netlink.mac(name)) == (None, None, None)
        assert netlink.index("net1") == theirs["ifindex"]


def test_no_kernel_module_is_loaded_for_a_name_that_no_interface_has() -> None:
    """At an ioctl(2) about such a name the kernel loads the module of that name, which definitions would choose."""
    script = """if True:
        import sys
        from plurimus.adapters.netlink import Netlink
        asked = []
        sys.addaudithook(lambda event, arguments: asked.append(event) if event == "fcntl.ioctl" else None)
        with Netlink.open() as netlink:
            assert netlink.index("dccp") is netlink.flags("dccp") is None and not asked
            assert netlink.index("lo") == 1 and asked
    """
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


@pytest.mark.parametrize("name", ["net9", "", "a" * 16, "net1\0", "../net1"])
def test_an_interface_that_is_not_there_is_none(name: str) -> None:
    with Netlink.open(POD) as netlink:
        assert netlink.link(name) is None


def test_an_interface_is_set_up() -> None:
    ip("link", "set", "net1", "down")
    with Netlink.open(POD) as netlink:
        netlink.set_up("net1")
    assert "UP" in ip_json("link", "show", "net1")[0]["flags"]


def test_setting_up_what_is_not_there_names_it() -> None:
    with Netlink.open(POD) as netlink, pytest.raises(NetlinkError, match="net9") as caught:
        netlink.set_up("net9")
    assert caught.value.errno == errno.ENODEV


def test_a_refusal_has_number_subject_and_the_kernels_words() -> None:
    with Netlink.open(POD) as netlink:
        net1 = netlink.link("net1")
        assert net1 is not None
        with pytest.raises(NetlinkError) as caught:
            netlink.add_route(Route(4, None, ipaddress.ip_address("192.0.2.1"), net1.index))
        assert netlink.link("net1") == net1  # the socket goes on
    error = caught.value
    assert (error.errno, error.text) == (errno.ENETUNREACH, "Nexthop has invalid gateway")
    assert str(error) == ("adding route default via 192.0.2.1: Nexthop has invalid gateway (Network is unreachable)")
    assert isinstance(error, AttachmentError)
    assert error.code == Code.INTERNAL


def test_a_socket_works_from_threads_that_never_were_in_its_namespace() -> None:
    with Netlink.open(POD) as netlink, ThreadPoolExecutor(1) as other:
        found = other.submit(netlink.link, "net1").result()
    with Netlink.open() as here:
        assert here.link("net1") is None
    assert found is not None


def test_many_sockets_opened_at_once_see_their_namespace_only() -> None:
    def look(path: str | None) -> bool:
        with Netlink.open(path) as netlink:
            return netlink.link("net1") is not None

    paths = [POD, None] * 50
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(look, paths)) == [path is not None for path in paths]


def test_nothing_stays_open() -> None:
    def count() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before, threads = count(), threading.active_count()
    for _ in range(20):
        with Netlink.open(POD) as netlink:
            netlink.link("net1")
        with pytest.raises(netns.NamespaceError):
            Netlink.open("/etc/hostname")
    assert (count(), threading.active_count()) == (before, threads)


def test_lists_hold_together_while_links_come_and_go() -> None:
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            ip("link", "add", "churn", "type", "ifb")
            ip("link", "del", "churn")

    with ThreadPoolExecutor(1) as pool, Netlink.open(POD) as netlink:
        done = pool.submit(churn)
        try:
            for _ in range(300):
                names = [link.name for link in netlink.links()]
                assert {"lo", "net1", "net2"} <= set(names)
                assert len(names) == len(set(names))
        finally:
            stop.set()
        done.result()


class Kernel(threading.Thread):
    """A kernel at the other end of a socket pair that answers requests with what it was given."""

    def __init__(self, *answers: list[tuple[int, int, bytes]]) -> None:
        super().__init__(daemon=True)
        self.near, self._far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._answers = answers
        self.start()

    def run(self) -> None:
        for answer in self._answers:
            (_, _, _, sequence, _) = struct.unpack_from("=IHHII", self._far.recv(4096))
            for kind, flags, payload in answer:
                self._far.send(wire.frame(kind, flags, sequence, payload))
        self._far.close()


class Channel:
    """The near end, with the sender that netlink reports: 0 is the kernel."""

    def __init__(self, kernel: Kernel, senders: Iterator[int]) -> None:
        self._socket, self._senders = kernel.near, senders

    def send(self, data: bytes) -> int:
        return self._socket.send(data)

    def recvfrom(self, size: int) -> tuple[bytes, tuple[int, int]]:
        return self._socket.recv(size), (next(self._senders), 0)

    def close(self) -> None:
        self._socket.close()


DONE = (wire.NLMSG_DONE, wire.NLM_F_MULTI, bytes(4))
TORN = (wire.NLMSG_DONE, wire.NLM_F_MULTI | wire.NLM_F_DUMP_INTR, bytes(4))
LINK = (16, wire.NLM_F_MULTI, struct.pack("=BxHiII", 0, 0, 7, 0, 0))


def failed(code: int) -> tuple[int, int, bytes]:
    return (wire.NLMSG_ERROR, 0x100, struct.pack("=i", -code) + bytes(16))


def talking_to(*answers: list[tuple[int, int, bytes]], senders: Iterator[int] | None = None) -> Netlink:
    return Netlink(Channel(Kernel(*answers), senders or iter(lambda: 0, 1)))  # type: ignore[arg-type] # a port


@pytest.mark.parametrize(
    "disturbed",
    [[TORN], [LINK, TORN], [failed(errno.EINTR)], [failed(errno.ENOBUFS)], [LINK, failed(errno.EBUSY)]],
)
def test_a_disturbed_list_is_asked_for_again(disturbed: list[tuple[int, int, bytes]]) -> None:
    with talking_to(disturbed, disturbed, [LINK, DONE]) as netlink:
        assert [link.index for link in netlink.links()] == [7]


def test_a_list_that_is_disturbed_for_ever_fails() -> None:
    with talking_to(*[[LINK, TORN]] * 10) as netlink, pytest.raises(NetlinkError, match="disturbed") as caught:
        netlink.links()
    assert caught.value.errno == errno.EINTR


def test_a_change_is_not_made_twice_when_its_answer_is_lost() -> None:
    with talking_to([failed(errno.ENOBUFS)], [failed(0)]) as netlink, pytest.raises(NetlinkError) as caught:
        netlink.add_route(Route(6, None, ipaddress.ip_address("fd00::1")))
    assert caught.value.errno == errno.ENOBUFS


def test_what_others_than_the_kernel_send_is_not_believed() -> None:
    with talking_to([LINK, LINK, DONE], senders=iter([os.getpid(), 0, 0])) as netlink:
        assert len(netlink.links()) == 1


@pytest.mark.parametrize("payload", [b"", b"short", LINK[2] + b"\x01\x00\x01\x00"])
def test_a_malformed_answer_is_an_error_that_says_so(payload: bytes) -> None:
    with talking_to([(16, 0, payload)]) as netlink, pytest.raises(NetlinkError, match="malformed"):
        netlink.link("net1")
