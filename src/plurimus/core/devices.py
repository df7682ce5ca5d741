"""Which device each attachment gets: one allocation for the whole pod, each device once.

Spec sections 4.4 and 5.3; the order of devices is the allocator's, never sorted (S7, S8).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count

from plurimus.cni.errors import RequestError
from plurimus.core.delegate import Delegate


def assign(delegates: Sequence[Delegate], allocated: Mapping[str, Sequence[str]], *, pod: str) -> list[Delegate]:
    """The delegates, those of a resource with the next unused device of it injected.

    `allocated` maps a resource name to device IDs in the order they were allocated to the pod.

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
