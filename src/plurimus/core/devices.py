"""Which device each attachment gets: one allocation for the whole pod, each device once.

Spec sections 4.4, 5.2 and 5.3 (S7, S8).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import count

from plurimus.cni.errors import RequestError
from plurimus.core.delegate import Delegate


def in_order(containers: Iterable[Mapping[str, Iterable[str]]]) -> dict[str, list[str]]:
    """The devices of a pod per resource name, in the order they are handed out in; `containers` are in theirs.

    A container's devices come before those of the next, never sorted over the pod (S7).  Within a container kubelet
    has no order and tells a device once for each of its NUMA nodes: they go by their IDs, each once (S8).
    """
    found: dict[str, dict[str, None]] = {}
    for container in containers:
        for resource, ids in container.items():
            found.setdefault(resource, {}).update(dict.fromkeys(sorted(ids)))
    return {resource: list(ids) for resource, ids in found.items()}


def assign(delegates: Sequence[Delegate], allocated: Mapping[str, Sequence[str]], *, pod: str) -> list[Delegate]:
    """The delegates, those of a resource with the next unused device of it injected.

    `allocated` maps a resource name to device IDs in the order they are handed out in.

    Raises:
        RequestError: fewer devices than attachments that need one, before anything runs (S9).
    """
    position = {resource: count() for resource in {delegate.resource_name for delegate in delegates}}
    assigned = []
    for delegate in delegates:
        resource = delegate.resource_name
        if not resource:
            assigned.append(delegate)
            continue
        devices, index = allocated.get(resource, ()), next(position[resource])
        if index >= len(devices):
            wanted = sum(other.resource_name == resource for other in delegates)
            raise RequestError(
                f"network {delegate.display_name!r} needs a device of {resource!r}: pod {pod} has {len(devices)} "
                f"allocated and asks for {wanted}; request {resource} in the resources of a container of the pod, "
                "and check that the device plugin runs on this node"
            )
        assigned.append(delegate.with_device(devices[index]))
    return assigned
