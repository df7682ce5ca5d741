"""Interfaces of one namespace that leave it together.

The kernel waits for its readers once for each deletion, some 20 ms, in which nobody else changes an interface; a group
is one deletion.

Decision 22.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from plurimus.adapters.netlink import Netlink, NetlinkError, Request
from plurimus.wire import netlink as wire
from plurimus.wire import rtgroups, rtkinds, rtlinks, rtrequests
from plurimus.wire import rtnetlink as rt

_MOST = 1 << 31


def delete(netlink: Netlink, kinds: Mapping[str, str]) -> set[str]:
    """Delete the interfaces with these names, where they are of these kinds, and nothing else; those deleted.

    Where there are fewer than two of them nothing is won, and nothing is done.

    Raises:
        NetlinkError: the kernel refused; all are there.
    """
    there = netlink.read("listing links", rt.RTM_GETLINK, wire.NLM_F_DUMP, rtrequests.dump_links(), rtgroups.members)
    found = {each.name: each.index for each in there if each.name in kinds and kinds[each.name] == each.kind}
    if len(found) < 2:
        return set()
    group = _unused({each.group for each in there})
    what = f"deleting {', '.join(found)} together"
    try:
        netlink.change_all([_joining(name, index, group) for name, index in found.items()])
        netlink.change(what, rtkinds.RTM_DELLINK, 0, rtgroups.delete(group))
    except NetlinkError:
        netlink.batch([_joining(name, index, 0) for name, index in found.items()])
        raise
    return set(found)


def _joining(name: str, index: int, group: int) -> Request:
    return Request(f"putting {name} into group {group}", rtlinks.RTM_SETLINK, 0, rtgroups.join(index, group))


def _unused(taken: set[int]) -> int:
    """A group that none of the interfaces is in, and that nobody puts one into meanwhile."""
    while (group := 1 + secrets.randbelow(_MOST - 1)) in taken:
        pass
    return group
