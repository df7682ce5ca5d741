"""Veth pairs: one end is a pod's interface, the other stays on the host.

Both are made by one request, the host's end as the port of a bridge and up where that is wanted.

Plugins spec section 1.2.
"""

from __future__ import annotations

import asyncio
import errno
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from plurimus.adapters import links, netns, sysctls
from plurimus.adapters.netlink import Netlink, NetlinkError
from plurimus.cni.errors import AttachmentError
from plurimus.drivers.threads import in_thread
from plurimus.wire import rtkinds
from plurimus.wire.rtkinds import NewLink
from plurimus.wire.rtnetlink import IPAddress

T = TypeVar("T")

KIND = "veth"
_ATTEMPTS = 10
_AT_ONCE, _SHORT = 3, 0.001
_PATIENCE, _PAUSE, _GROWTH = 2.5, 0.005, 1.5
_STATES = ("unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up")


class Pair(NamedTuple):
    """What is asked of both ends; the MAC is the pod's, 0 and empty leave a value to the kernel."""

    ifname: str
    mtu: int = 0
    mac: bytes = b""
    master: int = 0


@dataclass(frozen=True, slots=True)
class HostEnd:
    """The end that stays on the host."""

    name: str
    index: int
    mac: str


def make(host: Netlink, namespace: int | None, wanted: Pair) -> HostEnd:
    """The host's end of a new pair, up; the other end is in the namespace with that descriptor, down.

    For a thread in the host's namespace.

    Raises:
        NetlinkError: EEXIST where the pod has an interface of that name; or what else the kernel says.  Nothing is
            left then.
    """
    for _ in range(_ATTEMPTS):
        name = f"veth{secrets.token_hex(4)}"
        try:
            links.create(host, _pair(name, namespace, wanted))
        except NetlinkError as error:
            if error.errno != errno.EEXIST:
                raise
            if host.index(name) is None:
                raise NetlinkError(
                    f"making the veth {wanted.ifname!r}", errno.EEXIST, f"there is an interface {wanted.ifname} already"
                ) from error
            continue
        try:
            return _end(host, name)
        except BaseException as error:
            try:
                links.delete(host, name)
            except AttachmentError as failure:
                error.add_note(f"while undoing: {failure}")
            raise
    raise AttachmentError(f"no free name for the host's end of {wanted.ifname} after {_ATTEMPTS} attempts")


def _end(host: Netlink, name: str) -> HostEnd:
    sysctls.write_here({f"net/ipv6/conf/{name}/accept_ra": "0"}, tolerant=True)
    found = host.index_and_mac(name)
    if found is None:
        raise AttachmentError(f"interface {name} was deleted by another program while it was set up")
    return HostEnd(name, *found)


def _pair(name: str, namespace: int | None, wanted: Pair) -> NewLink:
    peer = NewLink(KIND, wanted.ifname, namespace=namespace, mtu=wanted.mtu, mac=wanted.mac)
    return NewLink(KIND, name, rtkinds.veth(peer), mtu=wanted.mtu, txqlen=0, master=wanted.master, up=True)


def is_running(host: Netlink, index: int) -> bool:
    """Whether the host's end says it can carry frames; after some milliseconds at most, where both ends are up."""
    for left in reversed(range(_AT_ONCE)):
        if _state(host, index) == _STATES[-1]:
            return True
        if left:
            time.sleep(_SHORT)
    return False


async def wait_running(end: HostEnd) -> None:
    """Wait up to 2.5 s until the host's end says it can carry frames.

    Raises:
        AttachmentError: it does not, or is gone.
    """
    pause, waited = _PAUSE, 0.0
    with Netlink.open() as host:
        while True:
            state = await in_thread(lambda: _state(host, end.index))
            if state == _STATES[-1]:
                return
            if waited > _PATIENCE:
                raise AttachmentError(
                    f"bridge port {end.name} is in the state {state!r} after {_PATIENCE} s, expected {_STATES[-1]!r}"
                )
            await asyncio.sleep(pause)
            waited, pause = waited + pause, pause * _GROWTH


def discard(end: HostEnd) -> None:
    """Delete a pair by the end that stays on the host, if it is there."""
    with Netlink.open() as host:
        (refused,) = host.batch([links.deletion(end.index)])
        if refused is not None and refused.errno != errno.ENODEV:
            raise refused


def remove(namespace: str, ifname: str) -> None:
    """Delete the pod's interface, with which the host's end goes, as far as there is something to delete."""

    def inside() -> None:
        with Netlink.open() as pod:
            links.delete(pod, ifname)

    _inside(namespace, inside)


def remaining(namespace: str) -> Sequence[IPAddress]:
    """The addresses a pod has; none where it is gone."""

    def inside() -> Sequence[IPAddress]:
        with Netlink.open() as pod:
            return [each.address.ip for each in pod.addresses()]

    return _inside(namespace, inside) or []


def _inside(namespace: str, work: Callable[[], T]) -> T | None:
    """The value of `work()` inside a namespace; None where there is none any more."""
    if not namespace or netns.is_gone(namespace):
        return None
    try:
        return netns.visit(namespace, work)
    except netns.NamespaceError:
        if netns.is_gone(namespace):  # meanwhile
            return None
        raise


def _state(host: Netlink, index: int) -> str:
    found = links.details_of(host, index)
    if found is None:
        return "gone"
    return _STATES[found.operstate] if found.operstate < len(_STATES) else str(found.operstate)
