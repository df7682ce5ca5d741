"""Routing netlink: an interface that is there becomes another, in one request.

The kernel first moves it to another namespace, then sets addresses and sizes, its name, its other name, and what it is
a port of, and at last its flags; a step that it refuses ends the request, and leaves those before it done.

kernel: include/uapi/linux/{if,if_link}.h; net/core/rtnetlink.c, do_setlink.
"""

from __future__ import annotations

from dataclasses import dataclass

from plurimus.wire import rtlinks
from plurimus.wire import rtnetlink as rt
from plurimus.wire.netlink import U32, WireError, attribute

IFF_PROMISC, IFF_ALLMULTI = 0x100, 0x200
_IFLA_TXQLEN, _IFLA_IFALIAS, _IFLA_NET_NS_FD = 13, 20, 28
_MOST_ALIAS = 255
_FLAGS = {"up": rt.IFF_UP, "promisc": IFF_PROMISC, "allmulti": IFF_ALLMULTI}


@dataclass(frozen=True, slots=True)
class Change:
    """What an interface becomes; None for what stays.

    `namespace` is a descriptor, and `name` then its name there; an empty `alias` is none.  `master` is an index, 0 for
    an interface that is no port.
    """

    mac: bytes | None = None
    mtu: int | None = None
    txqlen: int | None = None
    promisc: bool | None = None
    allmulti: bool | None = None
    up: bool | None = None
    master: int | None = None
    alias: str | None = None
    name: str | None = None
    namespace: int | None = None


def change(index: int, wanted: Change) -> bytes:
    """RTM_SETLINK.

    Raises:
        WireError: no interface can be called that.
    """
    asked = [(bit, value) for key, bit in _FLAGS.items() if (value := getattr(wanted, key)) is not None]
    mask = sum(bit for bit, _ in asked)
    parts = [rt.LINK.pack(0, 0, index, sum(bit for bit, value in asked if value), mask)]
    numbers = (
        (_IFLA_NET_NS_FD, wanted.namespace), (rt.IFLA_MTU, wanted.mtu), (_IFLA_TXQLEN, wanted.txqlen),
        (rt.IFLA_MASTER, wanted.master),
    )  # fmt: skip
    parts += [attribute(kind, U32.pack(value)) for kind, value in numbers if value is not None]
    if wanted.mac is not None:
        parts.append(attribute(rt.IFLA_ADDRESS, wanted.mac))
    if wanted.name is not None:
        parts.append(attribute(rt.IFLA_IFNAME, rtlinks.packed_name(wanted.name)))
    if wanted.alias is not None:
        parts.append(attribute(_IFLA_IFALIAS, _alias(wanted.alias)))
    return b"".join(parts)


def _alias(text: str) -> bytes:
    packed = text.encode(errors="surrogatepass")
    if len(packed) > _MOST_ALIAS or 0 in packed:
        raise WireError(f"{text!r} cannot be the alias of an interface")
    return packed or b"\0"
