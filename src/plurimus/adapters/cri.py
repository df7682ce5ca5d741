"""The node's container runtime, asked by CRI which sandboxes it has.

A runtime that lists a sandbox will have it deleted, however it is by then.  One whose socket is there and that does not
answer may have any sandbox.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from plurimus.adapters import rooted
from plurimus.cni.errors import ClusterError
from plurimus.core.config import DaemonConfig
from plurimus.wire import cri
from plurimus.wire.cri import PodSandbox
from plurimus.wire.protobuf import ProtobufError

SOCKETS = ("/run/containerd/containerd.sock", "/run/crio/crio.sock")
"""Where containerd and CRI-O listen; /var/run is /run."""


class RuntimeSandboxes:
    """The runtimes of this node; their sockets are looked for below each of `roots`.

    `socket` is the path of the only one to ask, for which it counts as silent where there is none; empty: each of
    `SOCKETS` that is there.  `timeout` is in seconds, for one answer.
    """

    def __init__(self, roots: Sequence[Path], *, socket: str = "", timeout: float) -> None:
        self._roots = roots
        self._socket = socket
        self._timeout = timeout

    async def listed(self) -> list[PodSandbox] | None:
        """All sandboxes of all runtimes; None where there is no runtime with a socket.

        Raises:
            ClusterError: one of them does not say; the message names its socket.
        """
        places = [found for path in ((self._socket,) if self._socket else SOCKETS) if (found := self._find(path))]
        if not places:
            if self._socket:
                raise ClusterError(f"no socket at {self._socket}, which 'criSocket' names; mend the key")
            return None
        return [sandbox for place in places for sandbox in await self._ask(place)]

    async def ids(self) -> set[str] | None:
        """The container IDs alone."""
        listed = await self.listed()
        return None if listed is None else {each.id for each in listed}

    def _find(self, path: str) -> Path | None:
        try:
            places = [Path(rooted.below(str(root).rstrip("/"), path)) for root in self._roots]
            return next((place for place in places if place.exists()), None)
        except OSError as error:
            raise ClusterError(f"the runtime's {path} cannot be looked at: {error.strerror}") from error

    async def _ask(self, socket: Path) -> list[PodSandbox]:
        # imported with the first question: a daemon that never has one needs no HTTP/2
        from plurimus.adapters.grpc import call
        from plurimus.wire.grpc import StatusError

        try:
            return cri.listed(await call(socket, cri.LIST, b"", seconds=self._timeout))
        except StatusError as error:
            what = f"{error.text} (gRPC status {error.code})"
        except ProtobufError as error:
            what = f"an answer that cannot be read: {error}"
        raise ClusterError(
            f"the container runtime at {socket} does not tell which sandboxes it has: {what}; check the runtime, or "
            "name the one that kubelet uses in 'criSocket'"
        )


def of_node(config: DaemonConfig) -> RuntimeSandboxes:
    """The runtimes of the node of a daemon, which may see its files below `chrootDir`."""
    roots = rooted.roots(config.chroot_dir)
    return RuntimeSandboxes(roots, socket=config.cri_socket, timeout=config.api_timeout)
