"""The file in which kubelet's device manager keeps what it allocated.

It has no order of containers, so they go by their names here.  Its checksum is one of Go values in memory and is not
compared.  Before Kubernetes 1.20 the IDs of a container were one list; now there is one for each NUMA node.

k8s.io/kubernetes: pkg/kubelet/cm/devicemanager/checkpoint; spec section 5.2.
"""

from __future__ import annotations

import msgspec

NAME = "device-plugins/kubelet_internal_checkpoint"


class _Entry(msgspec.Struct, frozen=True, rename="pascal"):
    pod_uid: str = msgspec.field(name="PodUID")
    resource_name: str
    container_name: str = ""
    device_ids: dict[str, list[str] | None] | list[str] | None = msgspec.field(default=None, name="DeviceIDs")

    @property
    def devices(self) -> list[str]:
        found = self.device_ids or []
        return found if isinstance(found, list) else [each for ids in found.values() for each in ids or []]


class _Data(msgspec.Struct, frozen=True, rename="pascal"):
    pod_device_entries: list[_Entry] | None = None


class _Checkpoint(msgspec.Struct, frozen=True, rename="pascal"):
    data: _Data


def containers(content: bytes, uid: str) -> list[tuple[str, list[tuple[str, list[str]]]]]:
    """The containers of the pod that kubelet knows as `uid`: their names, resource names and device IDs.

    Raises:
        ValueError: the content is no such file's.
    """
    found: dict[str, list[tuple[str, list[str]]]] = {}
    for entry in msgspec.json.decode(content, type=_Checkpoint).data.pod_device_entries or []:
        if entry.pod_uid == uid:
            found.setdefault(entry.container_name, []).append((entry.resource_name, entry.devices))
    return sorted(found.items())
