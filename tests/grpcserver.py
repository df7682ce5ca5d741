"""Others' services on a unix socket, served by grpcio."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import grpc

Method = tuple[Any, Callable[[Any, grpc.ServicerContext], Any]]
"""The type of its request, and what answers it."""


class GrpcServer:
    """Serves at `socket` within a `with` block: the `methods` of `service`, one call at a time."""

    def __init__(self, socket: Path, service: str, methods: Mapping[str, Method]) -> None:
        self.socket = socket
        self._service = service
        self._methods = {
            name: grpc.unary_unary_rpc_method_handler(answer, kind.FromString, lambda made: made.SerializeToString())
            for name, (kind, answer) in methods.items()
        }

    def __enter__(self) -> Self:
        self.socket.parent.mkdir(parents=True, exist_ok=True)
        self._workers = ThreadPoolExecutor(1)
        self._server = grpc.server(self._workers)
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(self._service, self._methods),))
        self._server.add_insecure_port(f"unix:{self.socket}")
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(None).wait()
        self._workers.shutdown()
        self.socket.unlink(missing_ok=True)
