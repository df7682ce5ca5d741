"""The one door to netlink: a routing socket inside a namespace, requests, whole answers.

A dump that was interrupted by a change is asked for again; an error carries the kernel's own words.

kernel: netlink(7), rtnetlink(7).
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from types import TracebackType
from typing import Self, TypeVar

from plurimus.adapters import netns
from plurimus.cni.errors import AttachmentError
from plurimus.wire import netlink as wire
from plurimus.wire import rtanswers, rtrequests
from plurimus.wire import rtnetlink as rt

T = TypeVar("T")

_SOL_NETLINK, _NETLINK_EXT_ACK, _NETLINK_CAP_ACK = 270, 11, 10
_BUFFER = 1 << 16
"""A dump comes in pieces of at most 32 KiB; what is asked for alone, as the VFs of one PF, comes as a whole."""
_TIMEOUT = 10.0
_ATTEMPTS = 10
_AGAIN = (errno.EINTR, errno.ENOBUFS)
"""A dump was disturbed, or its answer was lost: asking again is safe, and may succeed."""


class NetlinkError(AttachmentError):
    """The kernel refused `what`; `errno` is its number, `text` its own words, often empty."""

    def __init__(self, what: str, errno: int, text: str = "") -> None:
        reason = os.strerror(errno)
        super().__init__(f"{what}: {text} ({reason})" if text else f"{what}: {reason}")
        self.what = what
        self.errno = errno
        self.text = text


class Netlink:
    """A routing socket; use it as a context manager, from any thread but from one at a time.

    Calls block, for less than a millisecond each, and raise NetlinkError.
    """

    def __init__(self, channel: socket.socket, *, buffer: int = _BUFFER) -> None:
        self._socket = channel
        self._buffer = buffer
        self._sequence = count(1)

    @classmethod
    def open(cls, path: str | None = None, *, protocol: int = socket.NETLINK_ROUTE, buffer: int = _BUFFER) -> Self:
        """A socket inside the namespace at `path` (None: this one); it stays there whoever uses it.

        `protocol` is the kernel's number of who answers: routing, RDMA, ...; no message of an answer may have more
        than `buffer` bytes.

        Raises:
            NamespaceError: code 8.
        """
        with _guarded(f"opening a netlink socket in {path or 'this network namespace'}"):
            return cls(netns.visit(path, lambda: _channel(protocol)), buffer=buffer)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def link(self, name: str) -> rt.Link | None:
        """The interface called `name`, or None."""
        try:
            payload = rtrequests.get_link(name)
        except wire.WireError:
            return None
        try:
            found = self.read(f"interface {name}", rt.RTM_GETLINK, 0, payload, _links)
        except NetlinkError as error:
            if error.errno == errno.ENODEV:
                return None
            raise
        return found[0] if found else None

    def links(self) -> list[rt.Link]:
        return self.read("listing links", rt.RTM_GETLINK, wire.NLM_F_DUMP, rtrequests.dump_links(), _links)

    def addresses(self) -> list[rt.Address]:
        payload = rtrequests.dump_addresses()
        return self.read("listing addresses", rt.RTM_GETADDR, wire.NLM_F_DUMP, payload, _addresses)

    def routes(self, family: int | None = None, *, table: int = rt.MAIN_TABLE) -> list[rt.Route]:
        """The routes of one table, each next hop by itself; `family` is 4, 6 or None for both."""
        raw = [payload for version in ((family,) if family else (4, 6)) for payload in self._raw_routes(version)]
        with _guarded("listing routes"):
            return [route for payload in raw for route in rtanswers.routes(payload) if route.table == table]

    def add_route(self, route: rt.Route, *, replace: bool = False) -> None:
        """Add a route; EEXIST where there is one to the same destination with the same priority.

        With `replace` it takes the place of that one in one step: of the first such in IPv4, of all
        next hops in IPv6.
        """
        how = wire.NLM_F_REPLACE if replace else wire.NLM_F_EXCL
        self.change(f"adding {_words(route)}", rt.RTM_NEWROUTE, wire.NLM_F_CREATE | how, rtrequests.new_route(route))

    def append_route(self, route: rt.Route) -> None:
        """Add a route beside those to the same destination; in IPv6 it becomes a next hop of theirs."""
        flags = wire.NLM_F_CREATE | wire.NLM_F_APPEND
        self.change(f"appending {_words(route)}", rt.RTM_NEWROUTE, flags, rtrequests.new_route(route))

    def delete_route(self, route: rt.Route) -> None:
        """Delete this next hop; other next hops of its route stay, equal ones beside it may go with it.

        IPv4 removes a route only as a whole, so one with several next hops is first made again
        without this one, beside the old.
        """
        what = f"deleting {_words(route)}"
        if route.family == 4 and self._leave(what, route):
            return
        self.change(what, rt.RTM_DELROUTE, 0, rtrequests.delete_route(route))

    def set_up(self, name: str) -> None:
        """Set an interface up."""
        link = self.link(name)
        if link is None:
            raise NetlinkError(f"setting {name} up", errno.ENODEV)
        self.change(f"setting {name} up", rt.RTM_NEWLINK, 0, rtrequests.set_link(link.index, up=True))

    def _leave(self, what: str, hop: rt.Route) -> bool:
        """Take `hop` out of the route that has it and others; whether there was one.

        A deletion also matches an earlier route that has only the first of the next hops.  That is then
        what was to remain, so another round puts it back and reaches the route itself.
        """
        for turn in range(_ATTEMPTS):
            shared = self._shared(what, hop)
            if shared is None:
                return turn > 0
            old, rest = shared
            try:
                self.change(what, rt.RTM_NEWROUTE, wire.NLM_F_CREATE | wire.NLM_F_APPEND, rest)
            except NetlinkError as error:
                if error.errno != errno.EEXIST:
                    raise
            self.change(what, rt.RTM_DELROUTE, 0, old)
        raise NetlinkError(what, errno.EBUSY, f"still there after {_ATTEMPTS} deletions")

    def _shared(self, what: str, hop: rt.Route) -> tuple[bytes, bytes] | None:
        """The route of which `hop` is one next hop of several, and that route without it."""
        payloads = self._raw_routes(hop.family)
        with _guarded(what):
            found = ((payload, rtanswers.without_hop(payload, hop)) for payload in payloads)
            return next(((payload, rest) for payload, rest in found if rest is not None), None)

    def _raw_routes(self, family: int) -> list[bytes]:
        payload = rtrequests.dump_routes(family)
        return self.read("listing routes", rt.RTM_GETROUTE, wire.NLM_F_DUMP, payload, list)

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
                with _guarded(what):
                    # the answers to a GET request have the number of the NEW request, 2 less
                    return parse(message.payload for message in answer.messages if message.kind == kind - 2)
        raise NetlinkError(what, errno.EINTR, f"disturbed by changes {_ATTEMPTS} times")

    def change(self, what: str, kind: int, flags: int, payload: bytes) -> None:
        """Have the request carried out, and acknowledged; `what` says in an error what was tried."""
        self.ask(what, kind, flags | wire.NLM_F_ACK, payload)

    def ask(self, what: str, kind: int, flags: int, payload: bytes) -> wire.Answer:
        """Send one request of any protocol and collect its answer up to the last message."""
        answer = wire.Answer(next(self._sequence), acknowledged=bool(flags & (wire.NLM_F_ACK | wire.NLM_F_DUMP)))
        with _guarded(what):
            self._socket.send(wire.frame(kind, flags | wire.NLM_F_REQUEST, answer.sequence, payload))
            while not answer.feed(self._receive()):
                pass
        if answer.refusal is not None:
            raise NetlinkError(what, answer.refusal.errno, answer.refusal.text)
        return answer

    def _receive(self) -> bytes:
        """The next datagram of the kernel; a pod's process may send to this socket, too."""
        while True:
            datagram, (sender, _) = self._socket.recvfrom(self._buffer)
            if sender == 0:
                return datagram


