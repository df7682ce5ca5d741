"""Interfaces of pods that are on top of another interface, their master, or on none: found, made, deleted, compared.

Plugins spec sections 5 to 8.
"""

from __future__ import annotations

import errno
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import msgspec

from plurimus.adapters import links, netns
from plurimus.adapters.netlink import Netlink, NetlinkError, at_home
from plurimus.cni import macs
from plurimus.cni.errors import AttachmentError, Code, ConfigError, RequestError
from plurimus.cni.result import DNS, Interface, Result
from plurimus.drivers import addressing
from plurimus.drivers.call import Call, Driver
from plurimus.drivers.ipam import Ipam
from plurimus.drivers.steps import Undo
from plurimus.drivers.threads import in_thread, in_turn
from plurimus.wire.rtdetails import Details
from plurimus.wire.rtkinds import NewLink

MOST_MTU = 65535
_LONGEST_NAME = 15
_OCTETS = 6


class MasterKeys(msgspec.Struct, frozen=True, rename="camel"):
    """The keys of all networks on top of another interface."""

    master: str = ""
    mtu: int = 0
    link_in_container: bool = False
    dns: DNS = DNS()


@dataclass(frozen=True, slots=True)
class Master:
    """The interface below; its MTU is the most that one on top of it can have."""

    name: str
    index: int
    mtu: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an ADD makes: `link`, whose `lower` is on the host or, with `in_pod`, beside it, as is one that has none.

    `parameters` of the kernel are set before it is set up.  The result has `dns`.
    """

    link: NewLink
    dns: DNS
    in_pod: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)


async def find(call: Call, name: str, *, in_pod: bool) -> Master:
    """The master called `name`, on the host or in the pod; without a name that of the first default route there.

    Raises:
        AttachmentError: there is none.
    """
    if not in_pod and 0 < len(name) <= _LONGEST_NAME:
        with Netlink.for_names() as netlink:  # no request, so nobody is waited for
            return _named(netlink, call, name, "on this node")
    place = f"in {call.netns}" if in_pod else "on this node"

    def work() -> Master:
        with Netlink.open(call.netns if in_pod else None) as netlink:
            return _named(netlink, call, name, place) if name else _default(netlink, call, place)

    return await in_thread(work)


def _named(netlink: Netlink, call: Call, name: str, place: str) -> Master:
    if len(name) > _LONGEST_NAME:
        device = next((each for each in links.devices(netlink) if name in each.alternatives), None)
        found = None if device is None else (device.link.index, device.link.mtu)
    else:
        found = netlink.index_and_mtu(name)
    if found is None:
        raise AttachmentError(f"network {call.network!r}: 'master' is {name!r}: Link not found {place}")
    return Master(name, *found)


def _default(netlink: Netlink, call: Call, place: str) -> Master:
    for route in netlink.routes():
        if route.is_default and route.oif is not None and (found := links.device(netlink, route.oif)) is not None:
            return Master(found.name, found.link.index, found.link.mtu)
    raise AttachmentError(
        f"network {call.network!r}: no default route {place} has an interface that could be the master; "
        "name one by 'master'"
    )


async def available(call: Call, name: str, *, in_pod: bool) -> None:
    """Raise why there is no master; in pods that are still to come nobody can look.

    Raises:
        AttachmentError: code 50.
    """
    if in_pod:
        return
    try:
        await find(call, name, in_pod=False)
    except AttachmentError as error:
        error.code = int(Code.PLUGIN_NOT_AVAILABLE)
        raise


def refuse_mtu(call: Call, mtu: int, master: Master) -> None:
    """Raise ConfigError for an MTU that the interface cannot have; 0 leaves it to the kernel."""
    if not 0 <= mtu <= master.mtu:
        raise ConfigError(
            f"network {call.network!r}: 'mtu' is {mtu}, expected 0 to {master.mtu}, the MTU of {master.name!r}"
        )


def refuse_namespace(call: Call) -> None:
    """Raise NamespaceError where the pod's namespace is none that can be opened."""
    with netns.opened(call.netns):
        return


def require_ipam(call: Call, kind: str) -> None:
    """Raise ConfigError where no IPAM plugin is named."""
    if not Ipam.kind(call):
        raise ConfigError(
            f"network {call.network!r}: without a 'type' in 'ipam', {kind!r} makes no interface; give it addresses"
        )


