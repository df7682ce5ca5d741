"""Pods as a test looks at them: through the API server, and in their sandboxes."""

from __future__ import annotations

import json
from typing import Any

from plurimus.model.pod import DEFAULT_NETWORK, NETWORK_STATUS, NETWORKS
from tests.cluster import objects
from tests.cluster.client import Client, Object, Refused
from tests.cluster.node import Node
from tests.cluster.waiting import eventually
from tests.node.snapshot import ip_json

Said = tuple[str, str, str]
"""Type, reason and message of an event."""


def pod(name: str, namespace: str, networks: Any = None, *, default: str | None = None, **spec: Any) -> Object:
    """A pod that asks for `networks`, and for another default network."""
    annotations = {NETWORKS: networks, DEFAULT_NETWORK: default}
    texts = {key: value if isinstance(value, str) else json.dumps(value)
             for key, value in annotations.items() if value is not None}  # fmt: skip
    made = objects.pod(name, namespace, **spec)
    made["metadata"]["annotations"] = texts
    return made


def running(admin: Client, name: str, namespace: str) -> dict[str, Any]:
    """The status of a pod that runs."""
    path = objects.path(objects.pod(name, namespace))
    return eventually(lambda: admin.get(path)["status"], lambda status: status["phase"] == "Running")


def gone(admin: Client, thing: Object) -> bool:
    try:
        admin.get(objects.path(thing))
    except Refused as refusal:
        return refusal.code == 404
    return False


def delete(admin: Client, name: str, namespace: str) -> None:
    """Delete a pod and wait until nothing of it is left in the cluster."""
    thing = objects.pod(name, namespace)
    admin.delete(objects.path(thing))
    eventually(lambda: gone(admin, thing))


def network_status(admin: Client, name: str, namespace: str) -> list[dict[str, Any]]:
    """What is written on a pod about its networks."""
    metadata = admin.get(objects.path(objects.pod(name, namespace)))["metadata"]
    found: list[dict[str, Any]] = json.loads(metadata["annotations"][NETWORK_STATUS])
    return found


def events(admin: Client, name: str, namespace: str, reason: str) -> list[Said]:
    """The events on a pod that have a reason."""
    items = admin.get(f"/api/v1/namespaces/{namespace}/events")["items"]
    about = [each for each in items if (each["involvedObject"]["name"], each["reason"]) == (name, reason)]
    return [(each["type"], each["reason"], each["message"]) for each in about]


def said(admin: Client, name: str, namespace: str, reason: str) -> Said:
    """The first event on a pod that has a reason, once there is one."""
    return eventually(lambda: events(admin, name, namespace, reason))[0]


def addresses(netns: str) -> dict[str, list[str]]:
    """The IPv4 addresses of a sandbox's interfaces, with their prefix lengths; loopback is left out."""
    return {
        link["ifname"]: [f"{each['local']}/{each['prefixlen']}" for each in link["addr_info"]
                         if each["family"] == "inet"]
        for link in ip_json("addr", namespace=netns) if link["ifname"] != "lo"
    }  # fmt: skip


def unchanged(admin: Client, node: Node, name: str, namespace: str) -> tuple[Any, ...]:
    """What changes when a pod that runs is made anew, is restarted, or loses an interface."""
    (container,) = running(admin, name, namespace)["containerStatuses"]
    sandbox = node.sandbox(namespace, name)
    return sandbox, addresses(sandbox.netns), container["containerID"], container["restartCount"]


def try_again(admin: Client, name: str, namespace: str) -> None:
    """Have kubelet try to start a pod at once: it does so when the pod changes, else every 10 to 15 s."""
    admin.patch(objects.path(objects.pod(name, namespace)), {"metadata": {"labels": {"test": "try-again"}}})


def starting(admin: Client, name: str, namespace: str) -> bool:
    """Whether a pod has a node and no running container yet."""
    status = admin.get(objects.path(objects.pod(name, namespace)))["status"]
    waiting = [each["state"].get("waiting", {}).get("reason") for each in status.get("containerStatuses", [])]
    return status["phase"] == "Pending" and waiting == ["ContainerCreating"]
