"""RDMA netlink: requests as they travel, answers as a kernel gave them."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurimus.wire import netlink as wire
from plurimus.wire import rdma
from plurimus.wire.netlink import WireError
from plurimus.wire.rdma import Device, Port

# recorded on Linux 7.2 with a soft-RoCE device, in the mode named; without the headers of the messages
DEVICE = (
    "080001000000000009000200727865680000000008000300010000000c000400763c2201c00100000c00060078f30efeffeaa658"
    "0c00070078f30efeffeaa65805000e00010000000500540000000000050065000100000009004300726f636500000000"
)
PORT = (
    "0800010000000000090002007278656800000000080003000100000005000c000400000005000d0005000000"
    "0800320004000000090033006574683200000000"
)
PORT_OF_A_POD = "0800010001000000090002007278653000000000080003000100000005000c000400000005000d0005000000"
SHARED = "05004200010000000500600000000000050067000100000005005d0001000000"
EXCLUSIVE = "05004200000000000500600000000000050067000100000005005d0001000000"


def test_a_device_is_read_as_the_kernel_tells_it() -> None:
    assert rdma.device(bytes.fromhex(DEVICE)) == Device(0, "rxeh", 1, 0x58A6_EAFF_FE0E_F378, "roce")


def test_a_port_names_its_interface_only_in_the_namespace_that_has_it() -> None:
    assert rdma.port(bytes.fromhex(PORT)) == Port("rxeh", 1, "ACTIVE", 4, "eth2")
    assert rdma.port(bytes.fromhex(PORT_OF_A_POD)) == Port("rxe0", 1, "ACTIVE")


def test_the_mode_is_shared_unless_the_kernel_says_exclusive() -> None:
    assert rdma.mode(bytes.fromhex(SHARED)) == rdma.SHARED
    assert rdma.mode(bytes.fromhex(EXCLUSIVE)) == rdma.EXCLUSIVE
    assert rdma.mode(b"") == rdma.SHARED


def test_requests_carry_what_the_kernel_needs() -> None:
    kinds = [rdma.GET, rdma.SET, rdma.NEWLINK, rdma.DELLINK, rdma.PORT_GET, rdma.SYS_GET]
    assert kinds == list(range(5121, 5127))
    assert rdma.move(3, 9) == bytes.fromhex("08000100030000000800440009000000")
    assert rdma.rename(3, "ibdev0") == bytes.fromhex("08000100030000000b0002006962646576300000")
    made = wire.attributes(rdma.new_link("rxe0", "rxe", "net1"))
    assert made == {2: b"rxe0\0", 65: b"rxe\0", 51: b"net1\0"}


@pytest.mark.parametrize("name", ["", "x" * 64, "a\0b"])
def test_a_name_the_kernel_would_refuse_is_not_sent(name: str) -> None:
    with pytest.raises(WireError, match="expected 1 to 63"):
        rdma.rename(1, name)


@pytest.mark.parametrize("payload", [b"", wire.attribute(1, b"\1"), wire.attribute(2, b"rxe0\0")])
def test_a_device_or_port_without_its_number_is_refused(payload: bytes) -> None:
    with pytest.raises(WireError):
        rdma.device(payload)
    with pytest.raises(WireError):
        rdma.port(payload)


@given(st.integers(0, 2**32 - 1), st.from_regex(r"[a-z0-9_]{1,63}", fullmatch=True), st.integers(0, 255))
def test_what_a_kernel_could_say_of_a_port_is_read(index: int, name: str, state: int) -> None:
    number = wire.U32.pack(index)
    said = wire.attribute(2, name.encode() + b"\0") + wire.attribute(3, number) + wire.attribute(12, bytes([state]))
    read = rdma.port(said + wire.attribute(50, number))
    assert (read.device, read.number, read.netdev_index) == (name, index, index)
    assert (read.state == rdma.ACTIVE) == (state == 4)


@given(st.binary(max_size=200) | st.dictionaries(st.integers(0, 100), st.binary(max_size=9), max_size=8).map(
    lambda found: b"".join(wire.attribute(kind, value) for kind, value in found.items())))  # fmt: skip
def test_no_answer_raises_anything_but_wire_error(payload: bytes) -> None:
    for read in (rdma.device, rdma.port, rdma.mode):
        with suppress(WireError):
            read(payload)
