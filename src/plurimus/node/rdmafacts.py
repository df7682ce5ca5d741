"""What a pod is told of RDMA: in its device information and network status, and in files its containers can read.

The kernel makes the entry for an address a little after the address, so it is waited for, briefly.  No pod fails by
what is told here: what cannot be found or written is logged, and absent.

RDMA spec sections 6.2 and 7; decision 21.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import structlog

from plurimus.cni.errors import PlurimusError
from plurimus.cni.result import Result
from plurimus.core import rails, rdmafacts
from plurimus.core.plan import DEVICE_INFO_FILE, Attachment, Plan
from plurimus.core.ports import PodFolders
from plurimus.model.rdma import RdmaInterface, Seen
from plurimus.node.world import World

_log = structlog.get_logger(__name__)

PATIENCE = 2.0
"""Seconds to wait for the entries of all interfaces."""
_PAUSE, _GROWTH = 0.01, 1.5


async def tell(world: World, plan: Plan, results: Sequence[Result], *, patience: float = PATIENCE) -> None:
    """Find what is behind the interfaces of `plan`, and write it down for its status and its containers."""
    made = list(zip(plan.attachments, results, strict=True))
    asked = {each.ifname: device for each, _ in made if (device := rails.device_of(each)) or not each.is_default}
    addresses = {each.ifname: [ip.address for ip in result.ips_of(each.ifname)] for each, result in made}
    try:
        seen = await _look(world, plan.netns, asked, addresses, patience)
    except PlurimusError as error:
        _log.warning("nothing is told of RDMA", error=str(error))
        return
    told = []
    for attachment, _ in made:
        behind = seen.get(attachment.ifname)
        if behind is None or not (behind.ports or rails.device_of(attachment)):
            continue
        one = rdmafacts.interface(attachment, behind, addresses[attachment.ifname])
        told.append(one)
        await _amend(world, attachment, one, behind)
        if rdmafacts.is_awaited(behind, one.interface, one.addresses):
            _log.warning("the RDMA port has no entry for the address", interface=one.interface,
                         addresses=one.addresses, seconds=patience)  # fmt: skip
    if any(one.rdma is not None for one in told):
        await _write(world.pod_folders, plan, told)


async def forget(folders: PodFolders, plan: Plan) -> None:
    """Take the files away; they fail no DEL."""
    try:
        await folders.remove(plan.pod.uid, plan.container_id)
    except PlurimusError as error:
        _log.warning("the pod's folder stays", error=str(error))


async def _look(
    world: World, netns: str, asked: Mapping[str, str], addresses: Mapping[str, Sequence[str]], patience: float
) -> Mapping[str, Seen]:
    """What is seen once every address has its entry, or patience has ended."""
    clock = asyncio.get_running_loop().time
    end, pause = clock() + patience, _PAUSE
    while True:
        seen = await world.rdma.look(netns, asked)
        waiting = any(rdmafacts.is_awaited(behind, name, addresses[name]) for name, behind in seen.items())
        if not waiting or clock() >= end:
            return seen
        await asyncio.sleep(pause)
        pause *= _GROWTH


async def _amend(world: World, attachment: Attachment, one: RdmaInterface, behind: Seen) -> None:
    path = attachment.capability_args.get(DEVICE_INFO_FILE)
    if not isinstance(path, str) or not path:
        return
    try:
        info = await world.device_infos.load(path)
        amended = rdmafacts.amended(info, one, behind)
        if amended is not None and amended != info:
            await world.device_infos.store(path, amended)
    except PlurimusError as error:
        _log.warning("the device information is without RDMA", interface=one.interface, error=str(error))


async def _write(folders: PodFolders, plan: Plan, told: Sequence[RdmaInterface]) -> None:
    content = {
        rdmafacts.JSON_FILE: rdmafacts.document(plan.pod, plan.container_id, told),
        rdmafacts.NCCL_FILE: rdmafacts.nccl_conf(plan.pod, told),
    }
    try:
        await folders.store(plan.pod.uid, plan.container_id, content)
    except PlurimusError as error:
        _log.error("the pod's containers are told nothing of RDMA", error=str(error))
