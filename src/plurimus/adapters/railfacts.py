"""Where the node's devices are: which physical function, NUMA node and RDMA device each belongs to.

Devices of the PCI bus by their addresses, those of the auxiliary bus (`mlx5_core.sf.4`) by their names.  Interfaces
and RDMA devices that were moved into a pod cannot be seen in the host's sysfs.

kernel: Documentation/ABI/testing/sysfs-bus-pci; RDMA spec section 8.1.
"""

from __future__ import annotations

from pathlib import Path

from plurimus.adapters.sysfs import PciFunctions, is_pci_address
from plurimus.core.rails import Function, Physical


class RailFacts:
    """The node whose files are below `root`."""

    def __init__(self, root: Path) -> None:
        self._pci = PciFunctions(root)
        self._functions = root / "sys/bus/pci/devices"
        self._auxiliary = root / "sys/bus/auxiliary/devices"

    def physicals(self) -> list[Physical]:
        """Functions that can have virtual ones or have an interface, by their addresses."""
        return [
            Physical(path.name, interfaces, _number(path / "sriov_numvfs"))
            for name in _names(self._functions)
            if not self._pci.physical(name)
            for path, interfaces in [(self._functions / name, _names(self._functions / name / "net"))]
            if interfaces or (path / "sriov_numvfs").exists()
        ]

    def function(self, device: str) -> Function | None:
        """What the device is part of; None where the node has no such device."""
        address = device.lower()
        if is_pci_address(address):
            if not self._pci.exists(address):
                return None
            physical = self._pci.physical(address) or address
            rdma = _names(self._functions / address / "infiniband")
            return Function(device, physical, self._pci.numa_node(address), rdma)
        path = self._auxiliary / device
        if not device or "/" in device or not path.exists():
            return None
        physical = next((part.name for part in path.resolve().parents if is_pci_address(part.name)), "")
        numa_node = self._pci.numa_node(physical) if physical else None
        return Function(device, self._pci.physical(physical) or physical, numa_node, _names(path / "infiniband"))


def _names(folder: Path) -> tuple[str, ...]:
    try:
        return tuple(sorted(entry.name for entry in folder.iterdir()))
    except OSError:
        return ()


def _number(path: Path) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0
