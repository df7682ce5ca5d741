"""The one door to netlink: a routing socket inside a namespace, requests, whole answers.

kernel: rtnetlink(7); netdevice(7), of whose calls a netlink socket knows those about interfaces; net/core/dev_ioctl.c.
"""

from __future__ import annotations

import errno
import fcntl
import socket
import struct
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Self

from plurimus.adapters import visitors
from plurimus.adapters.netlinksocket import NetlinkError, NetlinkSocket, Request, guarded, told, unbound
from plurimus.wire import netlink as wire
from plurimus.wire import rtanswers, rtrequests
from plurimus.wire import rtnetlink as rt

__all__ = ["Netlink", "NetlinkError", "Request", "at_home"]

_ATTEMPTS = 10
_SIOCGIFFLAGS, _SIOCGIFMTU, _SIOCGIFHWADDR, _SIOCGIFINDEX = 0x8913, 0x8921, 0x8927, 0x8933
_NAME_SIZE, _IFREQ_SIZE, _FAMILY, _OCTETS = 16, 40, 2, 6
_INT, _SHORT = struct.Struct("=i"), struct.Struct("=H")


class Netlink(NetlinkSocket):
    """A routing socket; use it as a context manager, from any thread but from one at a time.

    Calls block, for less than a millisecond each, and raise NetlinkError.
    """

    @classmethod
    def for_names(cls) -> Self:
        """A socket in this thread's namespace for what never waits, which needs no more than a socket."""
        try:
            return cls(unbound())
        except OSError as error:
            raise told("opening a netlink socket in this network namespace", error) from error

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

    def index(self, name: str) -> int | None:
        """The index of the interface called `name`, or None; unlike requests, never waits for changes of others."""
        found = self._ioctl(name, _SIOCGIFINDEX)
        return None if found is None else _integer(found[0])

    def index_and_mtu(self, name: str) -> tuple[int, int] | None:
        """Both of the interface called `name`, or None; never waits."""
        found = self._ioctl(name, _SIOCGIFINDEX, _SIOCGIFMTU)
        return None if found is None else (_integer(found[0]), _integer(found[1]))

    def index_and_mac(self, name: str) -> tuple[int, str] | None:
        """Both of the interface called `name`, or None; never waits."""
        found = self._ioctl(name, _SIOCGIFINDEX, _SIOCGIFHWADDR)
        return None if found is None else (_integer(found[0]), _mac(found[1]))

    def mtu(self, name: str) -> int | None:
        """The MTU of the interface called `name`, or None; never waits."""
        found = self._ioctl(name, _SIOCGIFMTU)
        return None if found is None else _integer(found[0])

    def mac(self, name: str) -> str | None:
        """The MAC of the interface called `name`, or None, its first six octets; never waits."""
        found = self._ioctl(name, _SIOCGIFHWADDR)
        return None if found is None else _mac(found[0])

    def flags(self, name: str) -> int | None:
        """The lower 16 flags of the interface called `name`, or None; never waits."""
        found = self._ioctl(name, _SIOCGIFFLAGS)
        return None if found is None else int(_SHORT.unpack_from(found[0])[0])

    def links(self) -> list[rt.Link]:
        return self.read("listing links", rt.RTM_GETLINK, wire.NLM_F_DUMP, rtrequests.dump_links(), _links)

    def addresses(self) -> list[rt.Address]:
        payload = rtrequests.dump_addresses()
        return self.read("listing addresses", rt.RTM_GETADDR, wire.NLM_F_DUMP, payload, _addresses)

    def routes(self, family: int | None = None, *, table: int = rt.MAIN_TABLE) -> list[rt.Route]:
        """The routes of one table, each next hop by itself; `family` is 4, 6 or None for both."""
        raw = [payload for version in ((family,) if family else (4, 6)) for payload in self._raw_routes(version)]
        with guarded("listing routes"):
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

    def _ioctl(self, name: str, *numbers: int) -> list[bytes] | None:
        """What the kernel answers to each of the calls about an interface; None where there is none."""
        packed = name.encode(errors="surrogatepass")
        # of a name with a colon the call would see what is before it
        if not 0 < len(packed) < _NAME_SIZE or 0 in packed or b":" in packed or not self._is_there(packed):
            return None
        try:
            asked = packed.ljust(_IFREQ_SIZE, b"\0")
            return [fcntl.ioctl(self._socket, number, asked)[_NAME_SIZE:] for number in numbers]
        except OSError as error:
            if error.errno == errno.ENODEV:
                return None
            raise told(f"interface {name}", error) from error

    def _is_there(self, packed: bytes) -> bool:
        """Whether an interface has this name.

        At a call about a name that none has, the kernel first loads the module of that name, for whoever may load
        modules: it would be chosen by definitions, and waited for.  Binding a routing socket has no other effect.
        """
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, packed)
        except OSError as error:
            return error.errno != errno.ENODEV  # EPERM: such a process loads no modules either
        return True

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
        with guarded(what):
            found = ((payload, rtanswers.without_hop(payload, hop)) for payload in payloads)
            return next(((payload, rest) for payload, rest in found if rest is not None), None)

    def _raw_routes(self, family: int) -> list[bytes]:
        payload = rtrequests.dump_routes(family)
        return self.read("listing routes", rt.RTM_GETROUTE, wire.NLM_F_DUMP, payload, list)


class _Kept(threading.local):
    """The socket that this thread, one that enters namespaces, has in its own."""

    netlink: Netlink | None = None


_kept = _Kept()


@contextmanager
def at_home() -> Iterator[Netlink]:
    """A socket in this process's own namespace, for a thread that is there; one that visits others keeps it.

    It is given up once an answer on it was not read to its end.  Not to be nested.
    """
    if not visitors.is_home():
        with Netlink.open() as netlink:
            yield netlink
        return
    netlink = _kept.netlink = _kept.netlink or Netlink.open()
    try:
        yield netlink
    finally:
        if not netlink.is_whole:
            netlink.close()
            _kept.netlink = None


def _links(payloads: Iterable[bytes]) -> list[rt.Link]:
    return [rtanswers.link(payload) for payload in payloads]


def _addresses(payloads: Iterable[bytes]) -> list[rt.Address]:
    return [found for payload in payloads if (found := rtanswers.address(payload)) is not None]


def _integer(answer: bytes) -> int:
    return int(_INT.unpack_from(answer)[0])


def _mac(answer: bytes) -> str:
    return answer[_FAMILY : _FAMILY + _OCTETS].hex(":")


def _words(route: rt.Route) -> str:
    return f"route {route.dst or 'default'} via {route.gateway or 'link'}"
