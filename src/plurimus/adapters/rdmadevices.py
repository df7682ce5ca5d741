"""The RDMA devices of this node and of its pods, found by the function they belong to.

Sysfs says which device a function has, netlink moves it and says what its ports do.

RDMA spec sections 2 and 8.
"""

from __future__ import annotations

import errno
import os
from itertools import count
from pathlib import Path

from plurimus.adapters import infiniband, netns, netnssysfs, rdma
from plurimus.adapters.netlink import NetlinkError
from plurimus.wire.rdma import Device, Port

_HOST = "/proc/self/ns/net"
FALLBACK = "ibdev"
"""What a device is called whose name is taken: as the kernel does, where it takes one home by itself."""


class RdmaDevices:
    """`root` is where the node's files are; this process is in the host's network namespace.

    Methods block, and raise NamespaceError and NetlinkError.
    """

    def __init__(self, root: Path) -> None:
        self._sys = root / "sys"

    def mode(self) -> str:
        """`wire.rdma.EXCLUSIVE` or `SHARED`; empty where this node has no RDMA."""
        try:
            with rdma.connect() as netlink:
                return rdma.mode(netlink)
        except NetlinkError as error:
            if rdma.is_absent(error):
                return ""
            raise

    def exists(self, function: str) -> bool:
        """Whether this node has the PCI or auxiliary function."""
        return bool(infiniband.functions(self._sys, function))

    def on_host(self, function: str) -> list[str]:
        """The devices of a function that the host sees."""
        return infiniband.of_function(self._sys, function)

    def in_pod(self, namespace: str, function: str) -> list[str]:
        """The devices of a function that the pod with the namespace at path `namespace` sees."""
        with netnssysfs.mounted(namespace) as sys:
            return infiniband.of_function(sys, function)

    def behind(self, namespace: str, interface: str) -> str:
        """The function an interface of a pod belongs to; empty where it belongs to none."""
        with netnssysfs.mounted(namespace) as sys:
            return infiniband.function_of_interface(sys, interface)

    def is_gone(self, namespace: str) -> bool:
        """Whether the namespace has ended, and the kernel has taken home, or is about to, what was in it."""
        return netns.is_gone(namespace)

    def give(self, name: str, namespace: str) -> None:
        """Move a device of the host to a pod."""
        target = netns.open_namespace(namespace)
        try:
            with rdma.connect() as netlink:
                rdma.move(netlink, _required(rdma.find(netlink, name), name), target, f"the pod ({namespace})")
        finally:
            os.close(target)

    def take_back(self, name: str, namespace: str) -> str:
        """Move a device of a pod to the host; the name it has there, another one where its own is taken."""
        with rdma.connect() as netlink:
            taken = {device.name for device in rdma.devices(netlink)}
        home = netns.open_namespace(_HOST)
        try:
            with rdma.connect(namespace) as netlink:
                device = _required(rdma.find(netlink, name), name)
                if name in taken:
                    taken |= {other.name for other in rdma.devices(netlink)}
                    name = next(other for number in count() if (other := f"{FALLBACK}{number}") not in taken)
                    rdma.rename(netlink, device, name)
                rdma.move(netlink, device, home, "the host")
        finally:
            os.close(home)
        return name

    def ports(self, name: str, namespace: str | None = None) -> list[Port]:
        """The ports of a device, as the pod (None: the host) sees them; none where it does not see the device."""
        with rdma.connect(namespace) as netlink:
            device = rdma.find(netlink, name)
            return rdma.ports(netlink, device) if device else []


def _required(device: Device | None, name: str) -> Device:
    if device is None:
        raise NetlinkError(f"RDMA device {name}", errno.ENODEV, "it has gone meanwhile")
    return device
