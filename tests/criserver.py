"""A container runtime's CRI, served by grpcio."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import grpc

from tests.protos import CRI as api

READY, NOT_READY = 0, 1


def sandbox(container_id: str, name: str = "pod", namespace: str = "default", state: int = READY) -> Any:
    metadata = {"name": name, "namespace": namespace, "uid": f"uid-{name}", "attempt": 1}
    labels = [{"key": "io.kubernetes.pod.name", "value": name}]
    return api.PodSandbox(id=container_id, metadata=metadata, state=state, created_at=2**60, labels=labels)


class Runtime:
    """Serves at `socket` within a `with` block; with `refusal` it answers nothing but that."""

    def __init__(self, socket: Path, sandboxes: Iterable[Any] = ()) -> None:
        self.socket = socket
        self.sandboxes = list(sandboxes)
        self.refusal: grpc.StatusCode | None = None
        self.asked = 0

    def __enter__(self) -> Self:
        self.socket.parent.mkdir(parents=True, exist_ok=True)
        self._workers = ThreadPoolExecutor(1)
        self._server = grpc.server(self._workers)
        method = grpc.unary_unary_rpc_method_handler(
            self._list, api.ListPodSandboxRequest.FromString, lambda made: made.SerializeToString()
        )
        handler = grpc.method_handlers_generic_handler("runtime.v1.RuntimeService", {"ListPodSandbox": method})
        self._server.add_generic_rpc_handlers((handler,))
        self._server.add_insecure_port(f"unix:{self.socket}")
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(None).wait()
        self._workers.shutdown()
        self.socket.unlink(missing_ok=True)

    def _list(self, _: Any, context: grpc.ServicerContext) -> Any:
        self.asked += 1
        if self.refusal is not None:
            context.abort(self.refusal, "not today")
        return api.ListPodSandboxResponse(items=self.sandboxes)
