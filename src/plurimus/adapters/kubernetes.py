"""The Kubernetes API as the cluster; implements `ports.Cluster`.

Pods of this node and all definitions are looked up in copies that watches keep current; what a copy does not have,
or has from an earlier pod of that name, is asked for directly (S29).  Network status is one merge patch, and only
of the very pod it was made for (S47).

Spec sections 3.4, 6.2, 7.7 and 7.9.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from plurimus.adapters import podclaims
from plurimus.adapters.apiserver import ApiError, ApiServer
from plurimus.adapters.eventqueue import EventQueue
from plurimus.adapters.informer import Informer, Metadata
from plurimus.adapters.podclaims import PodSpec, PodStatus
from plurimus.cni.errors import ClusterError
from plurimus.core.plan import PodReference
from plurimus.model.definition import RESOURCE_NAME, NetworkAttachmentDefinition
from plurimus.model.event import Event
from plurimus.model.pod import CONFIG_HASH, CONFIG_SOURCE, DEFAULT_NETWORK, NETWORK_STATUS, NETWORKS, Pod

PODS = "/api/v1/pods"
DEFINITIONS = "/apis/k8s.cni.cncf.io/v1/network-attachment-definitions"
_ANOTHER_UID = ("metadata.uid: Invalid", "UID in precondition")
"""What the API server says to a patch of a pod that has another UID."""
_READ = {NETWORKS, DEFAULT_NETWORK, CONFIG_SOURCE, CONFIG_HASH}


class _Pod(msgspec.Struct, frozen=True):
    metadata: Metadata = Metadata()
    spec: PodSpec | None = None
    status: PodStatus | None = None


class _Spec(msgspec.Struct, frozen=True):
    config: str = ""


class _Definition(msgspec.Struct, frozen=True):
    metadata: Metadata = Metadata()
    spec: _Spec | None = None


class KubernetesCluster:
    """The cluster behind `api`; `node` is this node's name, empty to hold the pods of all nodes."""

    def __init__(self, api: ApiServer, node: str) -> None:
        self.api = api
        self._node = node
        self._pods = Informer(api, PODS, _Pod, _pod, {"fieldSelector": f"spec.nodeName={node}"} if node else {})
        self._definitions = Informer(api, DEFINITIONS, _Definition, _definition)
        self._events = EventQueue(api, node)

    async def run(self) -> None:
        """Keep the copies current and send events, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for work in (self._pods.run(), self._definitions.run(), self._events.run()):
                group.create_task(work)

    async def flush(self) -> None:
        """Send the events that wait, where nothing is `run`."""
        await self._events.flush()

    async def close(self) -> None:
        await self.api.close()

    async def synced(self) -> None:
        """Wait until both copies are complete."""
        await self._pods.synced.wait()
        await self._definitions.synced.wait()

    def held_pods(self) -> list[Pod]:
        """The pods in the copy: this node's."""
        return self._pods.held()

    def held_definitions(self) -> list[NetworkAttachmentDefinition]:
        """The definitions in the copy."""
        return self._definitions.held()

    @property
    def returned(self) -> asyncio.Event:
        """Set once the API server was away and does again what it is asked for; who waits clears it."""
        return self.api.answers.returned

    @property
    def node(self) -> str:
        """The name of this node; empty where it is not known."""
        return self._node

    async def get_pod(self, namespace: str, name: str, *, uid: str = "") -> Pod | None:
        held = self._pods.get(namespace, name)
        if held is not None and (not uid or held.uid == uid or held.is_static):
            return held
        found = await self.api.get(f"/api/v1/namespaces/{namespace}/pods/{name}", _Pod)
        return None if found is None else _pod(found)

    async def get_definition(self, namespace: str, name: str) -> NetworkAttachmentDefinition | None:
        held = self._definitions.get(namespace, name)
        if held is not None:
            return held
        path = DEFINITIONS.replace("/v1/", f"/v1/namespaces/{namespace}/")
        found = await self.api.get(f"{path}/{name}", _Definition)
        return None if found is None else _definition(found)

    async def write_status(self, pod: Pod, status: str) -> None:
        patch = {"metadata": {"uid": pod.uid, "annotations": {NETWORK_STATUS: status}}}
        try:
            await self.api.merge_patch(f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}/status", patch)
        except ApiError as error:
            if error.status != 404 and not any(words in error.msg for words in _ANOTHER_UID):
                raise error.about(f"network status of pod {pod}: ") from None
            raise ClusterError(f"pod {pod} was deleted or replaced while its networks were attached") from error

    def emit(self, pod: PodReference, events: Sequence[Event]) -> None:
        self._events.put(pod, events)


def _pod(found: _Pod) -> Pod:
    """Only what is read: a node's pods may have large annotations."""
    meta = found.metadata
    kept = {key: value for key, value in meta.annotations.items() if key in _READ}
    claims = podclaims.claims(found.spec, found.status)
    spec = found.spec or PodSpec()
    node = spec.node_name if claims else ""
    return Pod(meta.namespace, meta.name, meta.uid, kept, node, claims, spec.priority or 0, spec.priority_class_name)


def _definition(found: _Definition) -> NetworkAttachmentDefinition:
    meta = found.metadata
    kept = {key: value for key, value in meta.annotations.items() if key == RESOURCE_NAME}
    return NetworkAttachmentDefinition(meta.namespace, meta.name, found.spec.config if found.spec else "", kept)
