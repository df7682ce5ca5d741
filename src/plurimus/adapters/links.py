"""Interfaces as devices, by netlink: found, renamed, moved between namespaces, set; and the VFs of a PF.

Every function takes a routing socket in the namespace of the interface and raises NetlinkError; `what` in its text is
what was tried.  Interfaces are named by their index, which nobody renames meanwhile.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from typing import TypeVar

from plurimus.adapters import netns
from plurimus.adapters.netlink import Netlink, NetlinkError, Request
from plurimus.wire import netlink as wire
from plurimus.wire import rtdetails, rtkinds, rtlinks, rtrequests, rtvfs
from plurimus.wire import rtnetlink as rt
from plurimus.wire.rtdetails import Details
from plurimus.wire.rtkinds import NewLink
from plurimus.wire.rtlinks import Device
from plurimus.wire.rtvfs import Aspect, VirtualFunction

T = TypeVar("T")

VFS_BUFFER = 1 << 20
"""What the VFs of one PF need, which come in one message: some 300 bytes each, and drivers with 1000 of them exist."""
_OWN_NAMESPACE = "/proc/thread-self/ns/net"


def devices(netlink: Netlink) -> list[Device]:
    """All interfaces of the namespace."""
    payload = rtrequests.dump_links()
    return netlink.read("listing links", rt.RTM_GETLINK, wire.NLM_F_DUMP, payload, rtlinks.devices)


def device(netlink: Netlink, index: int) -> Device | None:
    """The interface with this index, or None."""
    return _one(netlink, f"interface {index}", rtlinks.get_device(index), rtlinks.devices)


def details(netlink: Netlink, name: str) -> Details | None:
    """The interface called `name` with what its kind has, or None."""
    try:
        payload = rtrequests.get_link(name)
    except wire.WireError:
        return None
    return _one(netlink, f"interface {name}", payload, rtdetails.each_details)


def details_of(netlink: Netlink, index: int) -> Details | None:
    """The interface with this index with what its kind has, or None."""
    return _one(netlink, f"interface {index}", rtlinks.get_device(index), rtdetails.each_details)


def creation(link: NewLink) -> Request:
    """What makes a link; refused with EEXIST where its name is taken."""
    what = f"making the {link.kind} {link.name!r}"
    return Request(
        what, rt.RTM_NEWLINK, wire.NLM_F_CREATE | wire.NLM_F_EXCL, _named(what, lambda: rtkinds.new_link(link))
    )


def deletion(index: int) -> Request:
    """What deletes a link; refused with ENODEV where it is gone."""
    return Request(f"deleting interface {index}", rtkinds.RTM_DELLINK, 0, rtkinds.delete_link(index))


def raising(index: int, *, up: bool = True) -> Request:
    """What sets a link up or down."""
    what = f"setting interface {index} {'up' if up else 'down'}"
    return Request(what, rt.RTM_NEWLINK, 0, rtrequests.set_link(index, up=up))


def create(netlink: Netlink, link: NewLink) -> None:
    """Make a link; EEXIST where its name is taken."""
    netlink.change_all([creation(link)])


def delete(netlink: Netlink, name: str) -> bool:
    """Delete the link called `name`; whether there was one."""
    index = netlink.index(name)
    if index is None:
        return False
    (refused,) = netlink.batch([deletion(index)])
    if refused is not None and refused.errno != errno.ENODEV:
        raise refused
    return refused is None


def virtual_functions(netlink: Netlink, pf: int) -> list[VirtualFunction]:
    """What the PF has set for its VFs; `netlink` has a buffer of VFS_BUFFER bytes."""
    what = f"listing the VFs of interface {pf}"
    return netlink.read(what, rt.RTM_GETLINK, 0, rtvfs.get(pf), rtvfs.functions)


def set_virtual_function(netlink: Netlink, pf: int, wanted: VirtualFunction, aspect: Aspect) -> None:
    """Give the VF `wanted.index` of the interface `pf` one aspect of `wanted`."""
    values = " ".join(map(str, wanted.aspect(aspect)))
    what = f"setting {aspect} of VF {wanted.index} of interface {pf} to {values}"
    payload = _named(what, lambda: rtvfs.set_aspect(pf, wanted, aspect))
    netlink.change(what, rtlinks.RTM_SETLINK, 0, payload)


def set_up(netlink: Netlink, index: int, *, up: bool) -> None:
    netlink.change_all([raising(index, up=up)])


def set_mac(netlink: Netlink, index: int, mac: bytes) -> None:
    what = f"setting the MAC of interface {index} to {mac.hex(':')}"
    netlink.change(what, rtlinks.RTM_SETLINK, 0, rtlinks.set_mac(index, mac))


def set_mtu(netlink: Netlink, index: int, mtu: int) -> None:
    netlink.change(
        f"setting the MTU of interface {index} to {mtu}", rtlinks.RTM_SETLINK, 0, rtlinks.set_mtu(index, mtu)
    )


def rename(netlink: Netlink, index: int, name: str) -> None:
    what = f"renaming interface {index} to {name!r}"
    netlink.change(what, rtlinks.RTM_SETLINK, 0, _named(what, lambda: rtlinks.rename(index, name)))


def move(netlink: Netlink, index: int, namespace: str | None, name: str) -> None:
    """Move an interface to the namespace at the path `namespace` (None: this process's own), and call it `name` there.

    Fails with EEXIST where `name` is taken there; then the interface may be there under its present name.

    Raises:
        NamespaceError: code 8; there is no namespace.
    """
    what = f"moving interface {index} to {namespace or 'the network namespace of the host'} as {name!r}"
    with netns.opened(namespace or _OWN_NAMESPACE) as handle:
        netlink.change(what, rtlinks.RTM_SETLINK, 0, _named(what, lambda: rtlinks.move(index, handle, name)))


def add_alternative_name(netlink: Netlink, index: int, name: str) -> None:
    what = f"adding the name {name!r} to interface {index}"
    flags = wire.NLM_F_CREATE | wire.NLM_F_EXCL | wire.NLM_F_APPEND
    payload = _named(what, lambda: rtlinks.alternative_name(index, name))
    netlink.change(what, rtlinks.RTM_NEWLINKPROP, flags, payload)


def remove_alternative_name(netlink: Netlink, index: int, name: str) -> None:
    what = f"removing the name {name!r} from interface {index}"
    payload = _named(what, lambda: rtlinks.alternative_name(index, name))
    netlink.change(what, rtlinks.RTM_DELLINKPROP, 0, payload)


def _named(what: str, make: Callable[[], bytes]) -> bytes:
    try:
        return make()
    except wire.WireError as error:
        raise NetlinkError(what, errno.EINVAL, str(error)) from error


def _one(netlink: Netlink, what: str, payload: bytes, parse: Callable[[Iterable[bytes]], list[T]]) -> T | None:
    """The only answer to RTM_GETLINK; None where there is no such interface."""
    try:
        found = netlink.read(what, rt.RTM_GETLINK, 0, payload, parse)
    except NetlinkError as error:
        if error.errno == errno.ENODEV:
            return None
        raise
    return found[0] if found else None
