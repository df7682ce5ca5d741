"""Resource claims and resource slices of dynamic resource allocation, reduced to what Plurimus reads.

A claim says which devices of which driver's pools were allocated; slices say what those devices are.  Fields that
the API server may leave out, or write as null, are empty here.

Kubernetes: resource.k8s.io/v1; spec section 5.4.
"""

from __future__ import annotations

import msgspec

DEVICE_ID = "k8s.cni.cncf.io/deviceID"
RESOURCE_NAME = "k8s.cni.cncf.io/resourceName"
"""The attributes by which a driver makes a device one that networks can have."""


class ClaimUse(msgspec.Struct, frozen=True):
    """A container that may use a claim, or only what was allocated to one request of it."""

    container: str
    request: str = ""


class PodClaim(msgspec.Struct, frozen=True):
    """One claim of a pod: `entry` is what the pod calls it, `name` the ResourceClaim's, empty while there is none."""

    entry: str
    name: str = ""
    uses: tuple[ClaimUse, ...] = ()
    extended: tuple[tuple[str, ClaimUse], ...] = ()
    """Of the claim that stands for extended resources: which resource is which container's, by which request."""


class Result(msgspec.Struct, frozen=True, rename="camel"):
    """One device that was allocated; `request` may be `request/subrequest`."""

    driver: str = ""
    pool: str = ""
    device: str = ""
    request: str = ""
    admin_access: bool | None = None


class _Results(msgspec.Struct, frozen=True):
    results: list[Result] | None = None


class _Allocation(msgspec.Struct, frozen=True):
    devices: _Results | None = None


class _ClaimStatus(msgspec.Struct, frozen=True):
    allocation: _Allocation | None = None


class ResourceClaim(msgspec.Struct, frozen=True):
    status: _ClaimStatus | None = None

    @property
    def results(self) -> list[Result]:
        allocation = self.status.allocation if self.status else None
        return (allocation.devices.results if allocation and allocation.devices else None) or []


class _Attribute(msgspec.Struct, frozen=True):
    """Only one that is a string says something here."""

    string: str | None = None


class SliceDevice(msgspec.Struct, frozen=True):
    name: str = ""
    attributes: dict[str, _Attribute] | None = None

    def attribute(self, name: str) -> str:
        """Empty where it is missing or no string."""
        found = (self.attributes or {}).get(name)
        return (found.string if found else None) or ""


class Pool(msgspec.Struct, frozen=True, rename="camel"):
    """Slices of an older generation than the newest are void; `resource_slice_count` is how many the newest has."""

    name: str = ""
    generation: int = 0
    resource_slice_count: int = 0


class ResourceSliceSpec(msgspec.Struct, frozen=True):
    driver: str = ""
    pool: Pool = Pool()
    devices: list[SliceDevice] | None = None


class ResourceSlice(msgspec.Struct, frozen=True):
    spec: ResourceSliceSpec = ResourceSliceSpec()
