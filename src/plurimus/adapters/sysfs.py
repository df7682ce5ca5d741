"""PCI functions in sysfs: what belongs to what, and which driver has it.

The folders of interfaces show those of one network namespace only, that of whoever mounted this sysfs; so which
interface a function has is asked of netlink, and of sysfs only where the kernel is too old to say.

kernel: Documentation/ABI/testing/sysfs-bus-pci, sysfs-class-net.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from plurimus.adapters import files
from plurimus.cni.errors import AttachmentError

USERSPACE_DRIVERS = frozenset({"vfio-pci", "uio_pci_generic", "igb_uio"})
"""Those that leave a function to a program, so that it has no interface."""
_ADDRESS = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
_VIRTUAL_FUNCTION = re.compile(r"virtfn(\d+)")


def is_pci_address(text: str) -> bool:
    """Whether it has the form `dddd:bb:dd.f`, in small letters."""
    return _ADDRESS.fullmatch(text) is not None


class PciFunctions:
    """The PCI functions of the node whose files are below `root`; functions are named by their address."""

    def __init__(self, root: Path) -> None:
        self._bus = root / "sys/bus/pci"
        self.devices = self._bus / "devices"
        self._interfaces = root / "sys/class/net"

    def exists(self, address: str) -> bool:
        return os.path.exists(self._of(address))  # noqa: PTH110 - no name is too long for it

    def physical(self, address: str) -> str:
        """The physical function of the virtual function `address`; empty where it is none."""
        return _target(self._of(address) / "physfn")

    def index(self, physical: str, address: str) -> int | None:
        """Which virtual function of `physical` the function `address` is; None where it is none of them."""
        try:
            entries = sorted(self._of(physical).iterdir())
        except OSError:
            return None
        for entry in entries:
            match = _VIRTUAL_FUNCTION.fullmatch(entry.name)
            if match is not None and _target(entry) == address:
                return int(match[1])
        return None

    def driver(self, address: str) -> str:
        """The name of the driver that has the function; empty where none has."""
        return _target(self._of(address) / "driver")

    def numa_node(self, address: str) -> int | None:
        """The NUMA node the function is at; None where the platform does not say."""
        try:
            node = int((self._of(address) / "numa_node").read_text())
        except (OSError, ValueError):
            return None
        return node if node >= 0 else None

    def interface_parent(self, interface: str) -> str:
        """The function behind an interface of the namespace this sysfs shows; empty where there is none."""
        return _target(self._interfaces / interface / "device")

    def bind_anew(self, address: str) -> None:
        """Take the function from its driver and give it back, which makes its interface anew, on the host.

        Raises:
            AttachmentError: code 5, with the path.
        """
        driver = self.driver(address)
        if not driver:
            raise AttachmentError(f"PCI function {address} has no driver that could be bound anew")
        for action in ("unbind", "bind"):
            path = self._bus / "drivers" / driver / action
            try:
                path.write_text(address)
            except OSError as error:
                raise files.io_error(path, "write", error) from error

    def _of(self, address: str) -> Path:
        return self.devices / address


def _target(link: Path) -> str:
    try:
        return link.readlink().name
    except OSError:
        return ""
