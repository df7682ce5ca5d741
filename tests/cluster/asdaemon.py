"""The adapter as a daemon runs it, and what a test looks at around it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from plurimus.adapters.apiserver import ApiServer
from plurimus.adapters.kubeconfig import Access
from plurimus.adapters.kubernetes import KubernetesCluster
from plurimus.model.pod import NETWORKS, Pod

from . import objects
from .client import Client

NODE = "node-1"
_PATIENCE = 60.0


@asynccontextmanager
async def running(access: Access, *, node: str = NODE, timeout: float = 10.0) -> AsyncIterator[KubernetesCluster]:
    """The adapter, running and with complete copies."""
    found = KubernetesCluster(ApiServer(access, timeout=timeout), node)
    task = asyncio.create_task(found.run())
    try:
        async with asyncio.timeout(_PATIENCE):
            await found.synced()
        yield found
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await found.close()


async def becomes(look: Callable[[], Any], expected: Any) -> None:
    """Wait until `look()` is `expected`; it is compared a last time so that a failure shows both."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _PATIENCE
    while await asyncio.to_thread(look) != expected and loop.time() < deadline:
        await asyncio.sleep(0.05)
    assert await asyncio.to_thread(look) == expected


def make_pod(
    admin: Client, namespace: str, name: str = "trainer", *, networks: str = "", node: str = NODE, size: int = 1000
) -> Pod:
    """A pod of a node; where it has networks, it also has `size` bytes that nobody needs."""
    written = objects.pod(name, namespace, nodeName=node)
    written["metadata"]["annotations"] = {NETWORKS: networks, "other": "x" * size} if networks else {}
    made = objects.create(admin, written)["metadata"]
    return Pod(namespace, name, made["uid"], {NETWORKS: networks} if networks else {})


def delete_pod(admin: Client, namespace: str, name: str) -> None:
    """At once: there is no kubelet."""
    admin.delete(f"/api/v1/namespaces/{namespace}/pods/{name}", {"gracePeriodSeconds": 0})


def held(found: KubernetesCluster, namespace: str) -> list[Pod]:
    """The pods of a namespace in the copy, by name; nothing collects those of other tests."""
    return sorted((pod for pod in found.held_pods() if pod.namespace == namespace), key=str)


def annotations(admin: Client, pod: Pod) -> dict[str, str]:
    found: dict[str, str] = admin.get(f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}")["metadata"].get(
        "annotations", {}
    )
    return found
