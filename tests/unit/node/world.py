"""A node made of fakes, and the runtime's calls to it."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import pytest

from plurimus.adapters.confdir import ConfDirectories
from plurimus.cni.errors import PlurimusError
from plurimus.cni.result import Result
from plurimus.core import config
from plurimus.model.definition import NetworkAttachmentDefinition
from plurimus.model.pod import DEFAULT_NETWORK, NETWORKS, Pod
from plurimus.node.context import Outcome, Request
from plurimus.node.request import Requests
from plurimus.node.scheduler import Scheduler
from plurimus.node.world import World

from .fakes import FakeCluster, FakeKernel, FakePlugins
from .stores import FakeDeviceInfos, FakePodFolders, FakeRdmaFacts, FakeRecords, FakeResults, FakeSpool

CONTAINER = "cid1"
NETNS = "/run/netns/pod"
STATE = "/var/lib/cni/multus"
"""The default of `cniDir`."""


class Node:
    """A node whose default network is the definition kube-system/cbr0, of type `bridge`.

    `netconf` are keys of the configuration the runtime sends, `config` those of the daemon's file.
    """

    def __init__(
        self, *, kubernetes: bool = True, netconf: Mapping[str, Any] | None = None, **config_keys: Any
    ) -> None:
        self.cluster, self.plugins = FakeCluster(), FakePlugins()
        self.kernel = FakeKernel(self.plugins)
        self.infos = FakeDeviceInfos()
        self.rdma, self.folders = FakeRdmaFacts(), FakePodFolders()
        self.stores: dict[str, tuple[FakeRecords, FakeResults, FakeSpool]] = defaultdict(
            lambda: (FakeRecords(), FakeResults(), FakeSpool())
        )
        self.netconf = {
            "cniVersion": "1.1.0",
            "name": "node-network",
            "type": "plurimus",
            "clusterNetwork": "cbr0",
            "confDir": "/nonexistent",
        } | dict(netconf or {})
        self.config = config.parse(json.dumps(config_keys).encode())
        self.scheduler = Scheduler(most=self.config.daemon.connection_limit)
        cluster = self.cluster if kubernetes else None
        self.world = World(
            cluster=cluster,
            devices=cluster,
            plugins=self.plugins,
            confdir=ConfDirectories(),
            kernel=self.kernel,
            device_infos=self.infos,
            rdma=self.rdma,
            pod_folders=self.folders,
            records=lambda folder: self.stores[folder][0],
            results=lambda folder: self.stores[folder][1],
            spool=lambda folder: self.stores[folder][2],
            scheduler=self.scheduler,
        )
        self.restart()
        self.network("cbr0", namespace="kube-system", type="bridge", cniVersion="1.1.0")
        self.pod()

    def restart(self) -> None:
        """Another daemon on the same node."""
        self.requests = Requests(self.config, self.world)

    @property
    def records(self) -> FakeRecords:
        return self.stores[STATE][0]

    @property
    def results(self) -> FakeResults:
        return self.stores[STATE][1]

    @property
    def spool(self) -> FakeSpool:
        return self.stores[STATE][2]

    def network(self, name: str, config: str | None = None, *, namespace: str = "default", resource: str = "",
                chain: tuple[str, ...] = (), **keys: Any) -> None:  # fmt: skip
        """A definition; its plugin has its name as type, or the plugins are those of `chain`."""
        annotations = {"k8s.v1.cni.cncf.io/resourceName": resource} if resource else {}
        document = {"cniVersion": "1.0.0", **({} if chain else {"type": name}), **keys}
        if chain:
            document["plugins"] = [{"type": kind} for kind in chain]
        text = json.dumps(document) if config is None else config
        self.cluster.definitions[namespace, name] = NetworkAttachmentDefinition(namespace, name, text, annotations)

    def networks(self, *names: str) -> None:
        """Definitions of these names, and a pod that asks for all of them in this order."""
        for name in names:
            self.network(name)
        self.pod(",".join(names))

    def pod(self, networks: Any = "", *, default: str | None = None, uid: str = "uid-1", name: str = "pod",
            namespace: str = "default", **annotations: str) -> Pod:  # fmt: skip
        """The pod whose requests `call` makes unless it is told another."""
        written = networks if isinstance(networks, str) else json.dumps(networks)
        wanted = {NETWORKS: written, **({} if default is None else {DEFAULT_NETWORK: default}), **annotations}
        made = self.cluster.pods[namespace, name] = Pod(namespace, name, uid, wanted)
        return made

    def env(self, verb: str, *, container: str = CONTAINER, ifname: str = "eth0", netns: str = NETNS,
            pod: str = "pod", uid: str = "uid-1", namespace: str = "default",
            **more: str) -> dict[str, str]:  # fmt: skip
        """The variables of a runtime's request."""
        names = f"K8S_POD_NAMESPACE={namespace};K8S_POD_NAME={pod};K8S_POD_INFRA_CONTAINER_ID={container}"
        args = f"IgnoreUnknown=1;{names};K8S_POD_UID={uid}"
        return {"CNI_COMMAND": verb, "CNI_CONTAINERID": container, "CNI_NETNS": netns, "CNI_IFNAME": ifname,
                "CNI_ARGS": args, "CNI_PATH": "/opt/cni/bin", **more}  # fmt: skip

    async def call(self, verb: str, stdin: Mapping[str, Any] | None = None, **env: str) -> Outcome:
        """One request; `stdin` are keys laid over the node's configuration."""
        content = json.dumps({**self.netconf, **(stdin or {})}).encode()
        outcome = await self.requests.handle(Request(self.env(verb, **env), content))
        await asyncio.sleep(0)  # what a request has told of itself comes behind its answer
        return outcome

    async def add(self, **env: str) -> Result:
        outcome = await self.call("ADD", **env)
        assert outcome.result is not None
        return outcome.result

    async def delete(self, **env: str) -> None:
        assert (await self.call("DEL", **env)).result is None

    async def refused(self, verb: str, stdin: Mapping[str, Any] | None = None, **env: str) -> PlurimusError:
        """The error a request is answered with."""
        with pytest.raises(PlurimusError) as caught:
            await self.call(verb, stdin, **env)
        return caught.value

    def recorded(self, container: str = CONTAINER) -> list[str]:
        """The interfaces on record, in order."""
        content = self.records.files.get(container, b"[]")
        return [element["plurimus"]["ifname"] for element in json.loads(content)]

    def left(self) -> list[object]:
        """All that is left of any sandbox: in the kernel, on record, in the result cache, in the spool."""
        stores = [found for triple in self.stores.values() for store in triple for found in store.files]
        return [*self.plugins.attached, *stores, *self.folders.files]
