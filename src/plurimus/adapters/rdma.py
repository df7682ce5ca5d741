"""RDMA devices over netlink: which are in a namespace, how they share the node, moving one.

The kernel shows a socket the devices of the namespace the socket was made in; so a device is moved out of a namespace
by a socket inside it.  Functions take such a socket, made by `connect`, and raise NetlinkError.

kernel: drivers/infiniband/core/nldev.c; spec section 8.3.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from typing import TypeVar

from plurimus.adapters.netlink import Netlink, NetlinkError
from plurimus.wire import netlink as wire
from plurimus.wire import rdma
from plurimus.wire.rdma import Device, Port

T = TypeVar("T")

_ATTEMPTS = 10
EXCLUSIVE_AT_BOOT = "put 'options ib_core netns_mode=0' into /etc/modprobe.d/ib_core.conf and restart the node"
_HINTS = {
    errno.EOPNOTSUPP: "the RDMA subsystem is in shared mode ('rdma system' shows it), or the driver cannot take the "
    "device from what uses it, as that of soft RoCE before Linux 7.3",
    errno.EPERM: "the daemon needs CAP_NET_ADMIN in the user namespace that owns the target",
    errno.EBUSY: "something else changes the device; the runtime tries again",
    errno.EEXIST: "the target has a device of that name; rename one of them with 'rdma dev set'",
    errno.EINVAL: "the device has gone meanwhile, or the kernel is older than 5.3",
    errno.EBADF: "the target is no network namespace any more",
}


def connect(path: str | None = None) -> Netlink:
    """A socket to the RDMA subsystem in the namespace at `path` (None: this one).

    Raises:
        NamespaceError: code 8.
        NetlinkError: EPROTONOSUPPORT where the kernel has no RDMA, or ib_core is not loaded.
    """
    try:
        return Netlink.open(path, protocol=rdma.PROTOCOL)
    except NetlinkError as error:
        if error.errno != errno.EPROTONOSUPPORT:
            raise
        text = "this kernel has no RDMA subsystem: load the driver of the card, and with it ib_core"
        raise NetlinkError("asking for RDMA devices", error.errno, text) from error


def is_absent(error: NetlinkError) -> bool:
    """Whether `connect` failed because there is no RDMA on this node."""
    return error.errno == errno.EPROTONOSUPPORT


def mode(netlink: Netlink) -> str:
    """How devices and namespaces go together: `rdma.EXCLUSIVE` or `rdma.SHARED`, which is the kernel's default."""
    what = "asking for the mode of the RDMA subsystem"
    answer = netlink.ask(what, rdma.SYS_GET, wire.NLM_F_ACK, b"")
    found = [message.payload for message in answer.messages if message.kind == rdma.SYS_GET]
    return _parsed(what, found, rdma.mode)[0] if found else rdma.SHARED


def devices(netlink: Netlink) -> list[Device]:
    """The devices of the namespace, in shared mode those of the node."""
    return _dump(netlink, "listing RDMA devices", rdma.GET, b"", rdma.device)


def ports(netlink: Netlink, device: Device) -> list[Port]:
    """The ports of a device; none where it is gone."""
    try:
        what = f"listing the ports of RDMA device {device.name}"
        return _dump(netlink, what, rdma.PORT_GET, rdma.of_device(device.index), rdma.port)
    except NetlinkError as error:
        if error.errno in (errno.EINVAL, errno.ENODEV):
            return []
        raise


def find(netlink: Netlink, name: str) -> Device | None:
    """The device called `name`, or None."""
    return next((device for device in devices(netlink) if device.name == name), None)


def move(netlink: Netlink, device: Device, namespace: int, where: str) -> None:
    """Move a device to the namespace open as the descriptor `namespace`, which an error calls `where`.

    Whatever has the device open loses it: its verbs fail with EIO.
    """
    _change(netlink, f"moving RDMA device {device.name} to {where}", rdma.SET, rdma.move(device.index, namespace))


def rename(netlink: Netlink, device: Device, name: str) -> None:
    """Give a device another name."""
    _change(netlink, f"renaming RDMA device {device.name} to {name}", rdma.SET, rdma.rename(device.index, name))


def add_link(netlink: Netlink, name: str, kind: str, netdev: str) -> None:
    """Make a device of software, of `kind` rxe or siw, on the interface `netdev` of the namespace."""
    what = f"making RDMA device {name} ({kind}) on interface {netdev}"
    _change(netlink, what, rdma.NEWLINK, rdma.new_link(name, kind, netdev))


def delete_link(netlink: Netlink, device: Device) -> None:
    """Remove a device of software."""
    _change(netlink, f"removing RDMA device {device.name}", rdma.DELLINK, rdma.of_device(device.index))


def _change(netlink: Netlink, what: str, kind: int, payload: bytes) -> None:
    try:
        netlink.change(what, kind, 0, payload)
    except NetlinkError as error:
        if error.text or error.errno not in _HINTS:
            raise
        raise NetlinkError(what, error.errno, _HINTS[error.errno]) from error


def _dump(netlink: Netlink, what: str, kind: int, payload: bytes, parse: Callable[[bytes], T]) -> list[T]:
    for _ in range(_ATTEMPTS):
        answer = netlink.ask(what, kind, wire.NLM_F_DUMP, payload)
        if not answer.interrupted:
            return _parsed(what, (message.payload for message in answer.messages if message.kind == kind), parse)
    raise NetlinkError(what, errno.EINTR, f"disturbed by changes {_ATTEMPTS} times")


def _parsed(what: str, payloads: Iterable[bytes], parse: Callable[[bytes], T]) -> list[T]:
    try:
        return [parse(payload) for payload in payloads]
    except wire.WireError as error:
        raise NetlinkError(what, errno.EBADMSG, f"the kernel's answer is malformed: {error}") from error
