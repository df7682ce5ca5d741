"""Routing netlink: interfaces in a group, a number by which one request reaches all of them.

kernel: include/uapi/linux/if_link.h (IFLA_GROUP); rtnl_group_dellink in net/core/rtnetlink.c.
"""

from __future__ import annotations

from collections.abc import Iterable

from plurimus.wire import rtanswers
from plurimus.wire import rtnetlink as rt
from plurimus.wire.netlink import U32, attribute, attributes, number

_IFLA_GROUP = 27


def members(payloads: Iterable[bytes]) -> list[tuple[rt.Link, int]]:
    """The content of RTM_NEWLINK messages, each with the group of its interface, which is 0 where nobody set one.

    Raises:
        WireError: the kernel would not send that.
    """
    return [(rtanswers.link(payload), number(attributes(payload[rt.LINK.size :]), _IFLA_GROUP)) for payload in payloads]


def join(index: int, group: int) -> bytes:
    """RTM_SETLINK that puts one interface into a group."""
    return rt.LINK.pack(0, 0, index, 0, 0) + attribute(_IFLA_GROUP, U32.pack(group))


def delete(group: int) -> bytes:
    """RTM_DELLINK for all interfaces of a group, none if one of them is of a kind that cannot be deleted."""
    return rt.LINK.pack(0, 0, 0, 0, 0) + attribute(_IFLA_GROUP, U32.pack(group))
