"""Routing netlink: interfaces in a group, a number by which one request reaches all of them.

kernel: include/uapi/linux/if_link.h (IFLA_GROUP); rtnl_group_dellink in net/core/rtnetlink.c.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from plurimus.wire import rtnetlink as rt
from plurimus.wire.netlink import U32, WireError, attribute, number, some_attributes, text

_IFLA_GROUP = 27
_KINDS = frozenset({rt.IFLA_IFNAME, rt.IFLA_LINKINFO, _IFLA_GROUP})


@dataclass(slots=True)
class Member:
    """An interface, with the number of its group, which is 0 where nobody set one."""

    index: int
    name: str
    kind: str
    group: int


def members(payloads: Iterable[bytes]) -> list[Member]:
    """What RTM_NEWLINK messages say of groups; the rest, most of what they have, is not looked at.

    Raises:
        WireError: the kernel would not send that.
    """
    return [_member(payload) for payload in payloads]


def _member(payload: bytes) -> Member:
    if len(payload) < rt.LINK.size:
        raise WireError(f"{len(payload)} bytes where {rt.LINK.size} are the least")
    (_, _, index, _, _) = rt.LINK.unpack_from(payload)
    found = some_attributes(payload[rt.LINK.size :], _KINDS)
    info = some_attributes(found.get(rt.IFLA_LINKINFO, b""), (rt.IFLA_INFO_KIND,))
    name, kind = text(found.get(rt.IFLA_IFNAME, b"")), text(info.get(rt.IFLA_INFO_KIND, b""))
    return Member(index, name, kind, number(found, _IFLA_GROUP))


def join(index: int, group: int) -> bytes:
    """RTM_SETLINK that puts one interface into a group."""
    return rt.LINK.pack(0, 0, index, 0, 0) + attribute(_IFLA_GROUP, U32.pack(group))


def delete(group: int) -> bytes:
    """RTM_DELLINK for all interfaces of a group, none if one of them is of a kind that cannot be deleted."""
    return rt.LINK.pack(0, 0, 0, 0, 0) + attribute(_IFLA_GROUP, U32.pack(group))
