"""Events on pods and on other objects, sent behind the requests they are about.

What one request says in one kind and reason becomes one event, so that eight NICs cost one API request.
No more than a bounded number wait: when the API server is away, the oldest are dropped and counted.

Spec section 3.5; Kubernetes: API reference, Event v1.
"""

from __future__ import annotations

import asyncio
import datetime
import secrets
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import structlog

from plurimus.adapters.apiserver import ApiServer
from plurimus.cni.errors import PlurimusError
from plurimus.core.plan import PodReference
from plurimus.model.event import Event

_MOST_WAITING = 1000
_MOST_TEXT = 1024
"""Bytes the API allows in an event's message."""
_COMPONENT = "multus"
"""Where tools look for the daemon's events (spec section 2.8)."""
_CLUSTER_WIDE = "default"
"""The namespace the API wants events in that are about an object without one."""
_log = structlog.get_logger(__name__)


class EventQueue:
    """Events to be sent to `api`; `component` on `node` is named as their source."""

    def __init__(self, api: ApiServer, node: str, component: str = _COMPONENT) -> None:
        self._api = api
        self._source = {"component": component, "host": node}
        self._waiting: deque[dict[str, Any]] = deque(maxlen=_MOST_WAITING)
        self._some = asyncio.Event()

    def put(self, pod: PodReference, events: Sequence[Event]) -> None:
        """Have `events`, which one request gave rise to, sent soon."""
        about = {"apiVersion": "v1", "kind": "Pod", "namespace": pod.namespace, "name": pod.name, "uid": pod.uid}
        self.put_about(about, events)

    def put_about(self, about: Mapping[str, str], events: Sequence[Event]) -> None:
        """The same for any object: `about` is a reference as the API has it."""
        for (kind, reason), same in groupby(events, key=lambda event: (event.kind, event.reason)):
            text = "\n".join(event.text for event in same)
            if len(self._waiting) == _MOST_WAITING:
                _log.warning("an event is dropped: too many wait for the API server", most=_MOST_WAITING)
            self._waiting.append(self._document(about, Event(kind, reason, text)))
        self._some.set()

    async def run(self) -> None:
        """Send, one after another, for ever."""
        while True:
            await self._some.wait()
            self._some.clear()
            await self.flush()

    async def flush(self) -> None:
        """Send what waits; an event that cannot be sent is logged and dropped."""
        while self._waiting:
            document = self._waiting.popleft()
            namespace = document["metadata"]["namespace"]
            try:
                await self._api.post(f"/api/v1/namespaces/{namespace}/events", document)
            except PlurimusError as error:
                _log.warning("an event could not be sent", reason=document["reason"], error=str(error))

    def _document(self, about: Mapping[str, str], event: Event) -> dict[str, Any]:
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        name = f"{about['name'][:230].rstrip('-.')}.{secrets.token_hex(8)}"
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"namespace": about.get("namespace", _CLUSTER_WIDE), "name": name},
            "involvedObject": dict(about),
            "type": event.kind,
            "reason": event.reason,
            "message": event.text.encode(errors="replace")[:_MOST_TEXT].decode(errors="ignore"),
            "source": self._source,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
