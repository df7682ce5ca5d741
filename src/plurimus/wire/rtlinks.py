"""Routing netlink: interfaces as devices, which have a place on a bus, and are renamed, moved and set.

kernel: include/uapi/linux/if_link.h; net/core/rtnetlink.c for what one request does in which order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from plurimus.wire import rtanswers, rtrequests
from plurimus.wire import rtnetlink as rt
from plurimus.wire.netlink import U32, WireError, attribute, each_attribute, text

RTM_SETLINK = 19
RTM_NEWLINKPROP, RTM_DELLINKPROP = 108, 109
_IFLA_IFALIAS = 20
_IFLA_NET_NS_FD, _IFLA_PHYS_PORT_NAME, _IFLA_PROP_LIST, _IFLA_ALT_IFNAME = 28, 38, 52, 53
_IFLA_PERM_ADDRESS, _IFLA_PARENT_DEV_NAME = 54, 56
_NESTED = 0x8000
_NAME_SIZE, _ALTERNATIVE_NAME_SIZE = 16, 128
_IFF_RUNNING = 0x40


@dataclass(frozen=True, slots=True)
class Device:
    """An interface, and what says which piece of hardware it is.

    `parent` is the device it belongs to, for a PCI device its address; empty where it has none, or the kernel (before
    5.14) does not say.  `permanent` is the hardware's own MAC.  `port` tells the interfaces of one PCI function apart.
    """

    link: rt.Link
    parent: str = ""
    permanent: str = ""
    port: str = ""
    alternatives: tuple[str, ...] = ()
    alias: str = ""

    @property
    def name(self) -> str:
        return self.link.name

    @property
    def is_running(self) -> bool:
        """Whether it is up and its carrier is there."""
        return self.link.is_up and bool(self.link.flags & _IFF_RUNNING)


def device(payload: bytes) -> Device:
    """The content of RTM_NEWLINK.

    Raises:
        WireError: the kernel would not send that.
    """
    link, found = rtanswers.link_and_rest(payload)
    names = each_attribute(found.get(_IFLA_PROP_LIST, b""))
    return Device(
        link,
        parent=text(found.get(_IFLA_PARENT_DEV_NAME, b"")),
        permanent=found.get(_IFLA_PERM_ADDRESS, b"").hex(":"),
        port=text(found.get(_IFLA_PHYS_PORT_NAME, b"")),
        alternatives=tuple(text(value) for kind, value in names if kind == _IFLA_ALT_IFNAME),
        alias=text(found.get(_IFLA_IFALIAS, b"")),
    )


def devices(payloads: Iterable[bytes]) -> list[Device]:
    return [device(payload) for payload in payloads]


def get_device(index: int) -> bytes:
    """RTM_GETLINK for one index, without statistics."""
    everything = rtrequests.dump_links()
    return rt.LINK.pack(0, 0, index, 0, 0) + everything[rt.LINK.size :]


def rename(index: int, name: str) -> bytes:
    """RTM_SETLINK.

    Raises:
        WireError: no interface can be called that.
    """
    return _about(index) + attribute(rt.IFLA_IFNAME, packed_name(name))


def set_mac(index: int, mac: bytes) -> bytes:
    return _about(index) + attribute(rt.IFLA_ADDRESS, mac)


def set_mtu(index: int, mtu: int) -> bytes:
    return _about(index) + attribute(rt.IFLA_MTU, U32.pack(mtu))


def move(index: int, namespace: int, name: str) -> bytes:
    """RTM_SETLINK into the namespace with the descriptor `namespace`, where it is called `name`.

    The kernel moves first, under the present name if that is free there, and renames then.  So where `name` is taken
    there, the device may have moved when the request fails.
    """
    return (
        _about(index) + attribute(_IFLA_NET_NS_FD, U32.pack(namespace)) + attribute(rt.IFLA_IFNAME, packed_name(name))
    )


def alternative_name(index: int, name: str) -> bytes:
    """RTM_NEWLINKPROP or RTM_DELLINKPROP for one alternative name."""
    inner = attribute(_IFLA_ALT_IFNAME, packed_name(name, _ALTERNATIVE_NAME_SIZE))
    return _about(index) + attribute(_IFLA_PROP_LIST | _NESTED, inner)


def _about(index: int) -> bytes:
    return rt.LINK.pack(0, 0, index, 0, 0)


def packed_name(name: str, size: int = _NAME_SIZE) -> bytes:
    """A name as it is sent, with its end mark, which counts to `size`.

    Raises:
        WireError: no interface can be called that; the kernel would cut it at a NUL.
    """
    packed = name.encode(errors="surrogatepass")
    if not 0 < len(packed) < size or 0 in packed:
        raise WireError(f"{name!r} cannot be the name of an interface")
    return packed + b"\0"
