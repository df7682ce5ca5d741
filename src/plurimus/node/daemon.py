"""The daemon as a whole: what it is made of, how it starts, how it ends.

Start: read the configuration, get the node's certificate where one is wanted, wait for the default network's sign of
life, take the socket, undo what is left of sandboxes that are gone, serve, put the node's CNI configuration in place,
pay debts.  End, on SIGTERM or SIGINT: say
that it is not ready, let requests end, remove the socket.  The node's CNI configuration stays, so no pod starts
without its networks meanwhile.

Spec section 7.5.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from plurimus.adapters import cri, kubeconfig, rooted
from plurimus.adapters.apiserver import ApiServer
from plurimus.adapters.claims import ClaimedDevices
from plurimus.adapters.ippools import ApiPools
from plurimus.adapters.kubeconfig import Access
from plurimus.adapters.kubernetes import KubernetesCluster
from plurimus.adapters.manifests import ManifestFolder
from plurimus.adapters.podresources import KubeletDevices
from plurimus.adapters.poolfiles import PoolFiles
from plurimus.cni.errors import ClusterError, ConfigError
from plurimus.core import netconf
from plurimus.core.addresspools import AddressPools
from plurimus.core.config import ConfigFile, DaemonConfig, parse
from plurimus.core.ports import DeviceSource
from plurimus.node import cniconfig, garbage, identity, metrics, tracing
from plurimus.node.backoff import waking
from plurimus.node.devices import PodDevices
from plurimus.node.halfdone import HalfDone
from plurimus.node.late import NODE_NAME
from plurimus.node.listener import Listener
from plurimus.node.recovery import Debts
from plurimus.node.request import Requests
from plurimus.node.server import Server
from plurimus.node.sweep import Sweep
from plurimus.node.world import World, real_world
from plurimus.version import VERSION

DEFAULT_CONFIG = Path("/etc/cni/net.d/multus.d/daemon-config.json")

DRAINING = 25.0
"""Seconds running requests get at the end: less than the 30 a pod has between SIGTERM and SIGKILL."""

RECOVERING = 10.0
"""Seconds for which nothing is served while is undone what was left of sandboxes that are gone."""

SYNCING = 20.0
"""Seconds the copies of pods and definitions may take before requests are answered without."""

_log = structlog.get_logger(__name__)


def load(path: Path) -> ConfigFile:
    """The configuration file at `path`.

    Raises:
        ConfigError: the message starts with the path.
    """
    try:
        return parse(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except ConfigError as error:
        raise error.about(f"{path}: ") from None


def make_world(config: ConfigFile, access: Access | None = None) -> World:
    """The real world as `config` describes it, and the cluster that `access` leads to, if it is given.

    Raises:
        ConfigError: the kubeconfig cannot be read.
    """
    cluster = make_cluster(config, access)
    devices, pools = make_devices(config, cluster), make_pools(cluster)
    return real_world(config, cluster, devices, pools, chroot=config.daemon.chroot_dir, ahead=True)


def make_cluster(config: ConfigFile, access: Access | None = None) -> ManifestFolder | KubernetesCluster | None:
    """A folder of manifests where one is named, else Kubernetes where it can be reached, else no cluster."""
    if config.daemon.manifests:
        return ManifestFolder(Path(config.daemon.manifests))
    access = access or find_access(config)
    if access is None:
        return None
    return KubernetesCluster(ApiServer(access, timeout=config.daemon.api_timeout), os.environ.get(NODE_NAME, ""))


def find_access(config: ConfigFile) -> Access | None:
    """Whom the API server takes a daemon of `config` for: its certificate, its kubeconfig or its service account."""
    if config.daemon.per_node_certificate.enabled:
        return identity.access(config.daemon.per_node_certificate)
    return kubeconfig.find(netconf.parse({}, overlay=config.overlay).kubeconfig)


def make_devices(config: ConfigFile, cluster: ManifestFolder | KubernetesCluster | None) -> DeviceSource | None:
    """Who knows the devices of the cluster's pods: kubelet, by its folder or by that below `chrootDir`, and claims."""
    if not isinstance(cluster, KubernetesCluster):
        return cluster
    kubelet = KubeletDevices(rooted.roots(config.daemon.chroot_dir), timeout=config.daemon.api_timeout)
    return PodDevices(kubelet, ClaimedDevices(cluster.api))


