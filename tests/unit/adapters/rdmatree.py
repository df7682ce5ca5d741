"""Sysfs of a node with RDMA devices, as files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

ZERO = "0000:0000:0000:0000:0000:0000:0000:0000"
Table = Mapping[int, tuple[str, str, str]]
"""GID, type and interface by index."""


def function(
    sys: Path, bus: str, name: str, *, devices: tuple[str, ...] = (), interfaces: tuple[str, ...] = ()
) -> Path:
    """A PCI or auxiliary function with RDMA devices and interfaces."""
    folder = sys / "devices" / "pci0" / name
    for device in devices:
        (folder / "infiniband" / device).mkdir(parents=True)
        _link(sys / "class/infiniband" / device, folder / "infiniband" / device)
    for interface in interfaces:
        (folder / "net" / interface).mkdir(parents=True)
        _link(folder / "net" / interface / "device", folder)
        _link(sys / "class/net" / interface, folder / "net" / interface)
    folder.mkdir(parents=True, exist_ok=True)
    _link(sys / "bus" / bus / "devices" / name, folder)
    return folder


def software(sys: Path, device: str) -> None:
    """A device no function has."""
    folder = sys / "devices/virtual/infiniband" / device
    folder.mkdir(parents=True)
    _link(sys / "class/infiniband" / device, folder)


def port(sys: Path, device: str, number: int = 1, *, state: str = "4: ACTIVE", layer: str = "Ethernet",
         gids: Table | None = None, size: int = 8) -> None:  # fmt: skip
    """A port; of entries that are not used there is a GID of zeros and nothing more."""
    folder = sys / "class/infiniband" / device / "ports" / str(number)
    for part in ("gids", "gid_attrs/types", "gid_attrs/ndevs"):
        (folder / part).mkdir(parents=True)
    (folder / "state").write_text(f"{state}\n")
    (folder / "link_layer").write_text(f"{layer}\n")
    for index in range(size):
        (folder / "gids" / str(index)).write_text(f"{ZERO}\n")
    for index, (gid, kind, netdev) in (gids or {}).items():
        (folder / "gids" / str(index)).write_text(f"{gid}\n")
        (folder / "gid_attrs/types" / str(index)).write_text(f"{kind}\n")
        (folder / "gid_attrs/ndevs" / str(index)).write_text(f"{netdev}\n")


def _link(path: Path, target: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)
