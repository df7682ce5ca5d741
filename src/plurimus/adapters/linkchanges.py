"""Requests that change an interface which is there."""

from __future__ import annotations

import errno

from plurimus.adapters.netlink import NetlinkError, Request
from plurimus.wire import rtchanges, rtlinks
from plurimus.wire.netlink import WireError
from plurimus.wire.rtchanges import Change


def request(what: str, index: int, wanted: Change) -> Request:
    """What makes the interface with this index what is wanted; `what` says in an error what was tried.

    Raises:
        NetlinkError: no interface can have that name.
    """
    try:
        return Request(what, rtlinks.RTM_SETLINK, 0, rtchanges.change(index, wanted))
    except WireError as error:
        raise NetlinkError(what, errno.EINVAL, str(error)) from error
