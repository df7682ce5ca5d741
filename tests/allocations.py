"""Allocations of devices as tests write and compare them: IDs by resource name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from plurimus.core.devices import Allocation, Held


def allocation(
    devices: Mapping[str, Sequence[str]] | None = None, **containers: Mapping[str, Sequence[str]]
) -> Allocation:
    """`devices` of nobody in particular, then those of each of `containers`."""
    held = [Held(resource, tuple(ids)) for resource, ids in (devices or {}).items()]
    held += [Held(resource, tuple(ids), (name,)) for name, of in containers.items() for resource, ids in of.items()]
    return Allocation(tuple(held))


def by_resource(found: Allocation) -> dict[str, list[str]]:
    """The devices of each resource, in the order they are handed out in."""
    devices: dict[str, list[str]] = {held.resource: [] for held in found.held}
    for each in found.devices():
        devices[each.resource].append(each.id)
    return devices
