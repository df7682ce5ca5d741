"""All that a request touches outside of this process, in one value."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from plurimus.adapters.confdir import ConfDirectories
from plurimus.adapters.deviceinfo import DeviceInfoFiles
from plurimus.adapters.kernel import NamespaceKernel
from plurimus.adapters.podfolders import RunPodFolders
from plurimus.adapters.rdmafacts import SysfsRdmaFacts
from plurimus.adapters.records import RecordFiles
from plurimus.adapters.results import ResultFiles
from plurimus.adapters.spool import SpoolFiles
from plurimus.core import measured, netconf
from plurimus.core.addresspools import AddressPools
from plurimus.core.config import ConfigFile
from plurimus.core.ports import (
    Cluster,
    ConfDir,
    DeviceInfos,
    DeviceSource,
    Kernel,
    Plugins,
    PodFolders,
    RdmaFacts,
    Records,
    Results,
    Spool,
)
from plurimus.drivers.call import Driver
from plurimus.drivers.options import Unknown
from plurimus.node import drivers
from plurimus.node.scheduler import Scheduler

NEEDS = ".needs.json"
"""In `cniDir`: what plugins were seen to need."""
_kept = functools.lru_cache(maxsize=16)
"""Stores are asked for by each request, and keep nothing but where they are."""


def _nothing_to_check() -> None:
    """A node whose CNI configuration is not ours to keep."""


@dataclass(frozen=True, slots=True)
class World:
    """`cluster` and `devices` are None where Plurimus runs without Kubernetes.

    `records`, `results` and `spool` give the stores of a `cniDir`, which a configuration may choose.
    `check_node` raises what is wrong with this node's set-up, for STATUS.  `unknown_options` are those that drivers
    were given since the start.  `stores` makes the drivers that tell what is held on this node, by their types.
    `scheduler` says when a request may begin.
    """

    cluster: Cluster | None
    devices: DeviceSource | None
    plugins: Plugins
    confdir: ConfDir
    kernel: Kernel
    device_infos: DeviceInfos
    rdma: RdmaFacts
    pod_folders: PodFolders
    records: Callable[[str], Records]
    results: Callable[[str], Results]
    spool: Callable[[str], Spool]
    check_node: Callable[[], None] = _nothing_to_check
    unknown_options: Unknown = field(default_factory=Unknown)
    stores: Callable[[], Mapping[str, Driver]] = dict
    scheduler: Scheduler = field(default_factory=Scheduler)


def real_world(
    config: ConfigFile,
    cluster: Cluster | None,
    devices: DeviceSource | None,
    pools: Callable[[], AddressPools] | None = None,
    *,
    chroot: str = "",
    ahead: bool = False,
) -> World:
    """This node's world, and the cluster it belongs to; plugins run below `chroot`, where its files are, too.

    With `ahead` all is imported now that a request may need, and requests wait for each other where memory is short.
    """
    root, unknown = Path(chroot or "/"), Unknown()
    memory, scheduler = None, Scheduler()
    if ahead:
        from plurimus.adapters.needsfile import NeedsFile
        from plurimus.node.budget import Budget

        kept = Path(netconf.parse({}, overlay=config.overlay).cni_dir) / NEEDS
        budget = Budget(NeedsFile(kept), time.monotonic)
        memory, limit = budget.memory, config.daemon.connection_limit
        scheduler = Scheduler(most=limit, needs=budget.needs, room=budget.room)
        scheduler.show()
        measured.FREE.read_from(budget.free)
    plugins = drivers.plugins(
        config.daemon, cluster, pools, chroot=chroot, unknown=unknown, ahead=ahead, gate=scheduler.run, memory=memory
    )
    return World(
        cluster=cluster,
        devices=devices,
        plugins=plugins,
        confdir=ConfDirectories(),
        kernel=NamespaceKernel(),
        device_infos=DeviceInfoFiles(root),
        rdma=SysfsRdmaFacts(root),
        pod_folders=RunPodFolders(root),
        records=_kept(lambda folder: RecordFiles(Path(folder))),
        results=_kept(lambda folder: ResultFiles(Path(folder) / "results")),
        spool=_kept(lambda folder: SpoolFiles(Path(folder) / ".spool")),
        unknown_options=unknown,
        stores=lambda: drivers.stores(root, cluster, pools),
        scheduler=scheduler,
    )
