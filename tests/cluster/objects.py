"""Objects of a cluster as tests write them, and where the API server has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

from . import images
from .client import Client, Object, Refused

_PLURALS = {"NetworkAttachmentDefinition": "network-attachment-definitions", "DeviceClass": "deviceclasses",
            "ValidatingAdmissionPolicy": "validatingadmissionpolicies"}  # fmt: skip
GROUP = "k8s.cni.cncf.io"
_numbers = count(1)


def collection(kind: Mapping[str, Any]) -> str:
    """The path of the objects that have the kind and the namespace of `kind`."""
    version, name = kind["apiVersion"], kind["kind"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    namespace = kind["metadata"].get("namespace")
    return f"{root}{f'/namespaces/{namespace}' if namespace else ''}/{_PLURALS.get(name, name.lower() + 's')}"


def path(thing: Mapping[str, Any]) -> str:
    """The path of one object."""
    return f"{collection(thing)}/{thing['metadata']['name']}"


def create(client: Client, thing: Mapping[str, Any]) -> Object:
    """Create an object; what the API server made of it."""
    return client.post(collection(thing), thing)


def ensure(client: Client, thing: Mapping[str, Any]) -> None:
    """Create an object that another may have created."""
    try:
        create(client, thing)
    except Refused as refusal:
        if refusal.reason != "AlreadyExists":
            raise


def new_namespace(client: Client) -> str:
    """The name of a namespace nobody else has, in which pods can be made also where no controller runs."""
    name = f"test-{next(_numbers)}"
    create(client, namespace(name))
    ensure(client, service_account("default", name))
    return name


def _object(version: str, kind: str, name: str, namespace: str = "", **more: Any) -> Object:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **more}


def namespace(name: str) -> Object:
    return _object("v1", "Namespace", name)


def pod(name: str, namespace: str, **spec: Any) -> Object:
    """A pod whose one container waits; `spec` is laid over its spec."""
    container = {"name": "waits", "image": images.WAITS, "imagePullPolicy": "Never"}
    own = {"containers": [container], "terminationGracePeriodSeconds": 5}
    return _object("v1", "Pod", name, namespace, spec=own | spec)


def deployment(name: str, namespace: str, replicas: int) -> Object:
    """A deployment of pods that wait."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": pod(name, namespace)["spec"]}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return _object("apps/v1", "Deployment", name, namespace, spec=spec)


def service_account(name: str, namespace: str) -> Object:
    return _object("v1", "ServiceAccount", name, namespace)


def network(name: str, namespace: str, config: str) -> Object:
    """A network attachment definition."""
    return _object(f"{GROUP}/v1", "NetworkAttachmentDefinition", name, namespace, spec={"config": config})


def role(name: str, namespace: str, group: str, resources: Sequence[str], verbs: Sequence[str]) -> Object:
    rule = {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}
    return _object("rbac.authorization.k8s.io/v1", "Role", name, namespace, rules=[rule])


def role_binding(role: str, account: str, namespace: str) -> Object:
    """A role of the namespace for a service account of the namespace."""
    subject = {"kind": "ServiceAccount", "name": account, "namespace": namespace}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role}
    return _object(
        "rbac.authorization.k8s.io/v1", "RoleBinding", role, namespace, subjects=[subject], roleRef=reference
    )


def established(definition: Mapping[str, Any]) -> bool:
    """Whether the API server serves the objects of a custom resource definition."""
    conditions = definition.get("status", {}).get("conditions") or []
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)
