"""Which device each attachment gets: one allocation for the whole pod, each device once.

Whoever names a device gets that one, whoever names a container gets one of that container's; the others take
what is left, in order.

Spec sections 4.4, 5.2 and 5.3 (S7, S8, S9).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from plurimus.cni.errors import ClusterError, RequestError
from plurimus.core.delegate import Delegate
from plurimus.model.definition import RESOURCE_NAME
from plurimus.model.selection import NetworkSelectionElement

_PCI_ADDRESS = re.compile(r"[0-9a-fA-F]{4,8}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\.[0-7]")
_AUXILIARY = re.compile(r"\w+\.\w+\.\d+")
"""The kernel's name of a device on the auxiliary bus, such as a sub-function: `mlx5_core.sf.4`."""


class NobodyKnows(ClusterError):
    """Nothing on this node keeps a list of devices."""


@dataclass(frozen=True, slots=True)
class Device:
    """One device of a resource; two of one `key` are the same thing."""

    resource: str
    id: str
    containers: frozenset[str]

    @property
    def key(self) -> str:
        """What the kernel calls a device is one device whoever tells it; any other ID means one of its resource."""
        return _of_kernel(self.id) or f"{self.resource} {self.id}"

    def suits(self, delegate: Delegate) -> bool:
        wanted, container = _named(delegate.selection)
        return (
            self.resource == delegate.resource_name
            and (not wanted or wanted == self.id or _of_kernel(wanted) == self.key)
            and (not container or container in self.containers)
        )


@dataclass(frozen=True, slots=True)
class Held:
    """Devices of one resource, and the containers that may use them: several where they share a claim."""

    resource: str
    ids: tuple[str, ...]
    containers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Allocation:
    """What a pod was allocated, in the order it is handed out in.

    `unusable` says of other devices of the pod why no network can have them, for the error of one that has none.
    """

    held: tuple[Held, ...] = ()
    unusable: tuple[str, ...] = ()

    def then(self, other: Allocation) -> Allocation:
        return Allocation(self.held + other.held, self.unusable + other.unusable)

    def devices(self) -> list[Device]:
        """Each device of each resource once: one that two sources tell, or two containers have, is either's."""
        found: dict[tuple[str, str], frozenset[str]] = {}
        for held in self.held:
            for each in held.ids:
                key = (held.resource, each)
                found[key] = found.get(key, frozenset()).union(held.containers)
        return [Device(*key, containers) for key, containers in found.items()]


def of_container(name: str, devices: Iterable[tuple[str, Iterable[str]]]) -> list[Held]:
    """What one container has; `devices` are resource names and IDs, a name and an ID as often as they like.

    Within a container kubelet has no order and tells a device once for each of its NUMA nodes: they go by their
    IDs, each once (S8).  The containers keep their order, never sorted over the pod (S7).
    """
    found: dict[str, set[str]] = {}
    for resource, ids in devices:
        found.setdefault(resource, set()).update(ids)
    return [Held(resource, tuple(sorted(ids)), (name,)) for resource, ids in found.items()]


def assign(delegates: Sequence[Delegate], allocation: Allocation, *, pod: str) -> list[Delegate]:
    """The delegates, those of a resource with the device injected that is theirs alone.

    Raises:
        RequestError: a device is missing, or two networks name the same, before anything runs (S9).
    """
    _check_resources(delegates)
    if not any(delegate.resource_name for delegate in delegates):
        return list(delegates)
    chosen = _Choice(delegates, allocation, pod).make()
    return [
        delegate.with_device(chosen[index].id) if index in chosen else delegate
        for index, delegate in enumerate(delegates)
    ]


class _Choice:
    """Which of the devices of `pod` each of its networks that needs one gets, by their places in `delegates`."""

    def __init__(self, delegates: Sequence[Delegate], allocation: Allocation, pod: str) -> None:
        self._delegates, self._allocation, self._pod = delegates, allocation, pod
        # one that a network without a resource names is in use, too
        named = {_of_kernel(_named(each.selection)[0]) for each in delegates if not each.resource_name}
        usable = [each for each in allocation.devices() if each.key not in named]
        self._options = {
            index: [each for each in usable if each.suits(delegate)]
            for index, delegate in enumerate(delegates)
            if delegate.resource_name
        }
        self._owners: dict[str, int] = {}
        """Who has a device, by its key."""

    def make(self) -> dict[int, Device]:
        # who has the least choice comes first; otherwise they keep their order
        for index in sorted(self._options, key=lambda index: _freedom(self._delegates[index].selection)):
            if not self._place(index, set()):
                raise self._missing(index)
        return {
            index: device
            for index, found in self._options.items()
            for device in found
            if self._owners.get(device.key) == index
        }

    def _place(self, index: int, seen: set[str]) -> bool:
        """Give `index` its first free device, else one whose owner can have another.

        The latter matters where containers share a claim: the first free device may be all that the next can have.
        """
        keys = [each.key for each in self._options[index]]
        for key in keys:
            if key not in self._owners:
                self._owners[key] = index
                return True
        for key in keys:
            if key not in seen:
                seen.add(key)
                if self._place(self._owners[key], seen):
                    self._owners[key] = index
                    return True
        return False

    def _missing(self, index: int) -> RequestError:
        """What says which network has no device, and why: all that suit it are others'."""
        delegate, options = self._delegates[index], self._options[index]
        resource, (device, container) = delegate.resource_name, _named(delegate.selection)
        whose = f" of container {container!r}" if container else ""
        taken = [
            f"{each.id} is of network {self._delegates[self._owners[each.key]].display_name!r}" for each in options
        ]
        if device:
            had = [each.id for each in self._allocation.devices() if each.resource == resource]
            what = f"names device {device!r}{whose} of {resource!r}: "
            what += taken[0] if taken else f"pod {self._pod} has {', '.join(had) or 'none'} of that resource"
            what += "; name a device the pod has and no other network, or leave 'deviceID' out"
        else:
            wanted = sum(
                other.resource_name == resource and container in ("", _named(other.selection)[1])
                for other in self._delegates
            )
            what = f"needs a device of {resource!r}: pod {self._pod} has {len(options)} allocated"
            what += f"{f' to container {container!r}' if container else ''} and asks for {wanted}"
            what += f" ({', '.join(taken)})" if len(options) >= wanted else ""
            what += f"; request {resource} in the resources of {'that' if container else 'a'} container of the pod, "
            what += "and check that the device plugin runs on this node"
        return RequestError("; ".join([f"network {delegate.display_name!r} {what}", *self._allocation.unusable]))


def _of_kernel(device: str) -> str:
    """What the kernel calls the device; empty where only a device plugin knows what an ID means."""
    if _PCI_ADDRESS.fullmatch(device):
        return device.lower()
    return device if _AUXILIARY.fullmatch(device) else ""


def _named(element: NetworkSelectionElement | None) -> tuple[str, str]:
    """The device and the container that an element names; empty where it does not."""
    return (element.device_id, element.container) if element else ("", "")


def _freedom(element: NetworkSelectionElement | None) -> int:
    device, container = _named(element)
    return 0 if device else 1 if container else 2


def _check_resources(delegates: Iterable[Delegate]) -> None:
    for delegate in delegates:
        _, container = _named(delegate.selection)
        if container and not delegate.resource_name:
            raise RequestError(
                f"network {delegate.display_name!r}: the pod asks for a device of container {container!r}, but the "
                f"network takes none; name its resource in the definition's annotation {RESOURCE_NAME}, "
                "or leave 'container' out"
            )
