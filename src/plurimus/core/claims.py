"""Which devices of a pod's claims networks can have, and under which resource names.

A device that does not say what it is for networks is passed over, since pods also claim what is none of ours, such as
GPUs; why is kept for the error of a network that is left without a device.

Spec sections 5.4 and 5.2 (S7, S48).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from plurimus.core.devices import Allocation, Held
from plurimus.model.claim import DEVICE_ID, RESOURCE_NAME, ClaimUse, PodClaim, ResourceSlice, Result, SliceDevice


class Pools:
    """The devices of `slices`: of each pool its newest generation (S48)."""

    def __init__(self, slices: Iterable[ResourceSlice]) -> None:
        newest: dict[tuple[str, str], list[ResourceSlice]] = {}
        for each in slices:
            key = (each.spec.driver, each.spec.pool.name)
            known = newest.get(key)
            if known is None or each.spec.pool.generation > known[0].spec.pool.generation:
                newest[key] = [each]
            elif each.spec.pool.generation == known[0].spec.pool.generation:
                known.append(each)
        self._slices = newest
        self._devices = {
            (*key, device.name): device
            for key, found in newest.items()
            for each in found
            for device in each.spec.devices or ()
        }

    def find(self, result: Result) -> SliceDevice | None:
        return self._devices.get((result.driver, result.pool, result.device))

    def why_not(self, result: Result) -> str:
        """What to say of a device that is in no slice."""
        found = self._slices.get((result.driver, result.pool), [])
        wanted = found[0].spec.pool.resource_slice_count if found else 0
        if not found:
            return f"there is no ResourceSlice of pool {result.pool!r}; check that the driver runs on this node"
        if len(found) < wanted:
            return (
                f"pool {result.pool!r} has {len(found)} of {wanted} ResourceSlices; try again once the driver is ready"
            )
        return f"pool {result.pool!r} has no such device any more; check the driver on this node"


def allocation(namespace: str, claims: Sequence[tuple[PodClaim, Sequence[Result]]], pools: Pools) -> Allocation:
    """The devices of all claims of a pod in `namespace`: claim by claim, in the order of their results."""
    held: list[Held] = []
    reasons: dict[tuple[str, str, str], list[str]] = {}
    unnamed = []
    for claim, results in claims:
        if not claim.name:
            unnamed.append(f"resource claim {claim.entry!r} of the pod has no ResourceClaim")
            continue
        about = f"claim {namespace}/{claim.name}"
        for resource, uses, result in _wanted(claim, results):
            found = _usable(resource, result, pools)
            if isinstance(found, str):
                reasons.setdefault((about, result.driver, found), []).append(result.device)
            else:
                name, device_id = found
                held.append(Held(name, (device_id,), tuple(dict.fromkeys(use.container for use in uses))))
    said = [
        f"{about}: {', '.join(dict.fromkeys(names))} of driver {driver}: {why}"
        for (about, driver, why), names in reasons.items()
    ]
    return Allocation(tuple(held), (*unnamed, *said))


def _wanted(claim: PodClaim, results: Sequence[Result]) -> Iterable[tuple[str, Sequence[ClaimUse], Result]]:
    """Each device with who may use it; with the resource it must be of, where the claim stands for such."""
    if claim.extended:
        for resource, use in claim.extended:
            yield from ((resource, [use], result) for result in results if result.request == use.request)
        return
    for result in results:
        requests = ("", result.request, result.request.partition("/")[0])
        yield "", [use for use in claim.uses if use.request in requests], result


def _usable(resource: str, result: Result, pools: Pools) -> tuple[str, str] | str:
    """Resource name and device ID, or why no network can have the device."""
    if result.admin_access:
        return "it is lent for administration, and may be another pod's"
    device = pools.find(result)
    if device is None:
        return pools.why_not(result)
    values: Mapping[str, str] = {name: device.attribute(name) for name in (DEVICE_ID, RESOURCE_NAME)}
    missing = next((name for name, value in values.items() if not value), None)
    if missing:
        return f"no attribute {missing}, so it is no network's; check the driver's configuration"
    if resource not in ("", values[RESOURCE_NAME]):
        return f"allocated as {resource!r}, but its attribute {RESOURCE_NAME} is {values[RESOURCE_NAME]!r}"
    return values[RESOURCE_NAME], values[DEVICE_ID]
