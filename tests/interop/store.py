"""The objects of the API server in tests, and their history, which watches are made of."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

KINDS = {"pods": "Pod", "network-attachment-definitions": "NetworkAttachmentDefinition", "events": "Event"}
GROUPS = {"pods": "v1", "network-attachment-definitions": "k8s.cni.cncf.io/v1", "events": "v1"}

Object = dict[str, Any]
Key = tuple[str, str, str]


@dataclass(slots=True)
class Store:
    """The objects, and everything that ever happened to them in order."""

    objects: dict[Key, Object] = field(default_factory=dict)
    history: list[tuple[str, Key, Object]] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    closed: bool = False
    asked: Counter[str] = field(default_factory=Counter)
    """Requests of clients so far, by method and kind."""

    def put(self, key: Key, content: Mapping[str, Any]) -> Object:
        with self.changed:
            told = {"namespace": key[1], "name": key[2], "resourceVersion": str(self.version + 1)}
            meta = {**content.get("metadata", {}), **told}
            made = {"apiVersion": GROUPS[key[0]], "kind": KINDS[key[0]], **content, "metadata": meta}
            self._happen("MODIFIED" if key in self.objects else "ADDED", key, made)
            self.objects[key] = made
            return made

    def delete(self, key: Key) -> None:
        with self.changed:
            self._happen("DELETED", key, self.objects.pop(key))

    def clear(self, *plurals: str, keep: str = "") -> None:
        """Delete all objects of some kinds, but for those in the namespace `keep`."""
        with self.changed:
            for key in [key for key in self.objects if key[0] in plurals and key[1] != keep]:
                self.delete(key)

    def all(self, plural: str) -> tuple[list[Object], int]:
        """All objects of one kind, and the version they are of."""
        with self.changed:
            return [content for key, content in self.objects.items() if key[0] == plural], self.version

    def close(self) -> None:
        """End all watches."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()

    def watch(self, plural: str, since: int) -> Iterator[tuple[str, Object]]:
        """What happens to objects of one kind after version `since`, for as long as the server lives."""
        while True:
            with self.changed:
                while not self.closed and self.version <= since:
                    self.changed.wait()
                if self.closed:
                    return
                news, since = self.history[since:], self.version
            yield from ((what, content) for what, key, content in news if key[0] == plural)

    @property
    def version(self) -> int:
        return len(self.history)

    def _happen(self, what: str, key: Key, content: Object) -> None:
        self.history.append((what, key, content))
        self.changed.notify_all()
