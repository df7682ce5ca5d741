"""Where the interface is that a configuration means: on the host, in a pod, or on the host under a pod's name.

An interface in a pod has its name on the host as its alias, which outlives the pod's namespace: the kernel then puts
hardware back to the host under the name it had in the pod, or as `dev<number>`, and destroys what is virtual.

Plugins spec section 9; kernel: net/core/dev.c, default_device_exit_net.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Sequence

from plurimus.adapters import links
from plurimus.adapters.netlink import Netlink, NetlinkError
from plurimus.cni import args
from plurimus.drivers.hostdevice.conf import Wanted
from plurimus.wire import rtlinks, rtrequests
from plurimus.wire import rtnetlink as rt
from plurimus.wire.netlink import WireError
from plurimus.wire.rtlinks import Device

_OF_THE_KERNEL = re.compile(r"dev\d+")


def named(door: Netlink, name: str) -> Device | None:
    """The interface called `name`, or None."""
    try:
        found = door.read(f"interface {name}", rt.RTM_GETLINK, 0, rtrequests.get_link(name), rtlinks.devices)
    except WireError:
        return None
    except NetlinkError as error:
        if error.errno == errno.ENODEV:
            return None
        raise
    return found[0]


def on_host(host: Netlink, wanted: Wanted) -> Device | None:
    """The interface that is meant, whatever it is called.

    An interface that is meant by its name is only looked for by that, however many others there are.
    """
    if wanted.device:
        return named(host, wanted.device)
    if wanted.mac:
        return next((each for each in links.devices(host) if each.link.mac == wanted.mac), None)
    return next((found for name in wanted.names if (found := named(host, name)) is not None), None)


def strayed(host: Netlink, wanted: Wanted, ifname: str, found: Device | None) -> Device | None:
    """The interface, where it is on the host under the name `ifname` that it had in a pod whose namespace ended.

    `found` is what `on_host` has found.
    """
    meant = [found] if found is not None else []
    if wanted.device:
        meant = [] if meant else [each for each in links.devices(host) if each.alias == wanted.device]
    return next((each for each in meant if _has_strayed(each, ifname)), None)


def in_pod(devices: Sequence[Device], wanted: Wanted, ifname: str) -> Device | None:
    """The interface among those of a pod, which may have renamed it, and made others that look like it.

    Hardware comes first: the pod cannot make any.
    """
    parents = wanted.parents if any(each.parent for each in devices) else set()
    found = [each for each in devices if _is_meant(each, wanted, ifname, parents)]
    return min(found, key=lambda each: (bool(each.link.kind), each.name != ifname), default=None)


def home(device: Device, wanted: Wanted) -> str:
    """What the interface is called on the host; a pattern for the kernel, where nobody knows.

    The configuration comes first, since the pod may have changed the alias, unless it has another name of the
    interface, which that still has.
    """
    named = "" if wanted.device in device.alternatives else wanted.device
    return named or _alias(device) or "dev%d"


def _is_meant(device: Device, wanted: Wanted, ifname: str, parents: set[str]) -> bool:
    if parents:
        return device.parent in parents
    if device.alias and (device.alias == wanted.device or device.link.mac == wanted.mac):
        return True
    is_hardware = bool(device.parent) and not device.link.kind
    return device.name == ifname and (bool(_alias(device)) or is_hardware)


def _has_strayed(device: Device, ifname: str) -> bool:
    home = _alias(device)
    is_pods = device.name == ifname or _OF_THE_KERNEL.fullmatch(device.name) is not None
    return is_pods and home not in ("", device.name)


def _alias(device: Device) -> str:
    """The alias, if it can be a name."""
    return "" if args.ifname_problem(device.alias) else device.alias
