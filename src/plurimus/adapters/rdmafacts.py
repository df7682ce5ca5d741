"""What is behind the interfaces of a pod, as its own namespace shows it; implements `ports.RdmaFacts`.

Devices made of software (rxe, siw) have no function: theirs is found by netlink, which names the interface of a port
only in the namespace that has it, while in shared mode all names of interfaces in all namespaces are in one sysfs.

RDMA spec section 8.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from plurimus.adapters import infiniband, netnssysfs, rdma
from plurimus.model.rdma import Seen


class SysfsRdmaFacts:
    """The node whose files are below `root`; where no RDMA driver is loaded, asking costs one look at a folder."""

    def __init__(self, root: Path) -> None:
        self._sys = root / "sys"

    async def look(self, netns: str, interfaces: Mapping[str, str]) -> Mapping[str, Seen]:
        if not interfaces or not infiniband.is_loaded(self._sys):
            return {}
        return await asyncio.to_thread(_look, netns, dict(interfaces))


def _look(netns: str, interfaces: Mapping[str, str]) -> dict[str, Seen]:
    with netnssysfs.mounted(netns) as sys:
        software = _of_software(netns) if infiniband.of_software(sys) else {}
        found = {}
        for interface, device_id in interfaces.items():
            name = device_id or infiniband.function_of_interface(sys, interface)
            devices = infiniband.of_function(sys, name) or software.get(interface, [])
            ports = tuple(port for device in devices for port in infiniband.ports(sys, device))
            found[interface] = Seen(infiniband.function(sys, name), ports)
        return found


def _of_software(netns: str) -> dict[str, list[str]]:
    """The devices on each interface of the namespace."""
    found: dict[str, list[str]] = {}
    with rdma.connect(netns) as netlink:
        for device in rdma.devices(netlink):
            for port in rdma.ports(netlink, device):
                if port.netdev_index:
                    found.setdefault(port.netdev, []).append(device.name)
    return found
