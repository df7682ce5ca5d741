"""What Kubernetes would write on a pod, in files: `<folder>/status/<namespace>.<pod>.yaml`.

A file holds the pod's network status as its annotation and the pod's latest events.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import yaml

from plurimus.adapters import files
from plurimus.model.event import Event
from plurimus.model.pod import NETWORK_STATUS

_MOST_EVENTS = 50
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

Document = dict[str, Any]


class PodFiles:
    """The files in `folder`, which is made when something is written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def network_status(self, namespace: str, name: str) -> str:
        """The annotation last written for a pod; empty if none was."""
        return str(self._read(namespace, name)["metadata"].get("annotations", {}).get(NETWORK_STATUS, ""))

    def set_network_status(self, namespace: str, name: str, status: str) -> None:
        """Write the annotation.

        Raises:
            AttachmentError: code 5.
        """
        document = self._read(namespace, name)
        document["metadata"]["annotations"] = {NETWORK_STATUS: status}
        self._write(document)

    def add_events(self, namespace: str, name: str, events: Iterable[Event]) -> None:
        """Write events behind those there are; the oldest go when there are many.

        Raises:
            AttachmentError: code 5.
        """
        document = self._read(namespace, name)
        written = [msgspec.structs.asdict(event) for event in events]
        document["events"] = [*document.get("events", []), *written][-_MOST_EVENTS:]
        self._write(document)

    def forget(self, namespace: str, name: str) -> None:
        """Remove what was written for a pod, as deleting the pod would."""
        self._path(namespace, name).unlink(missing_ok=True)

    def _read(self, namespace: str, name: str) -> Document:
        try:
            document = yaml.load(self._path(namespace, name).read_text(), _LOADER)
        except (OSError, yaml.YAMLError):
            document = None
        if isinstance(document, dict) and isinstance(document.get("metadata"), dict):
            return document
        return {"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": namespace, "name": name}}

    def _write(self, document: Document) -> None:
        path = self._path(document["metadata"]["namespace"], document["metadata"]["name"])
        files.make_folder(path.parent)
        files.replace(path, yaml.dump(document, Dumper=_DUMPER, sort_keys=False).encode(), durable=False)

    def _path(self, namespace: str, name: str) -> Path:
        return self._folder / f"{namespace}.{name}.yaml".replace("/", "_")