def make_pools(cluster: ManifestFolder | KubernetesCluster | None) -> Callable[[], AddressPools] | None:
    """Where the cluster has whereabouts' objects."""
    if cluster is None:
        return None
    pools = PoolFiles(cluster.status) if isinstance(cluster, ManifestFolder) else ApiPools(cluster.api)
    return lambda: pools


async def run(config: ConfigFile) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        ConfigError, ClusterError: the daemon cannot start; the message says why.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    for warning in config.warnings:
        _log.warning(warning)
    traced = tracing.start()
    own = identity.make(config, os.environ.get(NODE_NAME, ""))
    try:
        if own is None:
            await _serve(config, stop, None)
        elif await _before(stop, own.obtain()):
            async with own.renewed():
                await _serve(config, stop, own.access)
    finally:
        if own is not None:
            await own.close()
        if traced is not None:
            await traced.close()
    _log.info("stopped")


async def _serve(config: ConfigFile, stop: asyncio.Event, access: Access | None) -> None:
    """Serve until `stop` is set; `access` is the daemon's identity, None for the one its file names."""
    loop = asyncio.get_running_loop()
    world = make_world(config, access)
    merged = netconf.parse({}, overlay=config.overlay)
    if not await _before(stop, _wait_for_default_network(config, world, merged.readiness_indicator_file)):
        return
    own = cniconfig.make(config, world.confdir, loop.time)
    if own is not None:
        world = replace(world, check_node=own.check)
    requests = Requests(config, world)
    listener = Listener(Path(config.daemon.socket_dir))
    debts = Debts(world.spool, requests, loop.time)
    sweep = Sweep(config, world, requests, debts, loop.time)
    half_done = HalfDone(requests, world, loop.time, cri.of_node(config.daemon).ids)

    async def recovery() -> dict[str, Any]:
        return {"debts": debts.failed, **await half_done.document()}

    server = Server(requests, draining=DRAINING, sweep=sweep, reports={"recovery": recovery})
    background: list[asyncio.Task[None]] = []
    try:
        if not await _before(stop, _recover(half_done)):
            return
        background += [asyncio.create_task(debts.run()), asyncio.create_task(half_done.run())]
        if isinstance(world.cluster, KubernetesCluster):
            background.append(asyncio.create_task(world.cluster.run()))
            background.append(asyncio.create_task(waking(world.cluster.returned, (debts.wake, half_done.wake))))
            if not await _before(stop, _wait_for_copies(world.cluster)):
                return
        background += _on_a_port(config.daemon)
        garbage.begin()
        await server.start(listener.socket)
        background += [asyncio.create_task(sweep.run()), asyncio.create_task(garbage.run())]
        _log.info("ready", version=VERSION, socket=str(listener.path), cniDir=merged.cni_dir)
        if own is not None:  # the runtime calls the node ready once it is there, so it comes last
            background.append(asyncio.create_task(own.run()))
        await stop.wait()
        _log.info("stopping; running requests may end")
    finally:
        for task in background:
            task.cancel()
        await server.stop()
        listener.close()
        await asyncio.gather(*background, return_exceptions=True)
        if world.cluster is not None:
            await world.cluster.close()


def _on_a_port(config: DaemonConfig) -> list[asyncio.Task[None]]:
    """What shows the metrics on `metricsPort`; nothing without one."""
    if config.metrics_port is None:
        return []
    metrics.import_ahead()
    return [asyncio.create_task(metrics.serve(config.metrics_address, config.metrics_port))]


async def _before(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Whether `work` ended before `stop` was set, which cancels it."""
    working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not working.done():
        working.cancel()
        return False
    working.result()
    return True


async def _wait_for_default_network(config: ConfigFile, world: World, path: str) -> None:
    if not path:
        return
    _log.info("waiting for the default network", readinessindicatorfile=path)
    if not await world.confdir.wait_for(path, config.daemon.readiness_timeout):
        raise ClusterError(
            f"the default network is not ready: {path} (readinessindicatorfile) did not appear "
            f"within {config.daemon.readiness_timeout:g} s"
        )


async def _recover(half_done: HalfDone) -> None:
    """Give back what sandboxes had that are gone, so that pods which start get it; what takes long goes on beside."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(RECOVERING):
            await half_done.look(ask=False)


async def _wait_for_copies(cluster: KubernetesCluster) -> None:
    """Serve with complete copies if they come soon; without, each look-up asks the API server."""
    try:
        async with asyncio.timeout(SYNCING):
            await cluster.synced()
    except TimeoutError:
        _log.warning("the API server has not sent all pods and networks yet; serving all the same", after=SYNCING)
