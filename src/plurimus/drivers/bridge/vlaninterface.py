"""The host's own interface in a VLAN of a bridge: a veth, whose other end is a port of the bridge.

Whoever makes one may be killed before it is whole, and a bridge may be made anew below it: what it lacks is done by the
next who wants it.  All that is done is as good when done twice, so several may do it at once.

Plugins spec section 3.3.
"""

from __future__ import annotations

import errno

from plurimus.adapters import bridges, linkchanges, links
from plurimus.adapters.netlink import Netlink, NetlinkError
from plurimus.cni.errors import AttachmentError
from plurimus.drivers import veth
from plurimus.drivers.bridge import port
from plurimus.drivers.bridge.conf import Settings
from plurimus.drivers.veth import HostEnd, Pair
from plurimus.wire.rtchanges import Change
from plurimus.wire.rtdetails import Details


def ensure(host: Netlink, name: str, bridge: int, settings: Settings) -> int:
    """The index of the interface with this name, made where there is none, and whole.

    One that is no veth, or whose other end is elsewhere, is somebody else's and used as it is, as the plugin does.

    Raises:
        AttachmentError: the kernel refuses something; what was made here is gone then.
    """
    made = None if host.index(name) is not None else _made(host, name, bridge, settings)
    try:
        return _completed(host, name, bridge, settings)
    except BaseException:
        if made is not None:
            host.batch([links.deletion(made.index)])
        raise


def _made(host: Netlink, name: str, bridge: int, settings: Settings) -> HostEnd | None:
    """The other end of a new one, a port of the bridge; None where another process was faster, which is as good."""
    try:
        return veth.make(host, None, Pair(name, mtu=host.mtu(settings.bridge) or 0, master=bridge))
    except NetlinkError as error:
        if error.errno == errno.EEXIST:
            return None
        raise error.about(f"failed to create vlan interface {name!r}: ") from error


def _completed(host: Netlink, name: str, bridge: int, settings: Settings) -> int:
    found = host.link(name)
    if found is None:
        raise AttachmentError(f"interface {name!r} was deleted by another program meanwhile")
    is_here = found.kind == veth.KIND and found.netnsid is None
    end = links.details_of(host, found.parent) if is_here else None
    if end is not None and end.link.master in (0, bridge):
        _complete(host, end, bridge, settings)
    return found.index


def _complete(host: Netlink, end: Details, bridge: int, settings: Settings) -> None:
    """Do what the port lacks.  It joins its VLAN last, so one that is in that has all else."""
    index, name = end.link.index, end.link.name
    if not end.link.master or not end.link.is_up:
        what = f"making interface {name!r} a port of bridge {settings.bridge!r}"
        host.change_all([linkchanges.request(what, index, Change(master=bridge, up=True))])
    if bridges.untagged_vlan(host, index) != settings.vlan:
        port.join(host, index, name, settings.vlan, (), keep_default=settings.keep_default_vlan)
