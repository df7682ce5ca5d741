"""An interface goes to a pod, and home: each by one request, which moves and renames it.

The plugin needs a network namespace in between, since it renames before it moves.

Of all requests on the node one at a time changes what is on the host, which waits for no more than the kernel: it takes
several steps, and those of a DEL that comes late must not get between those of the next pod's ADD.

Plugins spec section 9.
"""

from __future__ import annotations

import errno
from pathlib import Path

import structlog

from plurimus.adapters import files, linkchanges, links, netns, rooted
from plurimus.adapters.netlink import Netlink, NetlinkError
from plurimus.drivers.call import Call
from plurimus.drivers.hostdevice import find
from plurimus.drivers.hostdevice.conf import Wanted
from plurimus.wire.rtchanges import Change
from plurimus.wire.rtlinks import Device

LOCK = "/run/plurimus/host-device.lock"
_HOST = "/proc/thread-self/ns/net"
_ANY_NAME = "dev%d"
"""A number of the kernel's choice: what it calls interfaces itself that have no name on the host."""
_log = structlog.get_logger(__name__)


def lock_of(root: Path) -> Path:
    """The file that is locked by who changes interfaces of the host, below `root`, where the node's files are."""
    return Path(rooted.below(str(root), LOCK))


def give(host: Netlink, device: Device, call: Call, lock: Path) -> None:
    """Have the interface in the pod, up, its name on the host as its alias."""
    what = f"moving {device.name} to {call.netns} as {call.ifname!r}"
    with files.locked(lock), netns.opened(call.netns) as there:
        # alone and first: wherever the interface is found from now on, it is known what it is
        _change(host, f"giving {device.name} its alias", device, Change(alias=device.name))
        _change(host, what, device, Change(namespace=there, name=call.ifname, up=True))


def take_back(device: Device, call: Call, lock: Path) -> None:
    """Make the interface what it was before `give`, wherever that has got to."""
    try:
        with Netlink.open(call.netns) as pod, netns.opened(_HOST) as host:
            for each in links.devices(pod):
                if (each.alias, each.link.mac) == (device.name, device.link.mac):
                    back = Change(namespace=host, name=device.name, alias=device.alias)
                    _change(pod, f"moving {each.name} home as {device.name!r}", each, back)
    except netns.NamespaceError:
        if not netns.is_gone(call.netns):
            raise
    with files.locked(lock), Netlink.open() as here:
        found = find.named(here, device.name)
        if found is not None and found.link.mac == device.link.mac:
            up = device.link.is_up or None
            _change(here, f"making {device.name} what it was", found, Change(alias=device.alias, up=up))


def bring_home(call: Call, wanted: Wanted, lock: Path) -> bool:
    """Have the interface on the host under its name there, down; whether it is, or nobody need look for it any more.

    It need not be there at once after its namespace ended.
    """
    is_there = _bring(call, wanted)
    if is_there is None:
        return True
    with files.locked(lock), Netlink.open() as host:
        return _is_home(host, wanted, call.ifname) or is_there


def find_on_host(host: Netlink, wanted: Wanted, ifname: str, lock: Path) -> Device | None:
    """The interface an ADD is about; one that a pod's end has left under another name gets its own back first."""
    with files.locked(lock):
        return _find(host, wanted, ifname)


def _find(host: Netlink, wanted: Wanted, ifname: str) -> Device | None:
    found = find.on_host(host, wanted)
    stray = find.strayed(host, wanted, ifname, found)
    if stray is None:
        return found
    _rename(host, stray, find.home(stray, wanted))
    return find.on_host(host, wanted)


def _bring(call: Call, wanted: Wanted) -> bool | None:
    """Have it brought from the pod: None; else whether the pod's namespace is there, without it."""
    if not call.netns:
        return False
    try:
        with Netlink.open(call.netns) as pod:
            device = find.in_pod(links.devices(pod), wanted, call.ifname)
            if device is not None:
                _go_home(pod, device, find.home(device, wanted))
                return None
    except netns.NamespaceError:
        if not netns.is_gone(call.netns):
            raise
        return False
    return True


def _go_home(pod: Netlink, device: Device, name: str) -> None:
    what = f"moving {device.name} home as {name!r}"
    with netns.opened(_HOST) as host:
        try:
            _change(pod, what, device, Change(namespace=host, name=name, alias=""))
        except NetlinkError as error:
            if error.errno != errno.EEXIST:
                raise
            _evade(pod, host, device)
            _log.warning("an interface came home under another name, since its own is taken", name=name)


def _evade(pod: Netlink, host: int, device: Device) -> None:
    """Have the interface on the host under any name; by the request that was refused it may be there already."""
    what = f"moving {device.name} home under another name"
    with Netlink.open() as here:
        arrived = find.named(here, device.name)
        if arrived is not None and (arrived.alias, arrived.link.mac) == (device.alias, device.link.mac):
            _change(here, what, arrived, Change(name=_ANY_NAME))
        else:
            _change(pod, what, device, Change(namespace=host, name=_ANY_NAME))


def _is_home(host: Netlink, wanted: Wanted, ifname: str) -> bool:
    if not wanted.can_be_there:
        return True
    found = _find(host, wanted, ifname)
    if found is not None and found.alias == found.name:  # somebody stopped half way
        _change(host, f"taking its alias from {found.name}", found, Change(alias=""))
    return found is not None


def _rename(host: Netlink, device: Device, name: str) -> None:
    if device.link.is_up:
        links.set_up(host, device.link.index, up=False)
    try:
        _change(host, f"renaming {device.name} to {name!r}", device, Change(name=name, alias=""))
    except NetlinkError as error:
        if error.errno != errno.EEXIST:
            raise
        _log.warning("an interface cannot have its name back, which is taken", name=name, called=device.name)


def _change(door: Netlink, what: str, device: Device, wanted: Change) -> None:
    door.change_all([linkchanges.request(what, device.link.index, wanted)])
