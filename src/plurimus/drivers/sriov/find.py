"""Where a VF is: its PF, its number there, and its interface, in whatever namespace under whatever name.

RDMA spec sections 1.2 and 8.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from plurimus.adapters.sysfs import USERSPACE_DRIVERS, PciFunctions
from plurimus.cni.errors import AttachmentError, Code, PlurimusError
from plurimus.drivers.sriov.links import Links
from plurimus.wire.rtlinks import Device
from plurimus.wire.rtvfs import VirtualFunction

_UPLINK = re.compile(r"(p\d+(s\d+)?)?")
"""How the kernel names the port of a PF itself; its representors of VFs are `pf0vf1`."""


@dataclass(frozen=True, slots=True)
class Place:
    """An interface and the namespace it is in; None is the host's."""

    namespace: str | None
    device: Device


@dataclass(frozen=True, slots=True)
class Function:
    """A VF that can be set: what its PF's interface is, what is set, and its own interface on the host.

    `interface` is None for a VF that a userspace driver has.
    """

    address: str
    physical: Device
    present: VirtualFunction
    interface: Device | None


class Finder:
    def __init__(self, pci: PciFunctions, links: Links) -> None:
        self._pci = pci
        self._links = links

    def resolve(self, address: str) -> Function:
        """The VF at a PCI address, as it is on the host before an ADD.

        Raises:
            AttachmentError: it is no VF, its PF has no interface, or nobody can use it.
        """
        self.check_bus()
        if not self._pci.exists(address):
            raise AttachmentError(f"VF {address}: this node has no PCI function of that address")
        if not self._pci.physical(address):
            raise AttachmentError(f"VF {address} is no virtual function: it has no physical function")
        devices = self._links.devices(None)
        physical = self._physical(address, devices)
        if physical is None:
            raise AttachmentError(f"VF {address}: its physical function {self._pci.physical(address)} has no interface")
        present = self.function(address, physical)
        if present is None:
            raise AttachmentError(f"VF {address} is none of the virtual functions of {physical.name}")
        interface = next((device for device in devices if device.parent == address), None)
        if interface is None and self._pci.driver(address) not in USERSPACE_DRIVERS:
            raise AttachmentError(
                f"VF {address} has neither an interface on the host nor a userspace driver; its driver is "
                f"{self._pci.driver(address) or 'none'}, expected the kernel's or one of "
                f"{', '.join(sorted(USERSPACE_DRIVERS))}"
            )
        return Function(address, physical, present, interface)

    def check_bus(self) -> None:
        """See that PCI functions can be seen at all, so that none counts as gone for that.

        Raises:
            AttachmentError: code 5, with the path.
        """
        if not self._pci.devices.is_dir():
            raise AttachmentError(
                f"no PCI function can be seen, since there is no {self._pci.devices}; where the daemon runs in a "
                "container it needs the node's /sys below chrootDir",
                code=Code.IO_FAILURE,
            )

    def physical(self, address: str) -> Device | None:
        """The interface of the PF of a VF; None where there is none on the host."""
        return self._physical(address, self._links.devices(None))

    def function(self, address: str, physical: Device) -> VirtualFunction | None:
        """What the PF with the interface `physical` has set for the VF; None where it is none of its VFs."""
        index = self._pci.index(self._pci.physical(address), address)
        found = self._links.functions(physical.link.index)
        return next((each for each in found if each.index == index), None)

    def has_interface(self, address: str) -> bool:
        """Whether there is an interface of the VF somewhere: a driver of the kernel has it."""
        return self._pci.driver(address) not in USERSPACE_DRIVERS | {""}

    def interface(self, address: str, ifname: str, namespaces: Iterable[str]) -> Place | None:
        """The interface of a VF, on the host or in one of `namespaces`, of which some may be gone.

        Where the kernel does not say which device an interface has, the one called `ifname` is it.
        """
        for namespace in (None, *dict.fromkeys(filter(None, namespaces))):
            try:
                devices = self._links.devices(namespace)
            except PlurimusError:
                if namespace is None or self._links.is_alive(namespace):
                    raise
                continue
            known = any(device.parent for device in devices)
            for device in devices:
                nameless = namespace is not None and not known and device.name == ifname and not device.link.kind
                if device.parent == address or nameless:
                    return Place(namespace, device)
        return None

    def _physical(self, address: str, devices: Iterable[Device]) -> Device | None:
        physical = self._pci.physical(address)
        found = [device for device in devices if physical and device.parent == physical]
        uplinks = [device for device in found if _UPLINK.fullmatch(device.port)]
        return min(uplinks or found, key=lambda device: device.name, default=None)
