"""What the owners of deploy/'s roles do at the API server, done by their own parts; refusals are gathered.

Each does all of its duties, whatever becomes of some, and each effect is looked for where nothing was refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plurimus.adapters import accounttoken, checkpoint, nodepods, signing, x509
from plurimus.adapters.apiserver import ApiServer
from plurimus.adapters.claims import ClaimedDevices
from plurimus.adapters.kubeconfig import Access
from plurimus.adapters.kubernetes import KubernetesCluster
from plurimus.adapters.podresources import FOLDER, KubeletDevices
from plurimus.cni.errors import PlurimusError
from plurimus.core import config
from plurimus.core.plan import PodReference
from plurimus.core.ports import Cluster, DeviceSource
from plurimus.drivers import call
from plurimus.model.event import Event
from plurimus.model.pod import NETWORK_STATUS, Pod
from plurimus.model.signing import GROUP, REQUESTS, user
from plurimus.node import daemon
from plurimus.node.approve import Approver
from plurimus.node.devices import PodDevices
from plurimus.node.late import Late
from plurimus.node.world import World, real_world
from tests import kubeconfigs

from . import objects
from .addresses import request
from .asdaemon import NODE, annotations, make_pod
from .claims import VF, allocate, claiming
from .client import Client

ELSEWHERE = "elsewhere"
"""A node whose pods are in no copy."""
PATIENCE = 60.0


@dataclass
class Place:
    """Who does its duties in which namespace; `logs` is what is logged meanwhile, `kubelet` a client of the node's."""

    name: str
    access: Access
    admin: Client
    namespace: str
    folder: Path
    range: str
    logs: list[MutableMapping[str, Any]]
    kubelet: Access
    refusals: list[str] = field(default_factory=list)

    @property
    def root(self) -> Path:
        """Of the node, where kubelet has given no pod a device; it is waited for where it says nothing."""
        told = self.folder / FOLDER.lstrip("/") / checkpoint.NAME
        told.parent.mkdir(parents=True, exist_ok=True)
        told.write_text('{"Data": {}}')
        return self.folder

    async def tries(self, work: Awaitable[Any]) -> None:
        """What comes of it is the caller's to look for; a refusal is remembered."""
        try:
            await work
        except PlurimusError as error:
            self.refusals.append(str(error))

    async def until(self, holds: Callable[[], bool], *about: str) -> None:
        """Wait for something, or for a logged refusal of a request to a path that has one of `about` in it."""
        async with asyncio.timeout(PATIENCE):
            while not holds():
                errors = [str(each.get("error", "")) for each in self.logs]
                if refused := [text for text in errors if any(each in text for each in about)]:
                    self.refusals += refused
                    return
                await asyncio.sleep(0.02)

    def events(self, about: str, namespace: str) -> list[str]:
        """The reasons of the events about an object."""
        selected = {"fieldSelector": f"involvedObject.name={about}"}
        return [
            each["reason"] for each in self.admin.get(f"/api/v1/namespaces/{namespace}/events", **selected)["items"]
        ]


async def of_daemon(place: Place) -> None:
    """Copies, look-ups, status, events, devices of claims, addresses, and the look for leaks."""
    keys = {"cniDir": str(place.folder)}
    world = daemon.make_world(config.parse(json.dumps(keys).encode()), place.access)
    cluster = world.cluster
    assert isinstance(cluster, KubernetesCluster)
    running = asyncio.create_task(cluster.run())
    try:
        synced = asyncio.ensure_future(cluster.synced())
        await place.until(synced.done, "/api/v1/pods", "/apis/k8s.cni")
        synced.cancel()
        network, pod = f"followed-{place.name}", f"followed-{place.name}"
        objects.create(place.admin, objects.network(network, place.namespace, "{}"))
        followed = make_pod(place.admin, place.namespace, pod)
        await place.until(lambda: followed in cluster.held_pods(), "/api/v1/pods")
        await place.until(lambda: network in {each.name for each in cluster.held_definitions()}, "/apis/k8s.cni")
        # of the node's own kubelet, where one runs beside, only `root` is to be seen
        devices = PodDevices(KubeletDevices([place.root], timeout=20), ClaimedDevices(cluster.api))
        await _requests(place, cluster, devices)
        cluster.emit(PodReference(followed.namespace, followed.name, followed.uid), [Event.missing("a test")])
        await place.until(lambda: bool(place.events(pod, place.namespace)), "/events")
        await _addresses(place, world)
        await place.tries(nodepods.of_cluster(cluster.api, cluster.node))
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await cluster.close()


