"""The socket that a thread which enters namespaces keeps in its own: one for all its work, as long as that hears."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from plurimus.adapters.netlink import NetlinkError, at_home
from plurimus.adapters.visitors import Visitors

from .test_visitors import start

pytestmark = pytest.mark.usefixtures("root")
T = TypeVar("T")
SO_ATTACH_FILTER = 26
TAKE_NOTHING = struct.pack("=HBBI", 0x06, 0, 0, 0)
"""A socket filter (bpf) that returns 0: how much of a message to take."""


@pytest.fixture
def visitors() -> Visitors:
    """One thread, which has its socket."""
    thread = Visitors(1)
    assert run(thread, names)
    return thread


def run(visitors: Visitors, work: Callable[[], T]) -> T:
    return start(visitors, work).result(60)


def names() -> set[str]:
    with at_home() as netlink:
        return {link.name for link in netlink.links()}


def sockets() -> set[int]:
    """The open descriptors of netlink sockets."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        if entry.is_symlink() and str(entry.readlink()).startswith("socket:["):
            with socket.socket(fileno=os.dup(int(entry.name))) as each:
                found |= {int(entry.name)} if each.family == socket.AF_NETLINK else set()
    return found


def deafen(descriptor: int) -> None:
    """Have a socket miss what the kernel answers, and be told so within a millisecond."""
    instruction = ctypes.create_string_buffer(TAKE_NOTHING, len(TAKE_NOTHING))
    with socket.socket(fileno=os.dup(descriptor)) as channel:
        program = struct.pack("@HP", 1, ctypes.addressof(instruction))
        channel.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", 0, 1000))


def test_a_thread_has_one_socket_for_all_its_work_also_behind_what_the_kernel_refused(visitors: Visitors) -> None:
    def refused() -> None:
        with at_home() as netlink:
            netlink.set_up("no-such-link")

    before = sockets()
    with pytest.raises(NetlinkError, match="no-such-link up: No such device"):
        run(visitors, refused)
    assert "lo" in run(visitors, names)
    assert sockets() == before


def test_work_after_an_answer_that_did_not_come_has_another_socket(visitors: Visitors) -> None:
    before = sockets()
    fresh = Visitors(1)
    run(fresh, names)
    (kept,) = sockets() - before
    deafen(kept)

    def unheard() -> None:
        with at_home() as netlink, pytest.raises(NetlinkError, match="no answer") as caught:
            netlink.links()
        assert caught.value.errno == errno.ETIMEDOUT

    run(fresh, unheard)
    assert "lo" in run(fresh, names)
    assert len(sockets()) == len(before) + 1
