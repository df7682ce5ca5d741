"""A netlink socket inside a namespace: requests of any protocol, alone or many in one send, and whole answers.

A dump that was interrupted by a change is asked for again; an error carries the kernel's own words.

kernel: netlink(7).
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import NamedTuple, Self, TypeVar

from plurimus.adapters import netns
from plurimus.cni.errors import AttachmentError
from plurimus.wire import netlink as wire

T = TypeVar("T")

_SOL_NETLINK, _NETLINK_EXT_ACK, _NETLINK_CAP_ACK, _NETLINK_GET_STRICT_CHK = 270, 11, 10, 12
_BUFFER = 1 << 16
"""A dump comes in pieces of at most 32 KiB; what is asked for alone, as the VFs of one PF, comes as a whole."""
_TIMEOUT = 10
"""Seconds."""
_ATTEMPTS = 10
_AGAIN = (errno.EINTR, errno.ENOBUFS, errno.EBUSY)
"""A dump was disturbed, its answer was lost, or one before it was and is not yet at its end.

Asking again is safe, and may succeed.
"""
_AT_ONCE = 64
"""Requests in one send, whose acknowledgements then all have room in the socket."""


class NetlinkError(AttachmentError):
    """The kernel refused `what`; `errno` is its number, `text` its own words, often empty."""

    def __init__(self, what: str, errno: int, text: str = "") -> None:
        reason = os.strerror(errno)
        super().__init__(f"{what}: {text} ({reason})" if text else f"{what}: {reason}")
        self.what = what
        self.errno = errno
        self.text = text


class Request(NamedTuple):
    """A change that is to be acknowledged; `what` says in an error what was tried."""

    what: str
    kind: int
    flags: int
    payload: bytes


class NetlinkSocket:
    """A socket of any protocol; use it as a context manager, from any thread but from one at a time."""

    def __init__(self, channel: socket.socket, *, buffer: int = _BUFFER) -> None:
        self._socket = channel
        self._buffer = buffer
        self._sequence = wire.sequences()
        self.is_whole = True
        """Whether each answer was read to its end: else the rest may be in the way of what is asked next."""

    @classmethod
    def open(cls, path: str | None = None, *, protocol: int = socket.NETLINK_ROUTE, buffer: int = _BUFFER) -> Self:
        """A socket inside the namespace at `path` (None: this one); it stays there whoever uses it.

        `protocol` is the kernel's number of who answers: routing, RDMA, ...; no message of an answer may have more
        than `buffer` bytes.

        Raises:
            NamespaceError: code 8.
        """
        try:
            return cls(netns.visit(path, lambda: _channel(protocol)), buffer=buffer)
        except OSError as error:
            raise told(f"opening a netlink socket in {path or 'this network namespace'}", error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def read(
        self, what: str, kind: int, flags: int, payload: bytes, parse: Callable[[Iterable[bytes]], list[T]]
    ) -> list[T]:
        """What `parse` makes of the payloads of an answer that holds together; for routing requests."""
        for _ in range(_ATTEMPTS):
            try:
                answer = self.ask(what, kind, flags, payload)
            except NetlinkError as error:
                if error.errno not in _AGAIN:
                    raise
                continue
            if not answer.interrupted:
                with guarded(what):
                    # the answers to a GET request have the number of the NEW request, 2 less
                    return parse(message.payload for message in answer.messages if message.kind == kind - 2)
        raise NetlinkError(what, errno.EINTR, f"disturbed by changes {_ATTEMPTS} times")

    def change(self, what: str, kind: int, flags: int, payload: bytes) -> None:
        """Have the request carried out, and acknowledged; `what` says in an error what was tried."""
        self.ask(what, kind, flags | wire.NLM_F_ACK, payload)

    def change_all(self, requests: Sequence[Request]) -> None:
        """Have the requests carried out in their order, in one send.

        Raises:
            NetlinkError: the first that was refused, with the others as notes; those behind it were carried out
                nevertheless, unless they were refused themselves.
        """
        refused = [outcome for outcome in self.batch(requests) if outcome is not None]
        if refused:
            for other in refused[1:]:
                refused[0].add_note(str(other))
            raise refused[0]

    def batch(self, requests: Sequence[Request]) -> list[NetlinkError | None]:
        """What became of each of the requests, which are carried out in their order: None, or why it was refused.

        The kernel goes on behind one it refuses, so what must not happen then does not belong into the same batch.

        Raises:
            NetlinkError: the socket itself failed; nobody knows which were carried out.
        """
        starts = range(0, len(requests), _AT_ONCE)
        return [outcome for start in starts for outcome in self._batch(requests[start : start + _AT_ONCE])]

    def _batch(self, requests: Sequence[Request]) -> list[NetlinkError | None]:
        asked = {next(self._sequence): each for each in requests}
        flags = wire.NLM_F_REQUEST | wire.NLM_F_ACK
        sent = b"".join(wire.frame(each.kind, each.flags | flags, at, each.payload) for at, each in asked.items())
        found: dict[int, wire.Refusal | None] = {}
        try:
            self._socket.send(sent)
            while len(found) < len(asked):
                found |= {at: refusal for at, refusal in wire.outcomes(self._receive()) if at in asked}
        except (OSError, wire.WireError) as error:
            self.is_whole = False
            raise told(" and ".join(each.what for each in requests), error) from error
        return [
            None if (refusal := found[at]) is None else NetlinkError(each.what, refusal.errno, refusal.text)
            for at, each in asked.items()
        ]

    def ask(self, what: str, kind: int, flags: int, payload: bytes) -> wire.Answer:
        """Send one request of any protocol and collect its answer up to the last message."""
        answer = wire.Answer(next(self._sequence), acknowledged=bool(flags & (wire.NLM_F_ACK | wire.NLM_F_DUMP)))
        try:
            self._socket.send(wire.frame(kind, flags | wire.NLM_F_REQUEST, answer.sequence, payload))
            while not answer.feed(self._receive()):
                pass
        except (OSError, wire.WireError) as error:
            self.is_whole = False
            raise told(what, error) from error
        if answer.refusal is not None:
            raise NetlinkError(what, answer.refusal.errno, answer.refusal.text)
        return answer

    def _receive(self) -> bytes:
        """The next datagram of the kernel; a pod's process may send to this socket, too."""
        while True:
            try:
                datagram, (sender, _) = self._socket.recvfrom(self._buffer)
            except BlockingIOError as error:
                raise TimeoutError(errno.ETIMEDOUT, f"no answer in {_TIMEOUT} s") from error
            if sender == 0:
                return datagram


