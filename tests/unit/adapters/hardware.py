"""A node's sysfs as files: physical functions with virtual ones, their NUMA nodes, interfaces and RDMA devices."""

from __future__ import annotations

from pathlib import Path


class Hardware:
    """Below `root` there is what a kernel would show of the functions that were added."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._bus = root / "sys/bus/pci/devices"
        self._bus.mkdir(parents=True)

    def physical(
        self, address: str, *virtual: str, interface: str = "", numa_node: int = -1, rdma: tuple[str, ...] = ()
    ) -> None:
        """A physical function, and its virtual functions by their addresses; `rdma` are the devices of each of them."""
        self._function(address, interface, numa_node)
        (self._bus / address / "sriov_numvfs").write_text(f"{len(virtual)}\n")
        for index, each in enumerate(virtual):
            self._function(each, "", numa_node)
            (self._bus / each / "physfn").symlink_to(f"../{address}")
            (self._bus / address / f"virtfn{index}").symlink_to(f"../{each}")
            if index < len(rdma):
                (self._bus / each / "infiniband" / rdma[index]).mkdir(parents=True)

    def auxiliary(self, physical: str, name: str, *, rdma: str = "") -> None:
        """A function of the auxiliary bus, as of a scalable function, below a physical one."""
        folder = self._bus / physical / name
        folder.mkdir()
        if rdma:
            (folder / "infiniband" / rdma).mkdir(parents=True)
        bus = self.root / "sys/bus/auxiliary/devices"
        bus.mkdir(parents=True, exist_ok=True)
        (bus / name).symlink_to(folder)

    def _function(self, address: str, interface: str, numa_node: int) -> None:
        folder = self._bus / address
        folder.mkdir()
        (folder / "numa_node").write_text(f"{numa_node}\n")
        if interface:
            (folder / "net" / interface).mkdir(parents=True)
