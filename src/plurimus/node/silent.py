"""Looking for pods that run on this node without an interface they asked for (`core.silent`)."""

from __future__ import annotations

from plurimus.cni import result
from plurimus.cni.errors import PlurimusError
from plurimus.core import resolve, silent
from plurimus.core.leaks import Namespace
from plurimus.core.netconf import NetConf
from plurimus.core.plan import Attachment, Plan, PodReference
from plurimus.core.silent import Attached, Silent
from plurimus.model.pod import Pod
from plurimus.node import sandboxes
from plurimus.node.leaks import Found
from plurimus.node.onrecord import OnRecord
from plurimus.node.world import World


async def pods(found: Found, world: World) -> list[Silent]:
    """What the running pods among those that were `found` lack; nothing where the pods are not known."""
    plans = [each.plan for each in found.sandboxes.values() if each.plan and each.namespace is Namespace.THERE]
    no_links = {(each.held.container_id, each.held.ifname) for each in found.seen if each.held.userspace}
    lacking: list[Silent] = []
    for each in found.pods or ():
        plan = sandboxes.of_pod(plans, each.pod)
        if each.runs is False or (each.runs is None and plan is None):
            continue
        reference = PodReference(each.pod.namespace, each.pod.name, each.pod.uid)
        if plan is None:
            lacking += [silent.unserved(reference)] if _asks(found.netconf, each.pod) else []
            continue
        attached = await _attached(plan, found.sandboxes[plan.container_id], no_links, world)
        lacking += silent.lacking(reference, attached, each.status)
    return lacking


def _asks(netconf: NetConf, pod: Pod) -> bool:
    """Whether the pod is to have more than the default network."""
    try:
        return len(resolve.references(netconf, pod)) > 1
    except PlurimusError:  # it could not have started by what it says now
        return False


async def _attached(
    plan: Plan, recorded: OnRecord, no_links: set[tuple[str, str]], world: World
) -> dict[str, Attached]:
    try:
        _, there = await world.kernel.look(recorded.netns)
    except PlurimusError:  # the pod ended just now
        return {}
    return {
        each.ifname: Attached(each.display_name, _made(each, recorded), there)
        for each in plan.attachments
        if (plan.container_id, each.ifname) not in no_links
    }


def _made(attachment: Attachment, recorded: OnRecord) -> list[str]:
    """The interfaces in the pod, as the result has them; none where there is no result to go by."""
    key = (attachment.config.name, attachment.ifname)
    told = next((each.result for each in recorded.results if (each.network, each.ifname) == key), None)
    try:
        made = result.parse(told, default_version=attachment.config.cni_version) if told else None
    except PlurimusError:
        return []
    return [each.name for each in made.interfaces if each.sandbox] if made else []
