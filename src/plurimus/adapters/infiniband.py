"""RDMA devices in sysfs: which device a PCI or auxiliary function has, its ports and their GID tables.

Every function takes the folder sysfs is mounted at.  In exclusive mode that of the host shows no device that is in a
pod; `netnssysfs` mounts the pod's.  What cannot be read is as if it were not there: a device may go at any time.

kernel: Documentation/ABI/stable/sysfs-class-infiniband; RDMA spec section 8.1.
"""

from __future__ import annotations

import ipaddress
import re
from itertools import count
from pathlib import Path

from plurimus.model.rdma import Function, Gid, Port

_CLASS = "class/infiniband"
_BUSES = ("pci", "auxiliary")
_PCI = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
LONGEST_GAP = 64
"""Unused entries in a row, after which there is none that is used."""
_EMPTY = ipaddress.IPv6Address(0)


def is_loaded(sys: Path) -> bool:
    """Whether this node has RDMA devices, or could have some: the kernel's RDMA core is loaded."""
    return (sys / _CLASS).is_dir()


def functions(sys: Path, device_id: str) -> list[Path]:
    """The folders of a PCI address, in either case, or of the name of an auxiliary device (`mlx5_core.sf.4`)."""
    if not device_id or "/" in device_id or device_id in (".", ".."):
        return []
    found = [
        sys / "bus" / bus / "devices" / name for bus, name in zip(_BUSES, (device_id.lower(), device_id), strict=True)
    ]
    return [path for path in found if path.exists()]


def of_function(sys: Path, device_id: str) -> list[str]:
    """The names of the RDMA devices a function has, in order; none where it has none, or there is no such function."""
    return sorted(name for path in functions(sys, device_id) for name in _names(path / "infiniband"))


def function_of_interface(sys: Path, interface: str) -> str:
    """The name of the function behind an interface of that namespace; empty where there is none."""
    return _target(sys / "class/net" / interface / "device")


def function(sys: Path, device_id: str) -> Function | None:
    """A function, and where it is; None where there is no such."""
    found = functions(sys, device_id)
    if not found:
        return None
    path = found[0]
    pci = path if _PCI.fullmatch(path.name) else _parent(path)
    if pci is None:
        return Function(path.name)
    return Function(path.name, pci.name, _target(pci / "physfn"), _number(pci / "numa_node"))


def of_software(sys: Path) -> list[str]:
    """The names of devices no function has: rxe and siw, which sit on an interface."""
    return [name for name in _names(sys / _CLASS) if "/virtual/" in _link(sys / _CLASS / name)]


def ports(sys: Path, device: str) -> list[Port]:
    """The ports of a device in order, each with its GID table."""
    folder = sys / _CLASS / device / "ports"
    numbers = sorted(int(name) for name in _names(folder) if name.isdecimal())
    return [
        Port(
            device,
            number,
            state=_text(folder / str(number) / "state").partition(":")[2].strip(),
            link_layer=_text(folder / str(number) / "link_layer"),
            gids=tuple(_gids(folder / str(number))),
        )
        for number in numbers
    ]


def _gids(port: Path) -> list[Gid]:
    """The entries that are used; the kernel refuses to tell more of one that is not than that it is zero.

    It takes the first one that is free, so a table of a thousand need not be read to its end.
    """
    found: list[Gid] = []
    for index in count():
        text = _text(port / "gids" / str(index))
        if not text or index - (found[-1].index if found else -1) > LONGEST_GAP:
            return found
        try:
            gid = ipaddress.IPv6Address(text)
        except ValueError:
            continue
        if gid != _EMPTY:
            kind, netdev = (_text(port / "gid_attrs" / what / str(index)) for what in ("types", "ndevs"))
            found.append(Gid(index, gid.packed.hex(":", 2), kind, netdev))
    return found


def _parent(path: Path) -> Path | None:
    """The PCI function an auxiliary one is part of."""
    try:
        return next((parent for parent in path.resolve().parents if _PCI.fullmatch(parent.name)), None)
    except OSError:
        return None


def _number(path: Path) -> int | None:
    """None for what is no number, and for -1, which says that there is none."""
    text = _text(path)
    return int(text) if text.isdecimal() else None


def _names(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir())
    except OSError:
        return []


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""


def _target(path: Path) -> str:
    return _link(path).rpartition("/")[2]
