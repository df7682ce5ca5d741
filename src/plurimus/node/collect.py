"""Garbage collection: undo the sandboxes the runtime does not know, then let every network clean up.

Spec section 6.9, with S18 fixed: the runtime's list is the truth, secondary networks are collected.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import structlog

from plurimus.cni.args import Environment
from plurimus.cni.errors import PlurimusError
from plurimus.core import collect as core
from plurimus.core.netconf import ValidAttachment
from plurimus.core.plan import Plan
from plurimus.core.ports import SandboxLocks
from plurimus.node import planning, recall
from plurimus.node.context import Context

_log = structlog.get_logger(__name__)


async def collect(context: Context, valid: Sequence[ValidAttachment], locks: SandboxLocks) -> list[PlurimusError]:
    """Collect; everything is tried, all failures are returned.

    Raises:
        PlurimusError: what is on this node cannot be listed; nothing was done.
    """
    records = context.world.records(context.netconf.cni_dir)
    entries = await context.world.results(context.netconf.cni_dir).entries()
    known = {*await records.container_ids(), *(entry.container_id for entry in entries)}
    stale = core.stale(known, {attachment.container_id for attachment in valid}, locks.busy())
    errors: list[PlurimusError] = []
    for container_id in stale:
        async with locks.hold(container_id):
            errors += await _undo(context, container_id)
    await _sweep(context, {*(attachment.container_id for attachment in valid), *known, *locks.busy()})
    try:
        # a network that is told of less than lives would take the rest away, so this is all or nothing
        default = await planning.default_network(context.netconf, context.world)
        living = sorted(known.difference(stale))
        plans = [plan for container_id in living if (plan := await _plan(context, container_id))]
    except PlurimusError as error:
        return [*errors, error]
    cached = [entry for entry in entries if entry.container_id not in stale]
    pairs = [(attachment.container_id, attachment.ifname) for attachment in valid]
    for network in core.networks(default.config, plans, cached, pairs):
        errors += await context.chain.collect(network.config, network.arguments())
    return errors


async def _sweep(context: Context, living: Collection[str]) -> None:
    """Remove the folders of pods of which nothing else is left; those of the others went, or go, with their DEL."""
    try:
        await context.world.pod_folders.sweep(living)
        await context.world.pod_folders.tidy()
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
