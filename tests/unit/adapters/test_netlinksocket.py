"""What a netlink socket says of what went wrong with itself, and that its requests can be counted for ever."""

from __future__ import annotations

import errno
import os

import pytest

from plurimus.adapters.netlinksocket import NetlinkError, NetlinkSocket, told


class Silent:
    """A socket on which nothing comes."""

    def send(self, data: bytes) -> int:
        return len(data)

    def recvfrom(self, size: int) -> tuple[bytes, tuple[int, int]]:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))


def test_a_kernel_that_does_not_answer_is_named_as_such() -> None:
    netlink = NetlinkSocket(Silent())  # type: ignore[arg-type] # a port
    with pytest.raises(NetlinkError) as caught:
        netlink.change("setting net1 up", 16, 0, b"")
    assert str(caught.value) == "setting net1 up: no answer in 10 s (Connection timed out)"
    assert caught.value.errno == errno.ETIMEDOUT


def test_a_thread_that_cannot_be_made_is_no_answer_that_did_not_come() -> None:
    error = told("opening a netlink socket in /run/netns/pod", OSError(errno.EAGAIN, "can't start new thread"))
    assert str(error) == (
        "opening a netlink socket in /run/netns/pod: can't start new thread (Resource temporarily unavailable)"
    )
    assert error.errno == errno.EAGAIN


def test_the_kernels_reason_is_not_said_twice() -> None:
    error = told("interface net1", OSError(errno.EPERM, os.strerror(errno.EPERM)))
    assert str(error) == "interface net1: Operation not permitted"
