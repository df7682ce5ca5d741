"""kubelet's pod-resources API, version 1: which devices the containers of a pod were allocated.

Of the messages only names and devices are read; topology, processors, memory and dynamic resources are passed over,
and so is what later versions add.  Every function raises ProtobufError, and nothing else, for bytes that are no
such message.

k8s.io/kubelet: pkg/apis/podresources/v1/api.proto.
"""

from __future__ import annotations

from dataclasses import dataclass

from plurimus.wire.protobuf import fields, messages, string, text

LIST = "/v1.PodResourcesLister/List"
GET = "/v1.PodResourcesLister/Get"

Devices = tuple[str, tuple[str, ...]]
"""A resource name and device IDs.  kubelet sends one per device and NUMA node, in no order."""


@dataclass(frozen=True, slots=True)
class Container:
    """One container; the same resource, and the same device, may be in several of its `devices`."""

    name: str
    devices: tuple[Devices, ...] = ()


@dataclass(frozen=True, slots=True)
class PodResources:
    """One pod with its containers in the order of its spec, sidecars before the others."""

    namespace: str
    name: str
    containers: tuple[Container, ...] = ()

    @property
    def has_devices(self) -> bool:
        return any(container.devices for container in self.containers)


def get_request(namespace: str, name: str) -> bytes:
    """A GetPodResourcesRequest."""
    return string(1, name) + string(2, namespace)


def got(message: bytes) -> PodResources:
    """What a GetPodResourcesResponse is about."""
    return _pod(b"".join(messages(message, 1)))


def listed(message: bytes, namespace: str, name: str) -> list[PodResources]:
    """The pods of that name in a ListPodResourcesResponse; the others are not looked into."""
    return [_pod(pod) for pod in messages(message, 1) if _name(pod) == (namespace, name)]


def _pod(message: bytes | memoryview) -> PodResources:
    namespace, name = _name(message)
    return PodResources(namespace, name, tuple(_container(each) for each in messages(message, 3)))


def _name(message: bytes | memoryview) -> tuple[str, str]:
    return _string(message, 2), _string(message, 1)


def _container(message: memoryview) -> Container:
    return Container(_string(message, 1), tuple(_devices(each) for each in messages(message, 2)))


def _devices(message: memoryview) -> Devices:
    return _string(message, 1), tuple(text(each) for each in messages(message, 2))


def _string(message: bytes | memoryview, wanted: int) -> str:
    """The last one counts, as everywhere in this format; none is the empty one."""
    value = memoryview(b"")
    for number, content in fields(message):
        if number == wanted and isinstance(content, memoryview):
            value = content
    return text(value)
