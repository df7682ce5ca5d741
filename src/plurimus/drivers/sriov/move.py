"""A VF is taken for a pod, and given back: step by step, in the kernel.

What was done is never noted: giving back compares what is with what was, and changes what differs, wherever the VF is
by then.  So it ends an ADD that failed at any step, a process that died in one, and a DEL after the namespace is gone;
and it can be repeated.

RDMA spec sections 1.3, 1.4 and 8.2.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import count

import structlog

from plurimus.adapters.netlink import NetlinkError
from plurimus.cni.errors import AttachmentError, PlurimusError, joined
from plurimus.drivers.sriov.conf import Settings
from plurimus.drivers.sriov.find import Finder, Function, Place
from plurimus.drivers.sriov.links import Links
from plurimus.drivers.sriov.saved import Saved
from plurimus.wire.rtlinks import Device
from plurimus.wire.rtvfs import Aspect, VirtualFunction

_TRIES, _PAUSE = 20, 0.1
_TRIES_OF_EACH = 3
_ORDER_BACK: tuple[Aspect, ...] = ("vlan", "spoofchk", "mac", "trust", "rate", "link_state")
_log = structlog.get_logger(__name__)


class Missing(AttachmentError):
    """A VF has an interface, and it is in no namespace that was looked at."""


class Mover:
    """`pause` is how long, in seconds, a MAC is given to come into effect before the next of 20 tries."""

    def __init__(self, finder: Finder, links: Links, *, pause: float = _PAUSE) -> None:
        self._finder = finder
        self._links = links
        self._pause = pause

    def take(self, function: Function, settings: Settings, netns: str, ifname: str) -> Device | None:
        """Set the VF up as asked, and give its interface to the namespace; what it is there, None without one."""
        wanted = settings.wanted(function.present)
        for aspect in settings.aspects:
            self._set(function, wanted, aspect)
        if function.interface is None:
            return None
        index = self._enter(function.interface, netns, ifname)
        self._links.announce_changes(netns, ifname)
        if settings.mac:
            self._set_mac(netns, index, settings.mac)
        if settings.mtu:
            self._links.set_mtu(netns, index, settings.mtu)
        self._links.set_up(netns, index, up=True)
        return self._device(netns, index)

    def give_back(self, saved: Saved, namespaces: Sequence[str]) -> None:
        """Make the VF what it was, its interface on the host under its name; `namespaces` are where that may be.

        Everything is tried, whatever fails.

        Raises:
            Missing: its interface is not found.
            AttachmentError: something could not be restored.
        """
        self._finder.check_bus()
        failures: list[PlurimusError] = []
        _collect(failures, lambda: self._reset(saved))
        if not saved.userspace:
            _collect(failures, lambda: self._bring_home(saved, namespaces))
        if failures:
            raise next((failure for failure in failures if isinstance(failure, Missing)), joined(failures))

    def _set(self, function: Function, wanted: VirtualFunction, aspect: Aspect) -> None:
        pf = function.physical.link.index
        what = f"{aspect} of VF {function.address} by {function.physical.name}"
        if aspect != "mac":
            self._links.set_function(pf, wanted, aspect)
            return

        def holds() -> bool:
            present = self._finder.function(function.address, function.physical)
            return present is not None and present.mac == wanted.mac

        self._until(what, lambda: self._links.set_function(pf, wanted, aspect), holds)

    def _enter(self, device: Device, netns: str, ifname: str) -> int:
        """Give the interface to the namespace under the name; its index there."""
        if any(ifname in (other.name, *other.alternatives) for other in self._links.devices(netns)):
            what = f"moving {device.name} to {netns} as {ifname!r}"
            raise NetlinkError(what, errno.EEXIST, "an interface there has that name")
        self._links.move(None, device.link.index, netns, ifname)
        for moved in self._links.devices(netns):
            if moved.name == ifname:
                if device.name in moved.alternatives:
                    self._links.remove_name(netns, moved.link.index, device.name)
                return moved.link.index
        raise AttachmentError(f"{device.name} was moved to {netns} as {ifname!r}, and is not there")

    def _set_mac(self, namespace: str | None, index: int, mac: str) -> None:
        """Set the MAC of an interface that is down."""

        def holds() -> bool:
            found = self._device(namespace, index)
            return found is not None and found.link.mac == mac

        tries = count(1)

        def change() -> None:
            if next(tries) % _TRIES_OF_EACH == 0:
                # a driver that may not choose its MAC takes the one its PF has set, but only as it comes up
                for up in (True, False):
                    self._links.set_up(namespace, index, up=up)
            else:
                self._links.set_mac(namespace, index, mac)

        if not holds():
            self._until(f"MAC of interface {index}", change, holds)

    def _until(self, what: str, change: Callable[[], None], holds: Callable[[], bool]) -> None:
        """Change until it has an effect: drivers take a while, and some say so by a failure."""
        refused: PlurimusError | None = None
        for turn in range(_TRIES):
            if turn:
                time.sleep(self._pause)
            try:
                change()
            except NetlinkError as error:
                refused = error
                if error.errno in (errno.EOPNOTSUPP, errno.EPERM):
                    break
            if holds():
                return
        raise refused or AttachmentError(f"{what} was set {_TRIES} times and is another still")

    def _reset(self, saved: Saved) -> None:
        """Give the VF the settings it had; where the PF is gone, so are they."""
        physical = self._finder.physical(saved.device)
        present = self._finder.function(saved.device, physical) if physical is not None else None
        if physical is None or present is None:
            _log.info("a VF has no PF any more that could restore its settings", device=saved.device)
            return
        wanted = replace(saved.original, index=present.index)
        function = Function(saved.device, physical, present, None)
        failures: list[PlurimusError] = []
        for aspect in _ORDER_BACK:
            if present.aspect(aspect) == (None,):  # the driver has it not, which is why it could not be set either
                continue
            if aspect in saved.changed and present.aspect(aspect) != wanted.aspect(aspect):
                _collect(failures, partial(self._set, function, wanted, aspect))
        if failures:
            raise joined(failures)

    def _bring_home(self, saved: Saved, namespaces: Sequence[str]) -> None:
        place = self._finder.interface(saved.device, saved.ifname, namespaces)
        if place is None and not self._finder.has_interface(saved.device):
            return
        if place is None:
            raise Missing(f"VF {saved.device}: its interface is neither on the host nor in {' or '.join(namespaces)}")
        device, index = place.device, place.device.link.index
        failures: list[PlurimusError] = []
        differs = device.name != saved.home or place.namespace is not None
        mac = saved.mac if saved.mac and device.link.mac != saved.mac else ""
        if (differs or mac) and device.link.is_up:
            _collect(failures, lambda: self._links.set_up(place.namespace, index, up=False))
        if mac:
            _collect(failures, lambda: self._set_mac(place.namespace, index, mac))
        if saved.mtu and device.link.mtu != saved.mtu:
            _collect(failures, lambda: self._links.set_mtu(place.namespace, index, saved.mtu))
        if differs:
            _collect(failures, lambda: self._go_home(place, saved))
        if failures:
            raise joined(failures)

    def _go_home(self, place: Place, saved: Saved) -> None:
        """Have the interface on the host under its name, or another where somebody has taken that meanwhile."""
        for name in place.device.alternatives:  # they would be in the way, of the move or of the name
            self._links.remove_name(place.namespace, place.device.link.index, name)
        spare = "vf" + saved.device.replace(":", "-")
        for name in (saved.home, spare):
            place = self._tried(place, saved, name)
            if place.namespace is None and place.device.name == name:
                break
        if place.namespace is not None:
            raise AttachmentError(f"VF {saved.device}: the host has interfaces called {saved.home!r} and {spare!r}")
        if place.device.name != saved.home:
            _log.warning("the name of a VF is taken on the host", device=saved.device, name=saved.home,
                         called=place.device.name)  # fmt: skip
        self._name_again(saved, place.device)

    def _tried(self, place: Place, saved: Saved, name: str) -> Place:
        """Where the interface is after it was to be on the host under `name`, which somebody else may have."""
        namespace, index = place.namespace, place.device.link.index
        try:
            if namespace is None:
                self._links.rename(None, index, name)
            else:
                self._links.move(namespace, index, None, name)
        except NetlinkError as error:
            if error.errno != errno.EEXIST:
                raise
        found = self._finder.interface(saved.device, saved.ifname, [namespace or ""])
        if found is None:
            raise Missing(f"VF {saved.device}: its interface was moved to the host, and is not there")
        return found

    def _name_again(self, saved: Saved, device: Device) -> None:
        for name in saved.alternatives:
            if name != device.name:
                try:
                    self._links.add_name(None, device.link.index, name)
                except NetlinkError as error:  # another one has it by now
                    _log.warning("a VF cannot have its other name", device=saved.device, name=name, reason=str(error))

    def _device(self, namespace: str | None, index: int) -> Device | None:
        return next((each for each in self._links.devices(namespace) if each.link.index == index), None)


def _collect(failures: list[PlurimusError], step: Callable[[], None]) -> None:
    try:
        step()
    except PlurimusError as error:
        failures.append(error)