@contextmanager
def guarded(what: str) -> Iterator[None]:
    """Everything that can go wrong with the socket or the bytes on it becomes a NetlinkError about `what`."""
    try:
        yield
    except (OSError, wire.WireError) as error:
        raise told(what, error) from error


def told(what: str, error: OSError | wire.WireError) -> NetlinkError:
    """What went wrong with the socket, or the bytes on it, as a NetlinkError about `what`."""
    if isinstance(error, wire.WireError):
        return NetlinkError(what, errno.EBADMSG, f"the kernel's answer is malformed: {error}")
    number = error.errno or errno.EIO
    text = error.strerror or ""
    return NetlinkError(what, number, "" if text == os.strerror(number) else text)


def unbound(protocol: int = socket.NETLINK_ROUTE) -> socket.socket:
    """A socket in this thread's namespace; what is first sent by it binds it."""
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)


def _channel(protocol: int) -> socket.socket:
    channel = unbound(protocol)
    try:
        # the kernel's own, which costs no call for each answer
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", _TIMEOUT, 0))
        for option in (_NETLINK_EXT_ACK, _NETLINK_CAP_ACK):
            channel.setsockopt(_SOL_NETLINK, option, 1)
        with suppress(OSError):  # a kernel before 4.20 tells more than it is asked for
            channel.setsockopt(_SOL_NETLINK, _NETLINK_GET_STRICT_CHK, 1)
    except OSError:
        channel.close()
        raise
    return channel
