"""Garbage collection: undo the sandboxes the runtime does not know, then let every network clean up.

Spec section 6.9, with S18 fixed: the runtime's list is the truth, secondary networks are collected.

A plugin's GC takes away whatever it is not told of.  ADD and hot-plug go on beside a collection, so the networks are
told of all that is on record at that moment, and until the last has ended nothing gets on record: an attachment is
recorded before it is begun.  This is the CNI specification's rule that no ADD begins beside a GC, which runtimes do
not keep, and cannot keep for hot-plug.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import structlog

from plurimus.cni.args import Environment
from plurimus.cni.cache import CachedAttachment
from plurimus.cni.errors import PlurimusError
from plurimus.core import collect as core
from plurimus.core.netconf import ValidAttachment
from plurimus.core.plan import Plan
from plurimus.core.ports import SandboxLocks
from plurimus.node import planning, recall
from plurimus.node.context import Context

_log = structlog.get_logger(__name__)


async def unknown(context: Context, valid: Sequence[ValidAttachment], locks: SandboxLocks) -> list[str]:
    """The sandboxes to undo; folders of pods of which nothing else is left are gone then.

    Raises:
        PlurimusError: what is on this node cannot be listed; nothing was done.
    """
    alive = {attachment.container_id for attachment in valid}
    async with locks.standstill():
        busy = locks.busy()  # before it is read what there is: an ADD may end meanwhile, and its sandbox lives
        known, _ = await _known(context)
        await _sweep(context, {*alive, *known, *busy})
    await context.world.pod_folders.tidy()
    return core.stale(known, alive, busy)


async def collect(
    context: Context, valid: Sequence[ValidAttachment], gone: Sequence[str], locks: SandboxLocks
) -> list[PlurimusError]:
    """Undo the sandboxes `gone`, then collect; everything is tried, all failures are returned."""
    errors: list[PlurimusError] = []
    dead = set()
    for container_id in gone:
        async with locks.hold(container_id):
            errors += await _undo(context, container_id)
            if await _is_left(context, container_id):
                dead.add(container_id)
    try:
        default = await planning.default_network(context.netconf, context.world)
    except PlurimusError as error:
        return [*errors, error]
    pairs = [(attachment.container_id, attachment.ifname) for attachment in valid]
    async with locks.standstill():
        dead -= locks.busy()
        try:
            # a network that is told of less than lives would take the rest away, so this is all or nothing
            known, entries = await _known(context)
            plans = [plan for each in sorted(known - dead) if (plan := await _plan(context, each))]
        except PlurimusError as error:
            return [*errors, error]
        cached = [entry for entry in entries if entry.container_id not in dead]
        for network in core.networks(default.config, plans, cached, pairs):
            errors += await context.chain.collect(network.config, network.arguments())
    return errors


async def _known(context: Context) -> tuple[set[str], list[CachedAttachment]]:
    """The sandboxes with a record or a result, and the results."""
    entries = await context.world.results(context.netconf.cni_dir).entries()
    records = await context.world.records(context.netconf.cni_dir).container_ids()
    return {*records, *(entry.container_id for entry in entries)}, entries


async def _is_left(context: Context, container_id: str) -> bool:
    folder = context.netconf.cni_dir
    try:
        record = await context.world.records(folder).load(container_id)
        return record is not None or bool(await context.world.results(folder).entries(container_id))
    except PlurimusError:
        return True


async def _sweep(context: Context, living: Collection[str]) -> None:
    """Remove the folders of pods of which nothing else is left; those of the others went, or go, with their DEL."""
    try:
        await context.world.pod_folders.sweep(living)
    except PlurimusError as error:
        _log.warning("a pod's folder stays", error=str(error))


async def _undo(context: Context, container_id: str) -> list[PlurimusError]:
    try:
        plan = await _plan(context, container_id)
    except PlurimusError as error:
        return [error]
    if plan is None:
        return []
    _log.info("collecting a sandbox the runtime does not know", container=container_id)
    return await context.attacher.undo(plan)


async def _plan(context: Context, container_id: str) -> Plan | None:
    return await recall.plan_of(Environment("GC", container_id, ifname="eth0"), context.netconf, context.world)
