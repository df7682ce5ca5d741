"""A container runtime's CRI, served by grpcio."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import grpc

from tests.grpcserver import GrpcServer
from tests.protos import CRI as api

READY, NOT_READY = 0, 1


def sandbox(container_id: str, name: str = "pod", namespace: str = "default", state: int = READY) -> Any:
    metadata = {"name": name, "namespace": namespace, "uid": f"uid-{name}", "attempt": 1}
    labels = [{"key": "io.kubernetes.pod.name", "value": name}]
    return api.PodSandbox(id=container_id, metadata=metadata, state=state, created_at=2**60, labels=labels)


class Runtime(GrpcServer):
    """Serves at `socket` within a `with` block; with `refusal` it answers nothing but that."""

    def __init__(self, socket: Path, sandboxes: Iterable[Any] = ()) -> None:
        methods = {"ListPodSandbox": (api.ListPodSandboxRequest, self._list)}
        super().__init__(socket, "runtime.v1.RuntimeService", methods)
        self.sandboxes = list(sandboxes)
        self.refusal: grpc.StatusCode | None = None
        self.asked = 0

    def _list(self, _: Any, context: grpc.ServicerContext) -> Any:
        self.asked += 1
        if self.refusal is not None:
            context.abort(self.refusal, "not today")
        return api.ListPodSandboxResponse(items=self.sandboxes)
