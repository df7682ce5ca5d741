"""Which interface of the host a configuration of `host-device` means.

Plugins spec section 9.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from plurimus.adapters import sysfs
from plurimus.cni import args, macs
from plurimus.cni.errors import ConfigError
from plurimus.cni.result import DNS
from plurimus.drivers.call import Call

_DEVICES = "/sys/devices/"
_BUSES = ("pci", "auxiliary")


class _Runtime(msgspec.Struct, frozen=True):
    device_id: str = msgspec.field(default="", name="deviceID")


class _Keys(msgspec.Struct, frozen=True):
    device: str = ""
    hwaddr: str = ""
    kernelpath: str = ""
    pci_bus_id: str = msgspec.field(default="", name="pciBusID")
    runtime_config: _Runtime = msgspec.field(default=_Runtime(), name="runtimeConfig")
    dns: DNS = DNS()


@dataclass(frozen=True, slots=True)
class Wanted:
    """An interface by its name, else its MAC, else the folder of its hardware in sysfs.

    `userspace`: the function belongs to a program, and has no interface.
    """

    device: str = ""
    mac: str = ""
    folder: Path | None = None
    userspace: bool = False
    dns: DNS = field(default_factory=DNS)

    def __str__(self) -> str:
        if self.device:
            return f"called {self.device!r}"
        return f"with the MAC {self.mac}" if self.mac else f"of {self.folder}"

    @property
    def can_be_there(self) -> bool:
        """Whether the node may have it: neither is nothing meant, nor hardware that is gone."""
        return bool(self.device or self.mac) or (self.folder is not None and self.folder.exists())

    @property
    def names(self) -> list[str]:
        """What its hardware's interfaces are called on the host."""
        return [entry.name for folder in self._folders() for entry in _entries(folder / "net")]

    @property
    def parents(self) -> set[str]:
        """What the kernel calls the device that its interface belongs to."""
        return {folder.name for folder in self._folders()}

    def _folders(self) -> Iterator[Path]:
        """That of the function, and those of virtio devices it consists of."""
        if self.folder is not None:
            yield self.folder
            yield from (entry for entry in _entries(self.folder) if entry.name.startswith("virtio"))


def read(call: Call, root: Path) -> Wanted:
    """What an ADD or CHECK means, on the node whose files are below `root`.

    Raises:
        ConfigError: the network, the key, and what it may be.
    """
    keys = call.settings(_Keys)
    subject = f"network {call.network!r}"
    function = _function(keys, root, subject)
    driver = _target(function / "driver") if function is not None else ""
    if function is not None and function.parent.parent.name == "pci" and not driver:
        raise ConfigError(f"{subject}: PCI function {function.name} is not there, or no driver has it")
    wanted = _chosen(keys, function, root, subject)
    if wanted is None:
        raise ConfigError(f'{subject}: specify either "device", "hwaddr", "kernelpath" or "pciBusID"')
    return wanted


def read_tolerant(call: Call, root: Path) -> Wanted:
    """What a DEL can know of what was meant, though it may be gone, or the configuration wrong."""
    try:
        keys = call.settings(_Keys)
    except ConfigError:
        return Wanted()
    for given in (keys, msgspec.structs.replace(keys, runtime_config=_Runtime())):
        try:
            return _chosen(given, _function(given, root, ""), root, "") or Wanted()
        except ConfigError:
            continue
    return Wanted()


def _chosen(keys: _Keys, function: Path | None, root: Path, subject: str) -> Wanted | None:
    userspace = function is not None and _target(function / "driver") in sysfs.USERSPACE_DRIVERS
    wanted: Wanted | None = None
    if keys.device:
        if problem := args.ifname_problem(keys.device):
            raise ConfigError(f"{subject}: 'device' is {keys.device!r}, which {problem}")
        wanted = Wanted(device=keys.device)
    elif keys.hwaddr:
        wanted = Wanted(mac=_mac(keys.hwaddr, subject))
    elif keys.kernelpath:
        wanted = Wanted(folder=_kernelpath(keys.kernelpath, root, subject))
    elif function is not None:
        wanted = Wanted(folder=function)
    return None if wanted is None else Wanted(wanted.device, wanted.mac, wanted.folder, userspace, keys.dns)


def _function(keys: _Keys, root: Path, subject: str) -> Path | None:
    """The folder of the PCI or auxiliary function that is named, by the device the pod got before the configuration."""
    given = keys.runtime_config.device_id
    if given:
        found = next((folder for bus in _BUSES if (folder := _folder(root, bus, given)).exists()), None)
        if found is None:
            raise ConfigError(f"{subject}: runtime config DeviceID {given} not found or unsupported")
        return found
    if not keys.pci_bus_id:
        return None
    auxiliary = _folder(root, "auxiliary", keys.pci_bus_id)
    return auxiliary if auxiliary.exists() else _folder(root, "pci", keys.pci_bus_id)


def _folder(root: Path, bus: str, name: str) -> Path:
    safe = "" if "/" in name or "\0" in name or name in (".", "..") else name
    return root / "sys/bus" / bus / "devices" / (safe or "no-such-device")


def _kernelpath(given: str, root: Path, subject: str) -> Path:
    path = posixpath.normpath(given)
    if not path.startswith(_DEVICES) or "\0" in path:
        raise ConfigError(f"{subject}: kernel device path {given!r} must be absolute and begin with {_DEVICES}")
    return root / path[1:]


def _mac(given: str, subject: str) -> str:
    try:
        return macs.packed(given, macs.called(given, given)).hex(":")
    except ValueError as error:
        raise ConfigError(f"{subject}: 'hwaddr': {error}") from error


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _target(link: Path) -> str:
    try:
        return link.readlink().name
    except OSError:
        return ""
