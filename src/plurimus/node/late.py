"""The cluster and kubelet of a process that serves one call: made when somebody asks, told before the end.

A DEL needs neither, and a wrong kubeconfig must not keep it.  What only some calls need is imported when they need it.

Decision 14.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import structlog

from plurimus.adapters import kubeconfig
from plurimus.cni.errors import Code, ConfigError, PlurimusError
from plurimus.core.addresspools import AddressPools
from plurimus.core.config import ConfigFile
from plurimus.core.devices import Allocation
from plurimus.core.plan import PodReference
from plurimus.core.ports import Cluster, DeviceSource
from plurimus.model.definition import NetworkAttachmentDefinition
from plurimus.model.event import Event
from plurimus.model.pod import Pod

EVENTS = 5.0
"""Seconds the events of a call may take; the runtime waits for it."""
NODE_NAME = "MULTUS_NODE_NAME"
_log = structlog.get_logger(__name__)


def find(config: ConfigFile, path: str) -> Late | None:
    """As `node.daemon` finds its cluster, but not made before it is asked; `path` is the kubeconfig's."""
    if not config.daemon.manifests and not path and kubeconfig.in_cluster(os.environ) is None:
        return None
    return Late(config, path)


class Late:
    """The cluster and kubelet that `config` names, once somebody asks.

    `path` is the kubeconfig's; events may take `patience` seconds.  kubelet's folder is looked for below `root`.
    """

    def __init__(self, config: ConfigFile, path: str, *, patience: float = EVENTS, root: Path = Path("/")) -> None:
        self._config = config
        self._path = path
        self._patience = patience
        self._root = root
        self._made: Cluster | None = None
        self._events: list[tuple[PodReference, Sequence[Event]]] = []

    async def get_pod(self, namespace: str, name: str, *, uid: str = "") -> Pod | None:
        return await self._cluster().get_pod(namespace, name, uid=uid)

    async def get_definition(self, namespace: str, name: str) -> NetworkAttachmentDefinition | None:
        return await self._cluster().get_definition(namespace, name)

    async def write_status(self, pod: Pod, status: str) -> None:
        await self._cluster().write_status(pod, status)

    async def allocated(self, pod: Pod) -> Allocation:
        return await self._devices().allocated(pod)

    def pools(self) -> AddressPools:
        """Where whereabouts' objects are."""
        if self._config.daemon.manifests:
            from plurimus.adapters.manifests import STATUS_FOLDER
            from plurimus.adapters.poolfiles import PoolFiles

            return PoolFiles(Path(self._config.daemon.manifests) / STATUS_FOLDER)
        from plurimus.adapters.ippools import ApiPools
        from plurimus.adapters.kubernetes import KubernetesCluster

        cluster = self._cluster()
        assert isinstance(cluster, KubernetesCluster)
        return ApiPools(cluster.api)

    def check(self) -> None:
        """Whether the kubeconfig can be used (STATUS); the server is not asked, which is for a pod to wait for.

        Raises:
            ConfigError: code 50.
        """
        try:
            self._cluster()
        except ConfigError as error:
            raise ConfigError(f"pods cannot be started: {error.msg}", code=Code.PLUGIN_NOT_AVAILABLE) from error

    def emit(self, pod: PodReference, events: Sequence[Event]) -> None:
        self._events.append((pod, events))

    async def close(self) -> None:
        """Send the events, within a bound and without failing by it."""
        try:
            async with asyncio.timeout(self._patience):
                for pod, events in self._events:
                    self._cluster().emit(pod, events)
                await asyncio.sleep(0)  # a folder writes them then
                await self._send()
        except (TimeoutError, PlurimusError) as error:
            _log.warning("events could not be sent", error=str(error) or f"not within {self._patience:g} s")
        if self._made is not None:
            await self._made.close()

    async def _send(self) -> None:
        if self._made is not None and not self._config.daemon.manifests:
            from plurimus.adapters.kubernetes import KubernetesCluster

            assert isinstance(self._made, KubernetesCluster)
            await self._made.flush()

    def _cluster(self) -> Cluster:
        if self._made is None:
            self._made = self._make()
        return self._made

    def _make(self) -> Cluster:
        if self._config.daemon.manifests:
            from plurimus.adapters.manifests import ManifestFolder

            return ManifestFolder(Path(self._config.daemon.manifests))
        from plurimus.adapters.kubernetes import KubernetesCluster
        from plurimus.adapters.oneshot import OneShotApi

        access = kubeconfig.find(self._path)
        assert access is not None
        api = OneShotApi(access, timeout=self._config.daemon.api_timeout)
        return KubernetesCluster(api, os.environ.get(NODE_NAME, ""))

    def _devices(self) -> DeviceSource:
        if self._config.daemon.manifests:
            from plurimus.adapters.manifests import ManifestFolder

            folder = self._cluster()
            assert isinstance(folder, ManifestFolder)
            return folder
        from plurimus.adapters.claims import ClaimedDevices
        from plurimus.adapters.kubernetes import KubernetesCluster
        from plurimus.adapters.podresources import KubeletDevices
        from plurimus.node.devices import PodDevices

        cluster = self._cluster()
        assert isinstance(cluster, KubernetesCluster)
        kubelet = KubeletDevices([self._root], timeout=self._config.daemon.api_timeout)
        return PodDevices(kubelet, ClaimedDevices(cluster.api))
