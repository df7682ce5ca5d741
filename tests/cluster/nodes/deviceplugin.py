"""A device plugin on the tests' node: its devices have the names of real ones, and nothing behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any, Self

import grpc

from plurimus.model.definition import RESOURCE_NAME
from tests.cluster import images
from tests.cluster.client import Client, Object
from tests.cluster.service import PATIENCE
from tests.cluster.waiting import eventually
from tests.protos import DEVICE_PLUGIN as api

from .pods import pod

FOLDER = Path("/var/lib/kubelet/device-plugins")
RESOURCE = "intel.com/sriov_rdma"
DEVICES = {"0000:03:02.0": [0], "0000:03:02.1": [0], "0000:03:0a.0": [0, 1], "0000:81:00.6": [1], "0000:81:00.7": [1]}
_VERSION = "v1beta1"


def wanting(name: str, namespace: str, networks: Any, *devices: int | Mapping[str, int]) -> Object:
    """A pod with one container for each number, which requests so many of the devices, or of those of each resource."""
    made = [
        {
            "name": f"c{index}",
            "image": images.WAITS,
            "imagePullPolicy": "Never",
            "resources": {"limits": {resource: str(number) for resource, number in asked.items()}},
        }
        for index, asked in enumerate(each if isinstance(each, Mapping) else {RESOURCE: each} for each in devices)
    ]
    return pod(name, namespace, networks, containers=made)


def needing(definition: Object, resource: str = RESOURCE) -> Object:
    """The definition, each attachment of which takes one of the devices."""
    definition["metadata"]["annotations"] = {RESOURCE_NAME: resource}
    return definition


class DevicePlugin:
    """Registered with kubelet within a `with` block, which begins once pods can ask for its devices.

    Its devices are `devices`, NUMA nodes by ID, of `resource`.  Containers get those that sort last; `allocated` has
    what each of them got.
    """

    def __init__(
        self, admin: Client, node: str, resource: str = RESOURCE, devices: Mapping[str, list[int]] = DEVICES
    ) -> None:
        self._admin, self._node = admin, node
        self._resource, self._devices = resource, devices
        self._socket = FOLDER / f"{resource.replace('/', '_')}.sock"
        self.allocated: list[list[str]] = []
        self._ends = Event()
        self._workers = ThreadPoolExecutor(4)
        self._server = grpc.server(self._workers)

    def __enter__(self) -> Self:
        methods = {
            "GetDevicePluginOptions": _unary("Empty", lambda _: self._options()),
            "GetPreferredAllocation": _unary("PreferredAllocationRequest", _preferred),
            "Allocate": _unary("AllocateRequest", self._allocate),
            "ListAndWatch": grpc.unary_stream_rpc_method_handler(self._watch, api.Empty.FromString, _bytes),
        }
        handlers = grpc.method_handlers_generic_handler(f"{_VERSION}.DevicePlugin", methods)
        self._server.add_generic_rpc_handlers((handlers,))
        self._server.add_insecure_port(f"unix:{self._socket}")
        self._server.start()
        try:
            # an earlier one's devices are counted for a while
            eventually(self._allocatable, lambda found: found in ("0", None))
            self._register()
            eventually(self._allocatable, lambda found: found == str(len(self._devices)))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._server.stop(None).wait()
        self._workers.shutdown()
        self._socket.unlink(missing_ok=True)

    def _register(self) -> None:
        request = api.RegisterRequest(
            version=_VERSION, endpoint=self._socket.name, resource_name=self._resource, options=self._options()
        )
        with grpc.insecure_channel(f"unix:{FOLDER / 'kubelet.sock'}") as channel:
            register = channel.unary_unary(f"/{_VERSION}.Registration/Register", _bytes, api.Empty.FromString)
            register(request, timeout=PATIENCE)

    def _options(self) -> Any:
        return api.DevicePluginOptions(get_preferred_allocation_available=True)

    def _allocatable(self) -> str | None:
        """How many of the devices pods may have, as the node's status says."""
        found: str | None = self._admin.get(f"/api/v1/nodes/{self._node}")["status"]["allocatable"].get(self._resource)
        return found

    def _watch(self, _: Any, __: grpc.ServicerContext) -> Iterator[Any]:
        devices = [
            api.Device(
                ID=each, health="Healthy", topology=api.TopologyInfo(nodes=[api.NUMANode(ID=at) for at in nodes])
            )
            for each, nodes in self._devices.items()
        ]
        yield api.ListAndWatchResponse(devices=devices)
        self._ends.wait()

    def _allocate(self, request: Any) -> Any:
        """Nothing has to be given to a container."""
        self.allocated += [sorted(each.devices_ids) for each in request.container_requests]
        return api.AllocateResponse(container_responses=[{} for _ in request.container_requests])


def _preferred(request: Any) -> Any:
    chosen = [sorted(each.available)[-each.allocation_size :] for each in request.container_requests]
    return api.PreferredAllocationResponse(container_responses=[{"chosen": each} for each in chosen])


def _bytes(message: Any) -> bytes:
    content: bytes = message.SerializeToString()
    return content


def _unary(kind: str, answer: Callable[[Any], Any]) -> grpc.RpcMethodHandler:
    return grpc.unary_unary_rpc_method_handler(
        lambda request, _: answer(request), getattr(api, kind).FromString, _bytes
    )
