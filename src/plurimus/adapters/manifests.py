"""A folder of YAML files as the cluster; implements `ports.Cluster` and `ports.DeviceSource`.

Pods and NetworkAttachmentDefinitions are read from `*.yaml`, `*.yml` and `*.json` below the folder;
a change is seen by the next request.  What Kubernetes would write on a pod, its network status and
its events, is written below `status/` in the folder (`adapters.podfiles`).  The devices a kubelet would
have allocated are in the pod's annotation `plurimus.io/devices`, a JSON object of lists: IDs by resource name.  Under
the name of a container there may be such an object of its own.

Design: "Two clusters behind one port".
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import structlog

from plurimus.adapters import yamltexts
from plurimus.adapters.podfiles import PodFiles
from plurimus.cni import gojson
from plurimus.cni.errors import ClusterError, PlurimusError, RequestError
from plurimus.core.devices import Allocation, Held
from plurimus.core.plan import PodReference
from plurimus.model.definition import NetworkAttachmentDefinition
from plurimus.model.event import Event
from plurimus.model.pod import Pod

DEVICES = "plurimus.io/devices"
STATUS_FOLDER = "status"

_SUFFIXES = (".yaml", ".yml", ".json")
_log = structlog.get_logger(__name__)

Signature = tuple[tuple[str, int, int], ...]
Key = tuple[str, str]


class _Metadata(msgspec.Struct, frozen=True):
    name: str
    namespace: str = "default"
    uid: str = ""
    annotations: dict[str, str] = {}


class _Spec(msgspec.Struct, frozen=True, rename="camel"):
    """A definition's, or a pod's."""

    config: str = ""
    priority: int | None = None
    priority_class_name: str = ""


class _Object(msgspec.Struct, frozen=True):
    metadata: _Metadata
    spec: _Spec = _Spec()


class ManifestFolder:
    """The cluster in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.status = folder / STATUS_FOLDER
        self.written = PodFiles(self.status)
        self._seen: Signature | None = None
        self._pods: dict[Key, Pod] = {}
        self._definitions: dict[Key, NetworkAttachmentDefinition] = {}

    async def get_pod(self, namespace: str, name: str, *, uid: str = "") -> Pod | None:
        self._refresh()
        return self._pods.get((namespace, name))

    async def get_definition(self, namespace: str, name: str) -> NetworkAttachmentDefinition | None:
        self._refresh()
        return self._definitions.get((namespace, name))

    async def allocated(self, pod: Pod) -> Allocation:
        text = pod.annotations.get(DEVICES, "{}")
        try:
            return Allocation(tuple(_held(gojson.decode_object(text))))
        except ValueError as error:
            raise RequestError(f"pod {pod}: annotation {DEVICES}: {error}") from error

    async def write_status(self, pod: Pod, status: str) -> None:
        current = await self.get_pod(pod.namespace, pod.name)
        if current is None or current.uid != pod.uid:
            raise ClusterError(f"pod {pod} was deleted or replaced while its networks were attached")
        self.written.set_network_status(pod.namespace, pod.name, status)

    def emit(self, pod: PodReference, events: Sequence[Event]) -> None:
        asyncio.get_running_loop().call_soon(self._write_events, pod, events)

    async def close(self) -> None:
        """There is nothing to give back."""

    def pods(self) -> list[Pod]:
        """All pods, by namespace and name."""
        self._refresh()
        return [self._pods[key] for key in sorted(self._pods)]

    def definitions(self) -> list[NetworkAttachmentDefinition]:
        """All definitions, by namespace and name."""
        self._refresh()
        return [self._definitions[key] for key in sorted(self._definitions)]

    def _write_events(self, pod: PodReference, events: Sequence[Event]) -> None:
        try:
            self.written.add_events(pod.namespace, pod.name, events)
        except PlurimusError as error:
            _log.warning("events could not be written", pod=str(pod), error=str(error))

    def _refresh(self) -> None:
        """Read the files again if a name, size or time changed.

        Raises:
            ClusterError: the folder or a file in it cannot be read; nothing is known then.
        """
        signature = self._signature()
        if signature == self._seen:
            return
        pods: dict[Key, Pod] = {}
        definitions: dict[Key, NetworkAttachmentDefinition] = {}
        for path, *_ in signature:
            for kind, found in _objects(Path(path)):
                meta = found.metadata
                key = (meta.namespace, meta.name)
                if kind == "Pod":
                    priority, named = found.spec.priority or 0, found.spec.priority_class_name
                    pods[key] = Pod(*key, meta.uid, meta.annotations, priority=priority, priority_class=named)
                else:
                    definitions[key] = NetworkAttachmentDefinition(*key, found.spec.config, meta.annotations)
        self._pods, self._definitions, self._seen = pods, definitions, signature

    def _signature(self) -> Signature:
        """Path, time and size of each manifest, by path."""
        try:
            with os.scandir(self._folder) as entries:
                files = [(e.path, e.stat()) for e in entries if e.name.endswith(_SUFFIXES) and e.is_file()]
        except OSError as error:
            what = "no such folder" if isinstance(error, FileNotFoundError | NotADirectoryError) else error.strerror
            raise ClusterError(f"manifests in {self._folder}: {what}") from error
        return tuple(sorted((path, stat.st_mtime_ns, stat.st_size) for path, stat in files))


def _held(annotation: Mapping[str, Any]) -> Iterator[Held]:
    """In the order written, unlike kubelet's."""
    for key, value in annotation.items():
        if isinstance(value, dict):
            for resource, ids in gojson.convert(value, dict[str, list[str]]).items():
                yield Held(resource, tuple(ids), (key,))
        else:
            yield Held(key, tuple(gojson.convert(value, list[str])))


def _objects(path: Path) -> Iterator[tuple[str, _Object]]:
    """The pods and definitions of one file; other kinds are none of our business."""
    try:
        for document in yamltexts.documents(path.read_text()):
            kind = document.get("kind") if isinstance(document, dict) else None
            if kind in ("Pod", "NetworkAttachmentDefinition"):
                kept = {"metadata": document.get("metadata"), "spec": document.get("spec") or {}}
                yield kind, msgspec.convert(kept, _Object)
    except ValueError as error:
        raise ClusterError(f"{path}: {' '.join(str(error).split())}") from error
    except OSError as error:
        raise ClusterError(f"{path}: {error.strerror}") from error
