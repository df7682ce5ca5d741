"""A kubelet's pod-resources API, served by grpcio."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import grpc

from plurimus.adapters.podresources import FOLDER, SOCKET
from tests.grpcserver import GrpcServer, Method
from tests.protos import POD_RESOURCES as api

Devices = Sequence[tuple[str, Sequence[str]]]


def pod(name: str, *containers: Devices, namespace: str = "ns") -> Any:
    """A pod whose containers have these devices, in the pieces and the order given."""
    made = [
        {"name": f"c{index}", "devices": [{"resource_name": name, "device_ids": ids} for name, ids in devices]}
        for index, devices in enumerate(containers)
    ]
    return api.PodResources(name=name, namespace=namespace, containers=made)


class Kubelet(GrpcServer):
    """Serves within a `with` block, at its place below `root`.

    `get` is what it makes of the question for one pod: it knows the answer, it is switched off, or it is unknown to
    it.  `refusals` are the codes of the next answers; `asked` has the methods that were called.
    """

    def __init__(
        self,
        root: Path,
        pods: Iterable[Any] = (),
        *,
        get: str = "known",
        refusals: Sequence[grpc.StatusCode] = (),
    ) -> None:
        self.root = root
        self.pods = list(pods)
        self.asked: list[str] = []
        self._get = get
        self._refusals = list(refusals)
        methods = {"List": self._method("List", self._list)}
        if get != "unknown":
            methods["Get"] = self._method("Get", self._one)
        super().__init__(root / FOLDER.lstrip("/") / SOCKET, "v1.PodResourcesLister", methods)

    def _method(self, name: str, answer: Callable[[Any, grpc.ServicerContext], Any]) -> Method:
        def called(request: Any, context: grpc.ServicerContext) -> Any:
            self.asked.append(name)
            if self._refusals:
                context.abort(self._refusals.pop(0), "rejected by rate limit")
            return answer(request, context)

        return getattr(api, f"{name}PodResourcesRequest"), called

    def _list(self, _: Any, __: grpc.ServicerContext) -> Any:
        return api.ListPodResourcesResponse(pod_resources=self.pods)

    def _one(self, request: Any, context: grpc.ServicerContext) -> Any:
        if self._get == "off":
            context.abort(grpc.StatusCode.UNKNOWN, "PodResources API Get method disabled")
        named = [each for each in self.pods if (each.namespace, each.name) == (request.pod_namespace, request.pod_name)]
        if not named:
            context.abort(grpc.StatusCode.UNKNOWN, f"pod {request.pod_name} not found: 100 % sure")
        return api.GetPodResourcesResponse(pod_resources=named[-1])


def entries(*found: tuple[str, str, str, Any], uid: str = "uid-1") -> Mapping[str, Any]:
    """A checkpoint: per entry the UID after `uid`, the container, the resource and the IDs."""
    made = [
        {"PodUID": pod_uid or uid, "ContainerName": container, "ResourceName": resource, "DeviceIDs": ids}
        for pod_uid, container, resource, ids in found
    ]
    return {"Data": {"PodDeviceEntries": made, "RegisteredDevices": {"r": ["a"]}}, "Checksum": 2**64 - 1}
