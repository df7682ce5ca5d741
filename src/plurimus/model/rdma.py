"""What is told of the RDMA device behind an interface of a pod.

Spec sections 6.2 and 7, "GID table".
"""

from __future__ import annotations

import msgspec

ETHERNET, INFINIBAND = "Ethernet", "InfiniBand"
"""The link layers, in the words of sysfs."""
ROCE_V2 = "RoCE v2"


class Gid(msgspec.Struct, frozen=True, rename="camel"):
    """An entry of a port's GID table; `type` is RoCE v1, RoCE v2 or IB, `netdev` the interface it came from."""

    index: int
    gid: str
    type: str = ""
    netdev: str = ""


class Port(msgspec.Struct, frozen=True):
    """A port of a device, counted from 1, with those entries of its GID table that are used."""

    device: str
    number: int
    state: str = ""
    link_layer: str = ""
    gids: tuple[Gid, ...] = ()


class Function(msgspec.Struct, frozen=True):
    """The PCI or auxiliary function behind an interface, as it is called; `pci` is its own address or its parent's.

    `pf_pci` is the physical function of a virtual one; `numa_node` is None where the platform does not say.
    """

    name: str
    pci: str = ""
    pf_pci: str = ""
    numa_node: int | None = None


class Seen(msgspec.Struct, frozen=True):
    """What a pod's namespace shows behind one of its interfaces: the ports of all RDMA devices there are."""

    function: Function | None = None
    ports: tuple[Port, ...] = ()


class RdmaDevice(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The RDMA device of one interface: the block `rdma` of its device information.

    `gid` is the entry of the GID table for the interface's address, RoCE version 2 where the port is Ethernet; it and
    `gid_index` are absent where the port has no such entry.  `netdev` is the interface the entry names.
    """

    device: str
    port: int
    link_layer: str = ""
    netdev: str = ""
    gid: str = ""
    gid_index: int | None = None
    gid_type: str = ""


class RdmaInterface(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One interface of a pod and what is behind it, as `rdma.json` lists them."""

    interface: str
    network: str
    resource: str = ""
    device_id: str = msgspec.field(default="", name="deviceID")
    pci: str = ""
    pf_pci: str = ""
    numa_node: int | None = None
    addresses: tuple[str, ...] = ()
    rdma: RdmaDevice | None = None