async def of_call(place: Place) -> None:
    """What a call without a daemon asks for, and the token that calls have."""
    access = place.access
    path = kubeconfigs.write(place.folder / f"{place.name}.kubeconfig", access.server, ca=access.ca,
                             user={"tokenFile": str(access.token_file)})  # fmt: skip
    loaded = config.parse(b"{}")
    late = Late(loaded, str(path), root=place.root)
    world = real_world(loaded, late, late, late.pools)
    pod = make_pod(place.admin, place.namespace, f"called-{place.name}")
    await _requests(place, late, late)
    late.emit(PodReference(pod.namespace, pod.name, pod.uid), [Event.missing("a test")])
    await _addresses(place, world)
    await late.close()
    await place.until(lambda: bool(place.events(pod.name, place.namespace)), "/events")
    await place.tries(accounttoken.issue(place.access, seconds=3600, timeout=20.0))


async def of_certificates(place: Place) -> None:
    """A certificate is asked for, and looked at."""
    async with _server(place.access) as api:
        name = signing.new_name(NODE)
        await place.tries(signing.create(api, name, x509.make(user(NODE), GROUP).request, seconds=3600))
        await place.tries(api.get(f"{REQUESTS}/{name}", signing.Request))


async def of_approver(place: Place) -> None:
    """A request is seen among those there are, another when it is made, each is decided, and told of."""
    async with _server(place.access) as api, _server(place.kubelet) as kubelet:
        approver = asyncio.create_task(Approver(api, x509.subject).run())
        try:
            for _ in range(2):
                name = signing.new_name(NODE)
                await signing.create(kubelet, name, x509.make(user(NODE), GROUP).request, seconds=3600)
                await place.until(lambda name=name: _decided(place.admin, name), "certificatesigningrequests")
                if not place.refusals:
                    await place.until(lambda name=name: bool(place.events(name, "default")), "/events")
        finally:
            approver.cancel()
            await asyncio.gather(approver, return_exceptions=True)


async def _requests(place: Place, cluster: Cluster, devices: DeviceSource | None) -> None:
    """What an ADD asks for: a pod and a definition that no copy has, its devices; and what it writes."""
    name = f"claims-{place.name}"
    allocate(place.admin, place.namespace, name, {"r0": ("node-1", "vf-1")})
    made = objects.create(place.admin, claiming(name, place.namespace, {"c": [name]}, {name: name}, ELSEWHERE))
    pod = Pod(place.namespace, name, made["metadata"]["uid"])
    with contextlib.suppress(PlurimusError):
        pod = await cluster.get_pod(place.namespace, name) or pod
    await place.tries(cluster.get_pod(place.namespace, name))
    await place.tries(cluster.get_definition(place.namespace, "none"))
    if not pod.claims:  # the pod could not be read: that is another right
        return
    assert devices is not None
    await place.tries(devices.allocated(pod))
    await place.tries(cluster.write_status(pod, "[]"))
    assert place.refusals or annotations(place.admin, pod)[NETWORK_STATUS] == "[]"
    if not place.refusals:
        assert [each.resource for each in (await devices.allocated(pod)).held] == [VF]


async def _addresses(place: Place, world: World) -> None:
    """An address of this node's slice, taken and given back."""
    driver, sliced = world.stores()["whereabouts"], {"node_slice_size": "/27", "network_name": f"of-{place.name}"}
    for verb, does in (("ADD", driver.add), ("DEL", driver.delete)):
        asked = request(verb, f"pod-{place.name}", place.range, **sliced)
        await place.tries(does(call.read(asked["env"], json.dumps(asked["conf"]).encode(), ())))


@asynccontextmanager
async def _server(access: Access) -> AsyncIterator[ApiServer]:
    api = ApiServer(access, timeout=20)
    try:
        yield api
    finally:
        await api.close()


def _decided(admin: Client, name: str) -> bool:
    return "conditions" in admin.get(f"{REQUESTS}/{name}")["status"]
