"""What the driver of `sriov` does to the kernel, one step each, and the kernel that it does it to.

A namespace is named by its path; None is the one this process is in, the host's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeVar

from plurimus.adapters import links, netns, sysctls
from plurimus.adapters.namespaces import reachable
from plurimus.adapters.netlink import Netlink
from plurimus.adapters.sysfs import PciFunctions
from plurimus.wire.rtlinks import Device
from plurimus.wire.rtvfs import Aspect, VirtualFunction

T = TypeVar("T")


class Links(Protocol):
    """Each call raises NetlinkError with the kernel's number where the kernel refuses."""

    def is_alive(self, namespace: str) -> bool:
        """Whether there is a namespace at this path."""

    def is_gone(self, namespace: str) -> bool:
        """Whether it is sure that there is none any more; no, where one would be out of sight."""

    def identity(self, namespace: str) -> tuple[int, int] | None:
        """What tells a namespace from another that has its path later; None where there is none."""

    def others(self) -> list[str]:
        """A path of every namespace that can be reached, but the host's."""

    def devices(self, namespace: str | None) -> list[Device]:
        """All interfaces there; `parent` is the PCI address, as far as the kernel says it."""

    def functions(self, pf: int) -> list[VirtualFunction]:
        """What the PF with this interface has set for its VFs."""

    def set_function(self, pf: int, wanted: VirtualFunction, aspect: Aspect) -> None:
        """Set one aspect of the VF `wanted.index`."""

    def set_up(self, namespace: str | None, index: int, *, up: bool) -> None: ...

    def set_mac(self, namespace: str | None, index: int, mac: str) -> None: ...

    def set_mtu(self, namespace: str | None, index: int, mtu: int) -> None: ...

    def rename(self, namespace: str | None, index: int, name: str) -> None: ...

    def move(self, namespace: str | None, index: int, to: str | None, name: str) -> None:
        """Move, and rename there; with EEXIST the interface may be there under its present name."""

    def add_name(self, namespace: str | None, index: int, name: str) -> None:
        """Add an alternative name."""

    def remove_name(self, namespace: str | None, index: int, name: str) -> None:
        """Remove an alternative name."""

    def announce_changes(self, namespace: str, name: str) -> None:
        """Have the kernel tell neighbours of the addresses of an interface, once it is up; no failure is reported."""


class KernelLinks:
    """The kernel of the node whose files are below `root`.

    Where it is too old to say which PCI function an interface has, `pci` does.
    """

    def __init__(self, root: Path, pci: PciFunctions) -> None:
        self._root = root
        self._pci = pci

    def is_alive(self, namespace: str) -> bool:
        return netns.is_alive(namespace)

    def is_gone(self, namespace: str) -> bool:
        return netns.is_gone(namespace)

    def identity(self, namespace: str) -> tuple[int, int] | None:
        return netns.identity(namespace)

    def others(self) -> list[str]:
        return reachable(self._root)

    def devices(self, namespace: str | None) -> list[Device]:
        found = self._in(namespace, links.devices)
        if namespace is not None or any(device.parent for device in found):
            return found
        return [replace(device, parent=self._pci.interface_parent(device.name)) for device in found]

    def functions(self, pf: int) -> list[VirtualFunction]:
        with Netlink.open(buffer=links.VFS_BUFFER) as netlink:
            return links.virtual_functions(netlink, pf)

    def set_function(self, pf: int, wanted: VirtualFunction, aspect: Aspect) -> None:
        self._in(None, lambda netlink: links.set_virtual_function(netlink, pf, wanted, aspect))

    def set_up(self, namespace: str | None, index: int, *, up: bool) -> None:
        self._in(namespace, lambda netlink: links.set_up(netlink, index, up=up))

    def set_mac(self, namespace: str | None, index: int, mac: str) -> None:
        packed = bytes.fromhex(mac.replace(":", ""))
        self._in(namespace, lambda netlink: links.set_mac(netlink, index, packed))

    def set_mtu(self, namespace: str | None, index: int, mtu: int) -> None:
        self._in(namespace, lambda netlink: links.set_mtu(netlink, index, mtu))

    def rename(self, namespace: str | None, index: int, name: str) -> None:
        self._in(namespace, lambda netlink: links.rename(netlink, index, name))

    def move(self, namespace: str | None, index: int, to: str | None, name: str) -> None:
        self._in(namespace, lambda netlink: links.move(netlink, index, to, name))

    def add_name(self, namespace: str | None, index: int, name: str) -> None:
        self._in(namespace, lambda netlink: links.add_alternative_name(netlink, index, name))

    def remove_name(self, namespace: str | None, index: int, name: str) -> None:
        self._in(namespace, lambda netlink: links.remove_alternative_name(netlink, index, name))

    def announce_changes(self, namespace: str, name: str) -> None:
        wanted = {
            f"net/ipv4/conf/{name}/arp_notify": "1",
            f"net/ipv6/conf/{name}/ndisc_notify": "1",
            f"net/ipv6/conf/{name}/optimistic_dad": "1",
        }
        sysctls.write(namespace, wanted, tolerant=True)

    @staticmethod
    def _in(namespace: str | None, work: Callable[[Netlink], T]) -> T:
        with Netlink.open(namespace) as netlink:
            return work(netlink)
