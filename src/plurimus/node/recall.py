"""What is known on this node about a sandbox that exists: its record, else what libcni's cache says.

A record that cannot be read is set aside and reported, never mistaken for an empty one (S6).
Networks are not resolved anew: what was never recorded was never attached, and a device looked
up again may be another pod's by now.

Spec sections 6.4 and 6.6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import structlog

from plurimus.adapters.account import step
from plurimus.cni import conf
from plurimus.cni.args import Environment
from plurimus.cni.cache import CachedAttachment
from plurimus.cni.errors import PlurimusError
from plurimus.core import record
from plurimus.core.netconf import NetConf
from plurimus.core.plan import Attachment, Plan, PodReference
from plurimus.node.world import World

_log = structlog.get_logger(__name__)


async def plan_of(env: Environment, netconf: NetConf, world: World) -> Plan | None:
    """The sandbox's plan as it was carried out; None when nothing is known of it.

    The namespace is the request's, since only the runtime knows whether the old path still is the
    pod's; GC, which is about no sandbox in particular, gets the recorded one.  Where it has gone and
    left its file, plugins are told of none: they would take the file for a failure and free nothing.  So they are
    where another namespace is at its path by now, which is another pod's.
    """
    with step("read_record"):
        plan = await known(env, netconf, world)
    if plan is None:
        return None
    netns = plan.netns if env.verb == "GC" else env.netns
    gone = env.verb in ("DEL", "GC") and (
        await world.kernel.is_leftover(netns) or await _is_anothers(plan, netns, world)
    )
    return replace(plan, netns="" if gone else netns)


async def known(env: Environment, netconf: NetConf, world: World) -> Plan | None:
    """The same with the namespace that is on record, whatever became of it; empty where that is not known."""
    plan = await _recorded(env, netconf, world)
    return plan or _from_cache(env, await _cached(env.container_id, netconf, world))


async def _is_anothers(plan: Plan, netns: str, world: World) -> bool:
    """Whether the namespace at `netns` is not the one the attachments were made in."""
    if not await world.kernel.is_anothers(netns, plan.cookie):
        return False
    _log.warning("the sandbox's namespace has gone and another one is at its path, which is left alone", netns=netns)
    return True


async def _recorded(env: Environment, netconf: NetConf, world: World) -> Plan | None:
    records = world.records(netconf.cni_dir)
    content = await records.load(env.container_id)
    if content is None:
        return None
    try:
        plan = record.decode(content, container_id=env.container_id, ifname=env.ifname, args=env.args)
    except ValueError as error:
        aside = await records.set_aside(env.container_id)
        _log.error("the record cannot be read; using the result cache", error=str(error), kept_as=aside)
        return None
    if b'"plurimus"' in content:
        return plan
    return _prefer_cached(plan, await _cached(env.container_id, netconf, world))


async def _cached(container_id: str, netconf: NetConf, world: World) -> list[CachedAttachment]:
    entries = await world.results(netconf.cni_dir).entries(container_id)
    return [entry for entry in entries if entry.config]


def _prefer_cached(plan: Plan, cached: Sequence[CachedAttachment]) -> Plan:
    """What Multus left, mended by the cache.

    Up to 4.3.0 the scratch file has lossy configurations, of which the cache has the whole; and it never has
    what was plugged into a running sandbox (S10), which comes last.
    """
    by_key = {(entry.network, entry.ifname): entry for entry in cached}
    attachments = []
    for attachment in plan.attachments:
        entry = by_key.pop((attachment.config.name, attachment.ifname), None)
        made = entry and _attachment(entry, attachment)
        attachments.append(made or attachment)
    attachments += [made for entry in by_key.values() if (made := _attachment(entry, None))]
    netns = next((entry.netns for entry in cached if entry.netns), plan.netns)
    return replace(plan, netns=netns, attachments=tuple(attachments))


def _from_cache(env: Environment, cached: Sequence[CachedAttachment]) -> Plan | None:
    """A plan made of cache entries alone; the runtime's own interface counts as the first."""
    ordered = sorted(cached, key=lambda entry: (entry.ifname != env.ifname, entry.ifname))
    attachments = [made for entry in ordered if (made := _attachment(entry, None))]
    if not attachments:
        return None
    return Plan(env.container_id, ordered[0].netns, PodReference.from_args(env.args), tuple(attachments))


def _attachment(entry: CachedAttachment, known: Attachment | None) -> Attachment | None:
    try:
        config = conf.parse(entry.config)
    except PlurimusError as error:
        _log.warning("a cached configuration cannot be read", network=entry.network, error=str(error))
        return None
    if known is not None:
        # plugins that Multus appended from a sub-directory are in its scratch file alone
        config = replace(config, plugins=config.plugins + known.config.plugins[len(config.plugins) :])
        return replace(known, config=config, args=entry.args or known.args, capability_args=entry.capability_args)
    return Attachment(entry.ifname, config, config.name, entry.args, entry.capability_args)
