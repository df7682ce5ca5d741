"""What Kubernetes would write on a pod, in files below `<folder>/`.

`<namespace>.<pod>.yaml` holds the network status as the pod's annotation, `<namespace>.<pod>.events`
the pod's events, a JSON object a line, oldest first.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable
from pathlib import Path

import msgspec

from plurimus.adapters import files, yamltexts
from plurimus.model.event import Event
from plurimus.model.pod import NETWORK_STATUS

_MOST_EVENTS = 64 * 2**10
"""Bytes of events kept for a pod; a pod that fails for ever shall not fill the disk."""


class PodFiles:
    """The files in `folder`, which is made when something is written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def network_status(self, namespace: str, name: str) -> str:
        """The annotation last written for a pod; empty if none was."""
        try:
            (document,) = yamltexts.documents(self._path(namespace, name, "yaml").read_text())
            return str(document["metadata"]["annotations"][NETWORK_STATUS])
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def set_network_status(self, namespace: str, name: str, status: str) -> None:
        """Write the annotation.

        Raises:
            AttachmentError: code 5.
        """
        # written by hand, since a dumper is slow and folds the text beyond recognition
        text = (
            f"apiVersion: v1\nkind: Pod\nmetadata:\n  namespace: {json.dumps(namespace)}\n  name: {json.dumps(name)}\n"
            f"  annotations:\n    {NETWORK_STATUS}: {_block(status, indent=6)}\n"
        )
        self._write(self._path(namespace, name, "yaml"), text.encode())

    def events(self, namespace: str, name: str) -> list[Event]:
        """The pod's events, oldest first."""
        return [msgspec.json.decode(line, type=Event) for line in self._lines(namespace, name)]

    def add_events(self, namespace: str, name: str, events: Iterable[Event]) -> None:
        """Write events behind those there are; the older half goes when there are many.

        Raises:
            AttachmentError: code 5.
        """
        lines = [*self._lines(namespace, name), *(msgspec.json.encode(event) for event in events)]
        if sum(map(len, lines)) > _MOST_EVENTS:
            lines = lines[len(lines) // 2 :]
        self._write(self._path(namespace, name, "events"), b"".join(line + b"\n" for line in lines))

    def forget(self, namespace: str, name: str) -> None:
        """Remove what was written for a pod, as deleting the pod would."""
        for suffix in ("yaml", "events"):
            files.remove(self._path(namespace, name, suffix))

    def _lines(self, namespace: str, name: str) -> list[bytes]:
        try:
            return self._path(namespace, name, "events").read_bytes().splitlines()
        except OSError:
            return []

    def _write(self, path: Path, content: bytes) -> None:
        files.replace(path, content, durable=False)

    def _path(self, namespace: str, name: str, suffix: str) -> Path:
        return self._folder / f"{namespace}.{name}.{suffix}".replace("/", "_")


def _block(text: str, *, indent: int) -> str:
    """`text` as a YAML scalar: as it is where YAML can have it so, else quoted."""
    plain = (
        text.isascii() and text.replace("\n", "").isprintable() and text[:1] not in ("", " ", "\n") and text[-1] != "\n"
    )
    return f"|-\n{textwrap.indent(text, ' ' * indent)}" if plain else json.dumps(text)