@contextmanager
def _guarded(what: str) -> Iterator[None]:
    """Everything that can go wrong with the socket or the bytes on it becomes a NetlinkError about `what`."""
    try:
        yield
    except TimeoutError as error:
        raise NetlinkError(what, errno.ETIMEDOUT, f"no answer in {_TIMEOUT:.0f} s") from error
    except OSError as error:
        raise NetlinkError(what, error.errno or errno.EIO) from error
    except wire.WireError as error:
        raise NetlinkError(what, errno.EBADMSG, f"the kernel's answer is malformed: {error}") from error


def _links(payloads: Iterable[bytes]) -> list[rt.Link]:
    return [rtanswers.link(payload) for payload in payloads]


def _addresses(payloads: Iterable[bytes]) -> list[rt.Address]:
    return [found for payload in payloads if (found := rtanswers.address(payload)) is not None]


def _channel(protocol: int) -> socket.socket:
    channel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
    try:
        channel.settimeout(_TIMEOUT)
        for option in (_NETLINK_EXT_ACK, _NETLINK_CAP_ACK):
            channel.setsockopt(_SOL_NETLINK, option, 1)
        channel.bind((0, 0))
    except OSError:
        channel.close()
        raise
    return channel


def _words(route: rt.Route) -> str:
    return f"route {route.dst or 'default'} via {route.gateway or 'link'}"
