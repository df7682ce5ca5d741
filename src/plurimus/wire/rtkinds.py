"""Routing netlink: links that are made, of the kinds CNI plugins make.

kernel: include/uapi/linux/{if_link,veth}.h; net/core/rtnetlink.c for what is looked up in which namespace.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from plurimus.wire import rtnetlink as rt
from plurimus.wire.netlink import U32, attribute
from plurimus.wire.rtlinks import packed_name

RTM_DELLINK = 17
IFLA_TXQLEN, IFLA_NET_NS_FD, IFLA_INFO_DATA = 13, 28, 2
VETH_INFO_PEER = 1
IFLA_MACVLAN_MODE, IFLA_MACVLAN_BC_QUEUE_LEN = 1, 7
IFLA_IPVLAN_MODE, IFLA_IPVLAN_FLAGS = 1, 2
IFLA_VLAN_ID, MOST_VLAN = 1, 4094
IFLA_VRF_TABLE = 1
IFLA_BR_VLAN_FILTERING = 7
MACVLAN_MODES = {"private": 1, "vepa": 2, "bridge": 4, "passthru": 8}
IPVLAN_MODES = {"l2": 0, "l3": 1, "l3s": 2}
U16, U8 = struct.Struct("=H"), struct.Struct("=B")

_NESTED = 0x8000


class NewLink(NamedTuple):
    """A link to be made; what is 0, empty or None is left to the kernel.

    `data` is what only its kind has, made by the functions below.  `lower` is the index of the interface it is on, in
    the namespace of the socket; `namespace` is the descriptor of the one it is made in, None for the socket's.  Kernels
    before 6.14 refuse (EEXIST) a `name` that is taken in the socket's namespace, too.  `master` is the bridge or VRF it
    becomes a port of.
    """

    kind: str
    name: str
    data: bytes = b""
    lower: int = 0
    namespace: int | None = None
    mtu: int = 0
    mac: bytes = b""
    txqlen: int | None = None
    master: int = 0
    up: bool = False


def new_link(link: NewLink) -> bytes:
    """RTM_NEWLINK.

    Raises:
        WireError: no interface can be called that.
    """
    info = attribute(rt.IFLA_INFO_KIND, link.kind.encode())
    if link.data:
        info += attribute(IFLA_INFO_DATA | _NESTED, link.data)
    return _common(link) + attribute(rt.IFLA_LINKINFO | _NESTED, info)


def delete_link(index: int) -> bytes:
    """RTM_DELLINK; a veth's peer goes with it."""
    return rt.LINK.pack(0, 0, index, 0, 0)


def veth(peer: NewLink) -> bytes:
    """The data of a veth: its other end, whose `kind` and `data` do not count."""
    return attribute(VETH_INFO_PEER | _NESTED, _common(peer))


def macvlan(mode: str, queue: int = 0) -> bytes:
    """The data of a macvlan; `queue` is how many broadcasts may wait, 0 for the kernel's own measure."""
    data = attribute(IFLA_MACVLAN_MODE, U32.pack(MACVLAN_MODES[mode]))
    return data + (attribute(IFLA_MACVLAN_BC_QUEUE_LEN, U32.pack(queue)) if queue else b"")


def ipvlan(mode: str, flags: int = 0) -> bytes:
    """The data of an ipvlan; flags are 0 (bridge), 1 (private) or 2 (vepa)."""
    return attribute(IFLA_IPVLAN_MODE, U16.pack(IPVLAN_MODES[mode])) + attribute(IFLA_IPVLAN_FLAGS, U16.pack(flags))


def vlan(number: int) -> bytes:
    """The data of a VLAN, 0 to `MOST_VLAN`."""
    return attribute(IFLA_VLAN_ID, U16.pack(number))


def vrf(table: int) -> bytes:
    """The data of a VRF: the table its ports' routes are in."""
    return attribute(IFLA_VRF_TABLE, U32.pack(table))


def bridge(*, vlan_filtering: bool) -> bytes:
    """The data of a bridge; one that does not filter says nothing of it, since kernels exist that cannot."""
    return attribute(IFLA_BR_VLAN_FILTERING, U8.pack(1)) if vlan_filtering else b""


def _common(link: NewLink) -> bytes:
    """The head and the attributes every kind of link has."""
    flags = rt.IFF_UP if link.up else 0
    parts = [rt.LINK.pack(0, 0, 0, flags, flags), attribute(rt.IFLA_IFNAME, packed_name(link.name))]
    numbers = (
        (rt.IFLA_LINK, link.lower or None), (rt.IFLA_MTU, link.mtu or None), (IFLA_TXQLEN, link.txqlen),
        (IFLA_NET_NS_FD, link.namespace), (rt.IFLA_MASTER, link.master or None),
    )  # fmt: skip
    parts += [attribute(kind, U32.pack(value)) for kind, value in numbers if value is not None]
    if link.mac:
        parts.append(attribute(rt.IFLA_ADDRESS, link.mac))
    return b"".join(parts)
