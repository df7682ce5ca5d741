"""Whether a VF in a pod is as its ADD left it.

RDMA spec section 1.6, where the plugin looks at nothing.
"""

from __future__ import annotations

from plurimus.cni.errors import AttachmentError
from plurimus.drivers.call import Call
from plurimus.drivers.sriov.conf import Settings
from plurimus.drivers.sriov.find import Finder
from plurimus.drivers.sriov.saved import Saved


def check(finder: Finder, saved: Saved, settings: Settings, call: Call) -> None:
    """Compare the VF, its interface and what its PF has set with the configuration and the result of the ADD.

    Raises:
        AttachmentError: what differs.
    """
    if saved.device != settings.device:
        raise AttachmentError(f"interface {call.ifname} was made of VF {saved.device}, not of {settings.device}")
    _check_function(finder, saved, settings)
    if saved.userspace:
        if finder.has_interface(saved.device):
            raise AttachmentError(f"VF {saved.device} was a userspace driver's, and is the kernel's now")
        return
    _check_interface(finder, settings, call)


def _check_function(finder: Finder, saved: Saved, settings: Settings) -> None:
    physical = finder.physical(saved.device)
    present = finder.function(saved.device, physical) if physical is not None else None
    if physical is None or present is None:
        raise AttachmentError(f"VF {saved.device} has no physical function any more")
    wanted = settings.wanted(present)
    for aspect in settings.aspects:
        if present.aspect(aspect) != wanted.aspect(aspect):
            found, expected = (" ".join(map(str, each.aspect(aspect))) for each in (present, wanted))
            raise AttachmentError(
                f"VF {saved.device}: {physical.name} has {aspect} {found}, the configuration says {expected}"
            )


def _check_interface(finder: Finder, settings: Settings, call: Call) -> None:
    place = finder.interface(settings.device, call.ifname, [call.netns])
    if place is None or place.namespace is None or place.device.name != call.ifname:
        where = "nowhere" if place is None else f"{place.device.name} in {place.namespace or 'the host'}"
        raise AttachmentError(f"VF {settings.device} is {where}, expected {call.ifname} in {call.netns}")
    link = place.device.link
    if not link.is_up:
        raise AttachmentError(f"interface {call.ifname} in {call.netns} is down")
    made = call.previous.interfaces if call.previous is not None else ()
    told = next((each.mac for each in made if each.name == call.ifname and each.sandbox == call.netns), "")
    for mac in filter(None, (told, settings.mac)):
        if link.mac != mac.lower():
            raise AttachmentError(f"interface {call.ifname} in {call.netns} has MAC {link.mac}, expected {mac}")
    if settings.mtu and link.mtu != settings.mtu:
        raise AttachmentError(f"interface {call.ifname} in {call.netns} has MTU {link.mtu}, expected {settings.mtu}")
