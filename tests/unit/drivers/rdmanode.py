"""A node with RDMA devices, for the driver: what it has where."""

from __future__ import annotations

import errno
from dataclasses import dataclass, field

from plurimus.adapters.netlink import NetlinkError
from plurimus.cni.errors import AttachmentError
from plurimus.wire import rdma
from plurimus.wire.rdma import Port

HOST = ""


@dataclass
class Node:
    """`places` says of each device by its function in which namespace it is; a pod's name of it may be another."""

    subsystem: str = rdma.EXCLUSIVE
    places: dict[str, dict[str, str]] = field(default_factory=dict)
    bare: set[str] = field(default_factory=set)
    """Functions without a device."""
    gone: set[str] = field(default_factory=set)
    interfaces: dict[str, str] = field(default_factory=dict)
    state: str = rdma.ACTIVE
    refusal: NetlinkError | None = None
    moves: list[tuple[str, str]] = field(default_factory=list)

    def end(self, namespace: str) -> None:
        """As the kernel does: what was in it goes home."""
        self.gone.add(namespace)
        for devices in self.places.values():
            for name, place in devices.items():
                devices[name] = HOST if place == namespace else place

    def mode(self) -> str:
        return self.subsystem

    def exists(self, function: str) -> bool:
        return function in self.places or function in self.bare

    def on_host(self, function: str) -> list[str]:
        return self._in(HOST, function)

    def in_pod(self, namespace: str, function: str) -> list[str]:
        self._enter(namespace)
        return self._in(namespace, function)

    def behind(self, namespace: str, interface: str) -> str:
        self._enter(namespace)
        return self.interfaces.get(interface, "")

    def is_gone(self, namespace: str) -> bool:
        return namespace in self.gone

    def give(self, name: str, namespace: str) -> None:
        self._move(name, HOST, namespace, name)

    def take_back(self, name: str, namespace: str) -> str:
        taken = {other for devices in self.places.values() for other, place in devices.items() if place == HOST}
        home = "ibdev0" if name in taken else name
        self._move(name, namespace, HOST, home)
        return home

    def ports(self, name: str, namespace: str | None = None) -> list[Port]:
        there = any(devices.get(name) == (namespace or HOST) for devices in self.places.values())
        return [Port(name, 1, self.state)] if there or self.subsystem == rdma.SHARED else []

    def _in(self, namespace: str, function: str) -> list[str]:
        devices = self.places.get(function, {})
        return sorted(name for name, place in devices.items() if place == namespace or self.subsystem == rdma.SHARED)

    def _enter(self, namespace: str) -> None:
        if namespace in self.gone:
            raise AttachmentError(f"network namespace {namespace} cannot be opened")

    def _move(self, name: str, source: str, target: str, new: str) -> None:
        self._enter(target)
        if self.refusal is not None:
            raise self.refusal
        devices = next(each for each in self.places.values() if each.get(name) == source)
        del devices[name]
        devices[new] = target
        self.moves.append((name, target))


def refused() -> NetlinkError:
    return NetlinkError("moving RDMA device mlx5_9", errno.EOPNOTSUPP, "its driver cannot")
