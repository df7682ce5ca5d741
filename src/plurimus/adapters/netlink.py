"""The one door to netlink: a routing socket inside a namespace, requests, whole answers.

A dump that was interrupted by a change is asked for again; an error carries the kernel's own words.

kernel: netlink(7), rtnetlink(7).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from itertools import count
from types import TracebackType
from typing import Self, TypeVar

from plurimus.adapters import netns
from plurimus.cni.errors import AttachmentError
from plurimus.wire import netlink as wire
from plurimus.wire import rtnetlink as rt

T = TypeVar("T")

_SOL_NETLINK, _NETLINK_EXT_ACK, _NETLINK_CAP_ACK = 270, 11, 10
_BUFFER = 1 << 18
_TIMEOUT = 10.0
_ATTEMPTS = 10


class NetlinkError(AttachmentError):
    """The kernel refused; `errno` is its number."""

    def __init__(self, what: str, errno: int, text: str = "") -> None:
        super().__init__(f"{what}: {text or os.strerror(errno)}")
        self.errno = errno


class _Interrupted(Exception):
    """A dump that does not hold together: something changed meanwhile."""


class Netlink:
    """A routing socket; use it as a context manager.  Calls block, for less than a millisecond each."""

    def __init__(self, channel: socket.socket) -> None:
        self._socket = channel
        self._sequence = count(1)

    @classmethod
    def open(cls, path: str | None = None) -> Self:
        """A socket inside the namespace at `path` (None: this one); it stays there whoever uses it.

        Raises:
            NamespaceError: code 8.
        """
        return cls(netns.visit(path, _channel))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def link(self, name: str) -> rt.Link | None:
        """The interface called `name`, or None."""
        try:
            (answer,) = self._ask(f"interface {name}", rt.RTM_GETLINK, 0, rt.get_link(name))
        except NetlinkError as error:
            if error.errno == 19:  # ENODEV
                return None
            raise
        return rt.parse_link(answer.payload)

    def links(self) -> list[rt.Link]:
        return self._dump("links", rt.RTM_GETLINK, rt.dump_links(), rt.RTM_NEWLINK, lambda p: [rt.parse_link(p)])

    def addresses(self) -> list[rt.Address]:
        def parse(payload: bytes) -> list[rt.Address]:
            address = rt.parse_address(payload)
            return [] if address is None else [address]

        return self._dump("addresses", rt.RTM_GETADDR, rt.dump_addresses(), rt.RTM_NEWADDR, parse)

    def routes(self, family: int = 0, *, table: int = rt.MAIN_TABLE) -> list[rt.Route]:
        """The routes of one table; `family` is 4, 6 or 0 for both."""
        found: list[rt.Route] = []
        for version in (family,) if family else (4, 6):
            payload = rt.dump_routes(version)
            found += self._dump(
                "routes", rt.RTM_GETROUTE, payload, rt.RTM_NEWROUTE, lambda data: list(rt.parse_routes(data))
            )
        return [route for route in found if route.table == table]

    def add_route(self, route: rt.Route, *, replace: bool = False) -> None:
        """Add a route; with `replace` it takes the place of one to the same destination and priority."""
        flags = wire.NLM_F_CREATE | (wire.NLM_F_REPLACE if replace else wire.NLM_F_EXCL)
        self._ask(f"adding {_words(route)}", rt.RTM_NEWROUTE, flags | wire.NLM_F_ACK, rt.route(route))

    def delete_route(self, route: rt.Route) -> None:
        self._ask(f"deleting {_words(route)}", rt.RTM_DELROUTE, wire.NLM_F_ACK, rt.route(route))

    def set_up(self, name: str) -> None:
        """Set an interface up."""
        link = self.link(name)
        if link is None:
            raise NetlinkError(f"interface {name}", 19)
        self._ask(f"setting {name} up", rt.RTM_NEWLINK, wire.NLM_F_ACK, rt.set_link_up(link.index))

    def _dump(self, what: str, kind: int, payload: bytes, wanted: int, parse: Callable[[bytes], list[T]]) -> list[T]:
        for _ in range(_ATTEMPTS):
            try:
                answers = self._ask(f"listing {what}", kind, wire.NLM_F_DUMP, payload)
            except _Interrupted:
                continue
            return [value for answer in answers if answer.kind == wanted for value in parse(answer.payload)]
        raise NetlinkError(f"listing {what}", 4, f"interrupted {_ATTEMPTS} times by changes")

    def _ask(self, what: str, kind: int, flags: int, payload: bytes) -> list[wire.Message]:
        """Send one request and collect its answers up to the last."""
        sequence = next(self._sequence)
        try:
            self._socket.send(wire.frame(kind, flags | wire.NLM_F_REQUEST, sequence, payload))
            return self._answers(what, sequence, acknowledged=bool(flags & wire.NLM_F_ACK))
        except OSError as error:
            raise NetlinkError(what, error.errno or 0, str(error)) from error
        except wire.WireError as error:
            raise NetlinkError(what, 74, f"the kernel's answer is malformed: {error}") from error

    def _answers(self, what: str, sequence: int, *, acknowledged: bool) -> list[wire.Message]:
        answers: list[wire.Message] = []
        interrupted = False
        while True:
            for message in wire.messages(self._socket.recv(_BUFFER)):
                if message.sequence != sequence:
                    continue
                interrupted |= bool(message.flags & wire.NLM_F_DUMP_INTR)
                if message.kind in (wire.NLMSG_ERROR, wire.NLMSG_DONE):
                    refused = wire.refusal(message)
                    if refused.errno:
                        raise NetlinkError(what, refused.errno, refused.text)
                    if interrupted:
                        raise _Interrupted
                    return answers
                answers.append(message)
                if not message.flags & wire.NLM_F_MULTI and not acknowledged:
                    return answers


def _channel() -> socket.socket:
    channel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
    channel.settimeout(_TIMEOUT)
    for option in (_NETLINK_EXT_ACK, _NETLINK_CAP_ACK):
        channel.setsockopt(_SOL_NETLINK, option, 1)
    channel.bind((0, 0))
    return channel


def _words(route: rt.Route) -> str:
    return f"route {route.dst or 'default'} via {route.gateway or 'link'}"
