"""kubelet as the source of devices; implements `ports.DeviceSource`.

kubelet is asked on its pod-resources socket: for one pod, or, where it does not know that question, for all.  What
may pass by itself is tried again for some seconds: a kubelet that restarts, or is asked more often than it likes to
be, or does not know the pod yet.  Where there is no socket, the file kubelet keeps its allocations in is read instead.

Spec section 5.2.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

from plurimus.adapters import checkpoint
from plurimus.cni.errors import ClusterError
from plurimus.core import devices
from plurimus.core.devices import Allocation, NobodyKnows
from plurimus.model.pod import Pod
from plurimus.wire import podresources
from plurimus.wire.podresources import PodResources
from plurimus.wire.protobuf import ProtobufError

FOLDER = "/var/lib/kubelet"
SOCKET = "pod-resources/kubelet.sock"
_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds between tries; each is up to a half shorter or longer, so that many pods do not come at once again."""


class _Passing(ClusterError):
    """What may be over in a moment."""


class _Nothing(NobodyKnows, _Passing):
    """A node without kubelet's folder, or one that has just got it."""


class KubeletDevices:
    """What the kubelet with the folder `FOLDER` allocated; the folder is looked for below each of `roots`.

    `timeout` is in seconds, for one answer.
    """

    def __init__(self, roots: Sequence[Path], *, timeout: float, pauses: Sequence[float] = _PAUSES) -> None:
        self._folders = [root / FOLDER.lstrip("/") for root in roots]
        self._timeout = timeout
        self._pauses = pauses

    async def allocated(self, pod: Pod) -> Allocation:
        for pause in self._pauses:
            try:
                return await self._allocated(pod)
            except _Passing:
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))
        return await self._allocated(pod)

    async def _allocated(self, pod: Pod) -> Allocation:
        socket = self._find(SOCKET)
        if socket is not None:
            found = await _Question(socket, self._timeout, pod).ask()
            return _allocation((each.name, each.devices) for each in found.containers)
        file = self._find(checkpoint.NAME)
        if file is not None:
            return _allocation(_read(file, pod))
        places = " or ".join(str(folder) for folder in self._folders)
        raise _Nothing(
            f"nothing tells which devices pod {pod} has: {places} has neither {SOCKET} nor {checkpoint.NAME}; "
            "check that kubelet runs on this node, and that its folder is there where Plurimus runs"
        )

    def _find(self, name: str) -> Path | None:
        try:
            return next((path for folder in self._folders if (path := folder / name).exists()), None)
        except OSError as error:
            raise ClusterError(f"kubelet's {error.filename} cannot be looked at: {error.strerror}") from error


class _Question:
    """Which devices `pod` has, to the kubelet at `socket`."""

    def __init__(self, socket: Path, timeout: float, pod: Pod) -> None:
        self._socket, self._timeout, self._pod = socket, timeout, pod

    async def ask(self) -> PodResources:
        # imported with the first question: a daemon that never has one needs no HTTP/2
        from plurimus.adapters.grpc import call
        from plurimus.wire.grpc import Status, StatusError

        namespace, name = self._pod.namespace, self._pod.name
        try:
            try:
                request = podresources.get_request(namespace, name)
                return podresources.got(await call(self._socket, podresources.GET, request, seconds=self._timeout))
            except StatusError as error:
                # what kubelet says when it lacks the method, or has it switched off, or does not know the pod
                if error.code not in (Status.UNIMPLEMENTED, Status.UNKNOWN):
                    raise
            answer = await call(self._socket, podresources.LIST, b"", seconds=self._timeout)
            return self._one(podresources.listed(answer, namespace, name))
        except StatusError as error:
            passing = error.code in (Status.UNAVAILABLE, Status.RESOURCE_EXHAUSTED)
            raise self._error(f"{error.text} (gRPC status {error.code})", passing=passing) from error
        except ProtobufError as error:
            raise self._error(f"an answer that cannot be read: {error}") from error

    def _one(self, found: Sequence[PodResources]) -> PodResources:
        if not found:
            raise self._error("it does not know the pod, or not yet", passing=True)
        having = [each for each in found if each.has_devices]
        if len(having) > 1:
            raise self._error(f"it has {len(having)} pods of that name, each with devices", passing=True)
        return having[0] if having else found[0]

    def _error(self, what: str, *, passing: bool = False) -> ClusterError:
        text = f"kubelet at {self._socket} does not tell which devices pod {self._pod} has: {what}; "
        return (_Passing if passing else ClusterError)(f"{text}check kubelet on this node")


def _allocation(containers: Iterable[tuple[str, Iterable[tuple[str, Sequence[str]]]]]) -> Allocation:
    return Allocation(tuple(held for name, found in containers for held in devices.of_container(name, found)))


def _read(file: Path, pod: Pod) -> list[tuple[str, list[tuple[str, list[str]]]]]:
    try:
        return checkpoint.containers(file.read_bytes(), pod.kubelet_uid)
    except (OSError, ValueError) as error:
        what = error.strerror if isinstance(error, OSError) else str(error)
        raise _Passing(f"{file}, kubelet's list of devices, cannot be read for pod {pod}: {what}") from error
