"""Claims and slices of dynamic resource allocation, written as a driver, the scheduler and the controller do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from plurimus.model.claim import DEVICE_ID, RESOURCE_NAME

from . import objects
from .client import Client, Object

VERSION = "resource.k8s.io/v1"
DRIVER = "sriov.example.com"
VF = "example.com/vf"


def device(name: str, device_id: str = "", resource: str = VF, **more: Any) -> Object:
    """A device that networks can have; without an ID one that they cannot."""
    text = {DEVICE_ID: {"string": device_id}, RESOURCE_NAME: {"string": resource}} if device_id else {}
    return {"name": name, "attributes": {**text, "numaNode": {"int": 0}}, **more}


def publish(
    admin: Client, name: str, pool: str, *devices: Object, generation: int = 1, count: int = 1, driver: str = DRIVER,
    **where: Any,
) -> None:  # fmt: skip
    """A slice of a pool; `where` says on which nodes its devices are."""
    pools = {"name": pool, "generation": generation, "resourceSliceCount": count}
    spec = {"driver": driver, "pool": pools, "devices": list(devices), **where}
    objects.create(admin, {"apiVersion": VERSION, "kind": "ResourceSlice", "metadata": {"name": name}, "spec": spec})


def withdraw(admin: Client) -> None:
    """No slices any more; no driver would write them again."""
    admin.delete(f"/apis/{VERSION}/resourceslices")


def claim(name: str, namespace: str, *requests: str) -> Object:
    """A claim of as many devices as it has requests."""
    asked = [{"name": request, "exactly": {"deviceClassName": "any.example.com"}} for request in requests]
    metadata = {"name": name, "namespace": namespace}
    spec = {"devices": {"requests": asked}}
    return {"apiVersion": VERSION, "kind": "ResourceClaim", "metadata": metadata, "spec": spec}


def allocate(admin: Client, namespace: str, name: str, results: Mapping[str, tuple[str, str]], driver: str = DRIVER,
             **more: Any) -> None:  # fmt: skip
    """A claim whose requests got a pool's device each, as the scheduler writes it."""
    made = objects.create(admin, claim(name, namespace, *results))
    found = [
        {"request": request, "driver": driver, "pool": pool, "device": device, **more}
        for request, (pool, device) in results.items()
    ]
    made["status"] = {"allocation": {"devices": {"results": found}}}
    admin.put(f"{objects.path(made)}/status", made)


def claiming(name: str, namespace: str, containers: Mapping[str, Sequence[str]], named: Mapping[str, str | None],
             node: str = "") -> Object:  # fmt: skip
    """A pod whose `containers` use claims: those it names itself, and with None those of a template of that name."""
    spec = [
        {"name": entry, "resourceClaimName": claim} if claim else {"name": entry, "resourceClaimTemplateName": entry}
        for entry, claim in named.items()
    ]
    made = objects.pod(name, namespace, nodeName=node, resourceClaims=spec)
    (template,) = made["spec"]["containers"]
    made["spec"]["containers"] = [
        {**template, "name": container, "resources": {"claims": [{"name": entry} for entry in entries]}}
        for container, entries in containers.items()
    ]
    return made


def template(name: str, namespace: str, device_class: str, *ids: str) -> Object:
    """What a claim of each pod is made from: these devices, each by a request of its own."""
    requests = []
    for number, each in enumerate(ids):
        group, _, attribute = DEVICE_ID.partition("/")
        chosen = {"cel": {"expression": f"device.attributes['{group}'].{attribute} == '{each}'"}}
        requests.append({"name": f"r{number}", "exactly": {"deviceClassName": device_class, "selectors": [chosen]}})
    metadata = {"name": name, "namespace": namespace}
    spec = {"spec": {"devices": {"requests": requests}}}
    return {"apiVersion": VERSION, "kind": "ResourceClaimTemplate", "metadata": metadata, "spec": spec}


def write_status(admin: Client, namespace: str, name: str, **status: Any) -> None:
    """What controller and scheduler write on the pod."""
    admin.patch(f"/api/v1/namespaces/{namespace}/pods/{name}/status", {"status": status})
