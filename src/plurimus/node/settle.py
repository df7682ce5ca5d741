"""What pods that are gone still hold on a node whose runtime does not ask us any more, given back.

containerd deletes a pod by the configuration it reads at that time.  Once that is not ours, it calls the default
network alone, whatever else the pod had; the pod's record knows the rest.  A pod is gone where its network namespace
is, and where that cannot be told it is taken to live.  Calls of a node without a daemon may run beside this; each
sandbox is served by one of them at a time.
"""

from __future__ import annotations

import time
from pathlib import Path

import structlog

from plurimus.adapters.sandboxlocks import FileLocks
from plurimus.cni import gojson, version
from plurimus.cni.errors import PlurimusError
from plurimus.core.config import ConfigFile, DaemonConfig
from plurimus.core.leaks import Namespace
from plurimus.node import onrecord
from plurimus.node.context import Request
from plurimus.node.recovery import Debts
from plurimus.node.request import Requests
from plurimus.node.world import real_world

_log = structlog.get_logger(__name__)


async def settle(*, bin_dir: Path, cni_dir: Path, chroot: Path | None = None) -> list[str]:
    """Pay the DELs that are owed, and undo the sandboxes that are gone; the container IDs of the latter.

    Plugins run below `chroot`, where `bin_dir` may be, too.  What fails stays on record and is logged.

    Raises:
        AttachmentError: the folder cannot be read.
    """
    if chroot is not None and bin_dir.is_relative_to(chroot):
        bin_dir = "/" / bin_dir.relative_to(chroot)
    stdin = {"cniVersion": version.CURRENT, "name": "settle", "cniDir": str(cni_dir), "binDir": str(bin_dir)}
    config = ConfigFile(DaemonConfig(), stdin, ())
    world = real_world(config, None, None, chroot=str(chroot or ""))
    requests = Requests(config, world, FileLocks(cni_dir / ".locks"))
    requests.cni_dirs = {str(cni_dir)}
    await Debts(world.spool, requests, time.monotonic).pay()
    settled = []
    for container_id, each in sorted((await onrecord.sandboxes([str(cni_dir)], world)).items()):
        if each.plan is None or each.namespace is not Namespace.GONE:
            continue
        env = {"CNI_COMMAND": "DEL", "CNI_CONTAINERID": container_id, "CNI_IFNAME": "eth0", "CNI_PATH": str(bin_dir)}
        try:
            await requests.handle(Request(env, gojson.encode(stdin).encode()))
        except PlurimusError as error:
            _log.error("a pod that is gone cannot be undone", container=container_id, error=str(error))
        else:
            settled.append(container_id)
    return settled
