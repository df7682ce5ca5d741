"""A driver of claimed devices on the tests' node: they have the names of real ones, and nothing behind them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any, Self

import grpc

from tests.cluster import objects
from tests.cluster.claims import DRIVER, VERSION, publish
from tests.cluster.client import Client, Object
from tests.cluster.service import PATIENCE
from tests.protos import DRA, PLUGIN_REGISTRATION

FOLDER = Path("/var/lib/kubelet")
CLASS = "vf.example.com"


class DraDriver:
    """Registered with kubelet within a `with` block, with `devices` in a slice of the node.

    `prepared` has the claims that kubelet had prepared and not given back, as `namespace/name`.
    """

    def __init__(self, admin: Client, node: str, *devices: Object) -> None:
        self._admin, self._node, self._devices = admin, node, devices
        self._socket = FOLDER / f"plugins/{DRIVER}/dra.sock"
        self._registration = FOLDER / f"plugins_registry/{DRIVER}-reg.sock"
        self._class = {"apiVersion": VERSION, "kind": "DeviceClass", "metadata": {"name": CLASS}}
        self.prepared: set[str] = set()
        self._registered = Event()
        self._workers = ThreadPoolExecutor(4)
        self._servers = [
            self._server(self._socket, "k8s.io.kubelet.pkg.apis.dra.v1.DRAPlugin", DRA,
                         NodePrepareResources=self._prepare, NodeUnprepareResources=self._unprepare),
            self._server(self._registration, "pluginregistration.Registration", PLUGIN_REGISTRATION,
                         GetInfo=self._info, NotifyRegistrationStatus=self._note),
        ]  # fmt: skip

    def __enter__(self) -> Self:
        try:
            for server in self._servers:
                server.start()
            assert self._registered.wait(PATIENCE), "kubelet did not register the driver"
            selector = {"cel": {"expression": f"device.driver == '{DRIVER}'"}}
            objects.ensure(self._admin, self._class | {"spec": {"selectors": [selector]}})
            publish(self._admin, f"{self._node}-{DRIVER}", self._node, *self._devices, nodeName=self._node)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for server in reversed(self._servers):
            server.stop(None).wait()
        self._workers.shutdown()
        for path in (self._registration, self._socket):
            path.unlink(missing_ok=True)
        self._admin.delete(f"/apis/{VERSION}/resourceslices")
        self._admin.delete(objects.path(self._class))

    def _server(self, socket: Path, service: str, api: Any, **methods: Callable[[Any], Any]) -> grpc.Server:
        requests = {"GetInfo": "InfoRequest", "NotifyRegistrationStatus": "RegistrationStatus"}
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                lambda request, _, answer=answer: answer(request),
                getattr(api, requests.get(name, f"{name}Request")).FromString,
                lambda message: message.SerializeToString(),
            )
            for name, answer in methods.items()
        }
        socket.parent.mkdir(parents=True, exist_ok=True)
        server = grpc.server(self._workers)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
        server.add_insecure_port(f"unix:{socket}")
        return server

    def _info(self, _: Any) -> Any:
        return PLUGIN_REGISTRATION.PluginInfo(
            type="DRAPlugin", name=DRIVER, endpoint=str(self._socket), supported_versions=["v1.DRAPlugin"]
        )

    def _note(self, status: Any) -> Any:
        if status.plugin_registered:
            self._registered.set()
        return PLUGIN_REGISTRATION.RegistrationStatusResponse()

    def _prepare(self, request: Any) -> Any:
        """The devices the scheduler gave each claim; nothing has to be given to a container."""
        found = []
        for claim in request.claims:
            self.prepared.add(f"{claim.namespace}/{claim.name}")
            path = f"/apis/{VERSION}/namespaces/{claim.namespace}/resourceclaims/{claim.name}"
            results = self._admin.get(path)["status"]["allocation"]["devices"]["results"]
            devices = [
                {"request_names": [each["request"]], "pool_name": each["pool"], "device_name": each["device"]}
                for each in results
                if each["driver"] == DRIVER
            ]
            found.append({"key": claim.uid, "value": {"devices": devices}})
        return DRA.NodePrepareResourcesResponse(claims=found)

    def _unprepare(self, request: Any) -> Any:
        self.prepared -= {f"{claim.namespace}/{claim.name}" for claim in request.claims}
        return DRA.NodeUnprepareResourcesResponse(claims=[{"key": claim.uid, "value": {}} for claim in request.claims])