@dataclass(frozen=True, slots=True)
class Compare:
    """What is wrong with an interface, in words; empty where nothing is.  What is None, 0 or empty is not compared."""

    master: Master | None = None
    mode: str = ""
    vlan: int | None = None
    mtu: int = 0

    def __call__(self, found: Details) -> str:
        if self.mode and found.mode != self.mode:
            return f"its mode is {found.mode}, expected {self.mode}"
        if self.vlan is not None and found.vlan != self.vlan:
            return f"its VLAN is {found.vlan}, expected {self.vlan}"
        if self.mtu and found.link.mtu != self.mtu:
            return f"its MTU is {found.link.mtu}, expected {self.mtu}"
        if self.master is not None and found.link.parent != self.master.index:
            return f"it is on interface {found.link.parent}, expected {self.master.index}, {self.master.name!r}"
        return ""


def asked_mac(call: Call, text: str, *, own: str) -> bytes:
    """The six octets of a MAC; empty where none is asked for.  `own` is what the configuration itself says.

    Raises:
        ConfigError, RequestError: it is none that an interface can have.
    """
    if not text:
        return b""
    error = ConfigError if text == own else RequestError
    try:
        packed = macs.packed(text, macs.called(text, own))
    except ValueError as reason:
        raise error(f"network {call.network!r}: {reason}") from reason
    if len(packed) != _OCTETS or packed[0] & 1 or not any(packed):
        raise error(
            f"network {call.network!r}: MAC {text!r} cannot be this interface's: it is a group's, all zeros, or has "
            f"other than {_OCTETS} octets"
        )
    return packed


async def make(call: Call, wanted: Wanted, given: Result, undo: Undo) -> Result:
    """Make the interface in the pod with the addresses and routes that IPAM has `given`; the result of the ADD.

    Raises:
        AttachmentError: the kernel refuses something, the name of the interface or an address may be taken.
    """
    ips = tuple(msgspec.structs.replace(ip, interface=0) for ip in given.ips)
    result = Result(call.cni_version, (), ips, given.routes, wanted.dns)
    interface, waits = await in_turn(lambda: _make(call, wanted, result, undo))
    if waits:
        await addressing.settle(call.netns, call.ifname, result)
    return msgspec.structs.replace(result, interfaces=(interface,))


def _make(call: Call, wanted: Wanted, result: Result, undo: Undo) -> tuple[Interface, bool]:
    """Make it as far as nothing must be waited for; whether routes must."""
    name = call.ifname

    def made(as_: str) -> None:
        undo.add(lambda: remove(call, as_))

    def inside(present: str) -> tuple[Interface, bool]:
        with Netlink.open() as netlink:
            if not present:
                links.create(netlink, wanted.link)
                made(name)
            index, mac = addressing.index_and_mac(netlink, call.netns, present or name)
            if present and present != name:
                links.rename(netlink, index, name)
                made(name)
            waits = addressing.put(netlink, index, name, result, wanted.parameters)
        return Interface(name, mac=mac, sandbox=call.netns), waits

    if wanted.in_pod:
        return netns.visit(call.netns, lambda: inside(""))
    with netns.opened(call.netns) as there:
        with at_home() as host:
            present = _create(host, wanted.link._replace(namespace=there))
        made(present)
        return netns.visit_opened(there, call.netns, lambda: inside(present))


def _create(netlink: Netlink, link: NewLink) -> str:
    """Make a link in another namespace; the name it has there for now.

    Before Linux 6.14 a name must be free in the namespace of the socket, too.
    """
    try:
        links.create(netlink, link)
    except NetlinkError as error:
        if error.errno != errno.EEXIST or netlink.index(link.name) is None:
            raise
        link = link._replace(name=f"tmp{secrets.token_hex(5)}")
        links.create(netlink, link)
    return link.name


async def remove(call: Call, name: str = "") -> None:
    """Delete the pod's interface (or another of its); nothing to do where it, or its namespace, is gone."""
    if not call.netns:
        return

    def work() -> None:
        try:
            with Netlink.open(call.netns) as netlink:
                links.delete(netlink, name or call.ifname)
        except netns.NamespaceError:
            if not netns.is_gone(call.netns):
                raise

    await in_thread(work)


Make = Callable[[Call, Wanted, Result, Undo], Awaitable[Result]]


class WithIpam(Driver):
    """What the plugins with an interface in the pod and addresses by `ipam` have in common."""

    kind: ClassVar[str]
    """The kind of the interface."""

    def __init__(self, ipam: Ipam, make: Make = make) -> None:
        """`make` makes the interface."""
        self._ipam = ipam
        self._make = make

    def link(self, call: Call) -> str | None:
        return self.kind

    async def delete(self, call: Call) -> None:
        await remove(call)
        # only now, since nobody may get an address that an interface in a pod still has
        await self._ipam.delete(call)

    async def collect(self, call: Call) -> None:
        await self._ipam.collect(call)
