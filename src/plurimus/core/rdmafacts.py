"""What a pod and its status are told of RDMA: which device and which GID belong to each interface.

Only what is certain is told.  Where several devices could be meant, or the port's table has no entry for the
interface's address, that part is absent.

RDMA spec sections 6.2 and 7.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from plurimus.core import rails
from plurimus.core.plan import Attachment, PodReference
from plurimus.model.deviceinfo import DeviceInfo
from plurimus.model.rdma import ETHERNET, INFINIBAND, ROCE_V2, Function, Gid, Port, RdmaDevice, RdmaInterface, Seen

JSON_FILE, NCCL_FILE = "rdma.json", "nccl.conf"


def device(seen: Seen, interface: str, addresses: Sequence[str]) -> RdmaDevice | None:
    """The device of an interface that has `addresses` (with their prefix length), IPv4 before IPv6.

    Of several ports, that of the entry for an address; without one, the only port there is.
    """
    for address in _in_order(addresses):
        found = [(port, gid) for port in seen.ports for gid in port.gids if _is_for(port, gid, interface, address)]
        if len({(port.device, port.number) for port, _ in found}) == 1:
            return _told(*found[0])
    if len(seen.ports) != 1:
        return None
    (port,) = seen.ports
    # the first entry of an InfiniBand port is made of its own GUID and the prefix of its subnet
    if port.link_layer == INFINIBAND and port.gids and port.gids[0].index == 0:
        return _told(port, port.gids[0])
    return RdmaDevice(port.device, port.number, port.link_layer)


def is_awaited(seen: Seen, interface: str, addresses: Sequence[str]) -> bool:
    """Whether the kernel is about to make an entry: it does so behind the address, and behind a move."""
    ethernet = any(port.link_layer == ETHERNET for port in seen.ports)
    told = device(seen, interface, addresses)
    return ethernet and bool(addresses) and (told is None or told.gid_index is None)


def amended(info: DeviceInfo | None, told: RdmaInterface, seen: Seen) -> DeviceInfo | None:
    """The device information with what is told of RDMA; None where there is nothing to tell."""
    names = sorted({port.device for port in seen.ports})
    if not names or (info is None and not told.pci):
        return info
    info = info or DeviceInfo({"type": "pci", "version": "1.1.0"})
    if told.pci and info.document.get("type") == "pci":
        more = {"pci-address": told.pci, "rdma-device": ",".join(names)}
        info = info.with_block("pci", more | ({"pf-pci-address": told.pf_pci} if told.pf_pci else {}))
    return info.with_block("rdma", msgspec.to_builtins(told.rdma)) if told.rdma else info


def interface(attachment: Attachment, seen: Seen, addresses: Sequence[str]) -> RdmaInterface:
    """All that is told of an attachment."""
    function = seen.function or Function("")
    return RdmaInterface(
        attachment.ifname,
        attachment.display_name,
        attachment.resource_name,
        rails.device_of(attachment),
        function.pci,
        function.pf_pci,
        function.numa_node,
        tuple(addresses),
        device(seen, attachment.ifname, addresses),
    )


def document(pod: PodReference, container_id: str, interfaces: Sequence[RdmaInterface]) -> bytes:
    """The content of `rdma.json`."""
    whole: dict[str, Any] = {
        "pod": {"namespace": pod.namespace, "name": pod.name, "uid": pod.uid},
        "containerID": container_id,
        "interfaces": msgspec.to_builtins(interfaces),
    }
    return json.dumps(whole, indent=2).encode() + b"\n"


def nccl_conf(pod: PodReference, interfaces: Sequence[RdmaInterface]) -> bytes:
    """The content of `nccl.conf`: the devices in the order of the interfaces, and the GID index where all have one."""
    lines = [
        f"# Written by Plurimus for pod {pod.namespace}/{pod.name}; variables of the container count before these."
    ]
    with_rdma = [(each.interface, each.rdma) for each in interfaces if each.rdma is not None]
    missing = [each.interface for each in interfaces if each.rdma is None]
    if with_rdma:
        lines.append(f"NCCL_IB_HCA=={','.join(f'{rdma.device}:{rdma.port}' for _, rdma in with_rdma)}")
    if missing:
        lines.append(f"# without an RDMA device: {', '.join(missing)}")
    return "\n".join([*lines, *_gid_index(with_rdma)]).encode() + b"\n"


def _gid_index(interfaces: Sequence[tuple[str, RdmaDevice]]) -> Iterable[str]:
    """NCCL takes one index for all devices, and of InfiniBand none."""
    ethernet = [(name, rdma.gid_index) for name, rdma in interfaces if rdma.link_layer == ETHERNET]
    indexes = {index for _, index in ethernet}
    if len(indexes) == 1 and None not in indexes:
        yield f"NCCL_IB_GID_INDEX={indexes.pop()}"
    elif ethernet:
        listed = ", ".join(f"{name} {'none' if index is None else index}" for name, index in ethernet)
        yield f"# no one GID index for all ({listed}): NCCL 2.21 and later find each by themselves"


def _is_for(port: Port, gid: Gid, interface: str, address: ipaddress.IPv6Address) -> bool:
    wanted = gid.type == ROCE_V2 and gid.netdev == interface and port.link_layer == ETHERNET
    return wanted and ipaddress.IPv6Address(gid.gid) == address


def _told(port: Port, gid: Gid) -> RdmaDevice:
    return RdmaDevice(port.device, port.number, port.link_layer, gid.netdev, gid.gid, gid.index, gid.type)


def _in_order(addresses: Iterable[str]) -> list[ipaddress.IPv6Address]:
    """As they stand in a GID table, where an IPv4 address is a mapped one."""
    bare = sorted((ipaddress.ip_interface(text).ip for text in addresses), key=lambda ip: ip.version)
    return [ip if isinstance(ip, ipaddress.IPv6Address) else ipaddress.IPv6Address(f"::ffff:{ip}") for ip in bare]
