"""A node with one PF and its VFs: files as the kernel shows them, and a kernel that can be made to fail."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from plurimus.adapters.netlink import NetlinkError
from plurimus.cni.errors import AttachmentError
from plurimus.cni.result import Result, parse
from plurimus.drivers.inprocess import InProcess
from plurimus.drivers.ipam import Ipam
from plurimus.drivers.sriov.driver import Sriov
from plurimus.drivers.sriov.state import FOLDER, StateFiles
from plurimus.wire.rtlinks import Device
from plurimus.wire.rtnetlink import Link
from plurimus.wire.rtvfs import Aspect, VirtualFunction

PF, POD, OTHER = "0000:01:00.0", "/run/netns/pod", "/run/netns/other"
PF_INDEX, VFS = 2, 4
UP = 0x1


def address(number: int) -> str:
    return f"0000:01:10.{number}"


def sysfs(root: Path, *, driver: str = "igbvf") -> None:
    """The PF and its VFs in /sys below `root`."""
    devices = root / "sys/bus/pci/devices"
    for name in (PF, *map(address, range(VFS))):
        (devices / name).mkdir(parents=True)
    for number in range(VFS):
        (devices / PF / f"virtfn{number}").symlink_to(f"../{address(number)}")
        (devices / address(number) / "physfn").symlink_to(f"../{PF}")
        bind(root, number, driver)


def bind(root: Path, number: int, driver: str) -> None:
    """Give a VF to a driver, or to none."""
    link = root / "sys/bus/pci/devices" / address(number) / "driver"
    link.unlink(missing_ok=True)
    if driver:
        (root / "sys/bus/pci/drivers" / driver).mkdir(parents=True, exist_ok=True)
        link.symlink_to(f"../../drivers/{driver}")


def device(index: int, name: str, parent: str = "", **more: Any) -> Device:
    link = Link(index, name, mac=f"0a:00:00:00:00:{index:02x}", mtu=1500)
    return replace(Device(link, parent=parent), **more)


class Kernel:
    """Implements `Links`; `spaces` are the interfaces of each namespace, `functions_` what the PF has set.

    The change with the number `broken` fails, and so does the same one from then on; `refused` are changes, by name,
    that fail with that number; `stubborn` MACs of VFs take that many tries; `hidden` are namespaces out of sight.
    """

    def __init__(self) -> None:
        vfs = [device(10 + number, f"eth{number}", address(number)) for number in range(VFS)]
        self.spaces: dict[str | None, list[Device]] = {
            None: [device(PF_INDEX, "pf0", PF), *vfs], POD: [device(1, "lo")], OTHER: [device(1, "lo")]
        }  # fmt: skip
        self.vfs = [VirtualFunction(number, "00:00:00:00:00:00", spoofchk=True, trust=False) for number in range(VFS)]
        self.changes: list[tuple[Any, ...]] = []
        self.broken: int | None = None
        self.refused: dict[str, int] = {}
        self.stubborn = 0
        self.hidden: set[str] = set()
        self._never: tuple[Any, ...] = ()
        self._ended = 0
        self._inodes: dict[str, int] = {}

    def is_alive(self, namespace: str) -> bool:
        return namespace in self.spaces and namespace not in self.hidden

    def is_gone(self, namespace: str) -> bool:
        return namespace not in self.spaces

    def identity(self, namespace: str) -> tuple[int, int] | None:
        if not self.is_alive(namespace):
            return None
        return 4, self._inodes.setdefault(namespace, 1000 * self._ended + len(self._inodes))

    def others(self) -> list[str]:
        return [name for name in self.spaces if name]

    def devices(self, namespace: str | None) -> list[Device]:
        if namespace not in self.spaces or namespace in self.hidden:
            raise AttachmentError(f"network namespace {namespace} cannot be opened", code=8)
        return list(self.spaces[namespace])

    def functions(self, pf: int) -> list[VirtualFunction]:
        return list(self.vfs) if pf == PF_INDEX else []

    def set_function(self, pf: int, wanted: VirtualFunction, aspect: Aspect) -> None:
        self._change("set_function", aspect, *wanted.aspect(aspect))
        if aspect == "mac" and self.stubborn:
            self.stubborn -= 1
            return
        fields = {"vlan": ("vlan", "qos", "protocol"), "rate": ("min_rate", "max_rate")}.get(aspect, (aspect,))
        values = {field: getattr(wanted, field) for field in fields}
        self.vfs[wanted.index] = replace(self.vfs[wanted.index], **values)

    def set_up(self, namespace: str | None, index: int, *, up: bool) -> None:
        self._change("set_up", index, up)
        self._set(namespace, index, flags=UP if up else 0)

    def set_mac(self, namespace: str | None, index: int, mac: str) -> None:
        self._change("set_mac", index, mac)
        self._set(namespace, index, mac=mac)

    def set_mtu(self, namespace: str | None, index: int, mtu: int) -> None:
        self._change("set_mtu", index, mtu)
        self._set(namespace, index, mtu=mtu)

    def rename(self, namespace: str | None, index: int, name: str) -> None:
        self._change("rename", index, name)
        self._check_free(namespace, name)
        self._set(namespace, index, name=name)

    def move(self, namespace: str | None, index: int, to: str | None, name: str) -> None:
        self._change("move", index, to, name)
        (found,) = [each for each in self.spaces[namespace] if each.link.index == index]
        taken = {other for each in self.spaces[to] for other in (each.name, *each.alternatives)}
        if found.name in taken:
            self._check_free(to, name)
            found = replace(found, link=replace(found.link, name=name))
        self.spaces[namespace].remove(found if found in self.spaces[namespace] else self._at(namespace, index))
        self.spaces[to].append(replace(found, link=replace(found.link, flags=0)))
        if found.name != name:
            self._check_free(to, name)
            self._set(to, index, name=name)

    def add_name(self, namespace: str | None, index: int, name: str) -> None:
        self._change("add_name", index, name)
        found = self._at(namespace, index)
        self._replace(namespace, found, replace(found, alternatives=(*found.alternatives, name)))

    def remove_name(self, namespace: str | None, index: int, name: str) -> None:
        self._change("remove_name", index, name)
        found = self._at(namespace, index)
        left = tuple(other for other in found.alternatives if other != name)
        self._replace(namespace, found, replace(found, alternatives=left))

    def announce_changes(self, namespace: str, name: str) -> None:
        self._change("announce_changes", namespace, name)

    def mend(self) -> None:
        """Nothing fails any more."""
        self.broken, self._never, self.refused = None, (), {}

    def end(self, namespace: str) -> None:
        """The namespace ends: its hardware is on the host, under another name where its own is taken there."""
        self._ended += 1
        self._inodes.pop(namespace, None)
        for found in self.spaces.pop(namespace):
            if found.parent:
                names = {each.name for each in self.spaces[None]}
                name = "dev7" if found.name in names else found.name
                self.spaces[None].append(replace(found, link=replace(found.link, name=name, flags=0)))

    def of(self, vf: int, namespace: str | None) -> Device:
        """The interface of a VF, which is in this namespace."""
        (found,) = [each for each in self.spaces[namespace] if each.parent == address(vf)]
        return found

    def state(self) -> dict[str, Any]:
        """Everything there is, to be compared."""
        spaces = {
            name or "host": sorted(found, key=lambda each: each.link.index) for name, found in self.spaces.items()
        }
        return {**spaces, "functions": list(self.vfs)}

    def _change(self, *what: Any) -> None:
        if what == self._never or len(self.changes) == self.broken:
            self._never, self.broken = what, None
            raise NetlinkError(" ".join(map(str, what)), errno.EIO, "injected")
        self.changes.append(what)
        for key in (what[0], f"{what[0]} {what[1]}"):
            if key in self.refused:
                raise NetlinkError(" ".join(map(str, what)), self.refused[key])

    def _check_free(self, namespace: str | None, name: str) -> None:
        if any(name in (each.name, *each.alternatives) for each in self.spaces[namespace]):
            raise NetlinkError(f"naming {name}", errno.EEXIST)

    def _at(self, namespace: str | None, index: int) -> Device:
        for found in self.spaces[namespace]:
            if found.link.index == index:
                return found
        raise NetlinkError(f"interface {index}", errno.ENODEV)

    def _set(self, namespace: str | None, index: int, **values: Any) -> None:
        found = self._at(namespace, index)
        self._replace(namespace, found, replace(found, link=replace(found.link, **values)))

    def _replace(self, namespace: str | None, old: Device, new: Device) -> None:
        self.spaces[namespace] = [new if each is old else each for each in self.spaces[namespace]]


class Addresses:
    """An IPAM plugin that gives `given`; `held` are the attachments that have some."""

    def __init__(self) -> None:
        self.given: dict[str, Any] = {"ips": [{"address": "10.56.0.2/16"}]}
        self.held: set[str] = set()
        self.calls: list[str] = []
        self.failing: set[str] = set()

    async def call(self, kind: str, *, env: Mapping[str, str], conf: Mapping[str, Any], search: Sequence[str]) -> bytes:
        return await self.run(kind, env=env, stdin=json.dumps(conf).encode(), search=search)

    def link(self, kind: str, conf: Mapping[str, Any], search: Sequence[str]) -> str | None:
        return None

    def reads_previous(self, kind: str, conf: Mapping[str, Any]) -> bool:
        return True

    def find(self, kind: str, search: Sequence[str]) -> str:
        return kind

    async def run(self, kind: str, *, env: Mapping[str, str], stdin: bytes, search: Sequence[str]) -> bytes:
        verb, owner = env["CNI_COMMAND"], f"{env['CNI_CONTAINERID']}/{env['CNI_IFNAME']}"
        self.calls.append(f"{verb} {owner}")
        if verb in self.failing:
            raise AttachmentError(f"no {verb} today")
        (self.held.add if verb == "ADD" else self.held.discard)(owner)
        return json.dumps({"cniVersion": "1.0.0", **self.given}).encode()


class Node:
    """A driver on a node of its own below `root`."""

    def __init__(self, root: Path, *, driver: str = "igbvf", timeout: float = 60.0) -> None:
        sysfs(root, driver=driver)
        self.root = root
        self.kernel = Kernel()
        self.addresses = Addresses()
        self.files = StateFiles(root, timeout=timeout)
        self._plugins = InProcess(self.addresses)
        self.driver = Sriov(root, Ipam(self._plugins), links=self.kernel, files=self.files, tries=2, pause=0)
        self._plugins.use({"sriov": self.driver})

    async def call(self, verb: str, *, pod: str = "pod", netns: str = POD, ifname: str = "net1", args: str = "",
                   previous: Any = None, version: str = "1.1.0", **conf: Any) -> Result:  # fmt: skip
        """One request to the driver; its result, an empty one where it has none."""
        document = {"cniVersion": version, "name": "rail", "type": "sriov", "deviceID": address(1), **conf}
        if previous is not None:
            document["prevResult"] = previous
        env = {"CNI_COMMAND": verb, "CNI_CONTAINERID": pod, "CNI_NETNS": netns, "CNI_IFNAME": ifname,
               "CNI_ARGS": args, "CNI_PATH": "/opt/cni/bin"}  # fmt: skip
        printed = await self._plugins.run("sriov", env=env, stdin=json.dumps(document).encode(), search=[])
        return parse(printed or b"{}", default_version=version)

    def left(self) -> list[str]:
        """The files about VFs that are on disk."""
        return sorted(str(path.relative_to(self.root / FOLDER)) for path in self._files())

    def _files(self) -> Iterator[Path]:
        return (path for path in (self.root / FOLDER).rglob("*") if path.is_file() and path.suffix != ".lock")
