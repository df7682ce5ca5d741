"""The sandboxes of this node that are alive, as they were recorded, and what became of their attachments.

Nothing is changed: a record that cannot be read is passed over, the next request about it says so.
"""

from __future__ import annotations

from plurimus.adapters import netns
from plurimus.cni import result
from plurimus.cni.errors import PlurimusError
from plurimus.cni.result import Result
from plurimus.core import record
from plurimus.core.netconf import NetConf
from plurimus.core.plan import Attachment, Plan
from plurimus.model.pod import Pod
from plurimus.node.world import World


async def alive(netconf: NetConf, world: World) -> list[Plan]:
    """The plans of the sandboxes whose namespace exists."""
    records, results = world.records(netconf.cni_dir), world.results(netconf.cni_dir)
    found = []
    for container_id in await records.container_ids():
        content = await records.load(container_id)
        if content is None:
            continue
        # a scratch file of Multus does not say whose it is; what libcni keeps beside it does
        cached = [] if b'"plurimus"' in content else await results.entries(container_id)
        try:
            plan = record.decode(content, container_id=container_id, args=cached[0].args if cached else ())
        except ValueError:
            continue
        path = plan.netns or (cached[0].netns if cached else "")
        if path and not netns.is_gone(path):
            found.append(Plan(container_id, path, plan.pod, plan.attachments))
    return found


def of_pod(plans: list[Plan], pod: Pod) -> Plan | None:
    """The sandbox of a pod; one of another pod that had its name is not."""
    for plan in reversed(plans):
        same = (plan.pod.namespace, plan.pod.name) == (pod.namespace, pod.name)
        if same and (not pod.uid or pod.is_static or plan.pod.uid in ("", pod.uid)):
            return plan
    return None


async def result_of(plan: Plan, attachment: Attachment, netconf: NetConf, world: World) -> Result | None:
    """What the plugins made, as the last of them told it; None where that is not known."""
    entry = await world.results(netconf.cni_dir).load(attachment.config.name, plan.container_id, attachment.ifname)
    if entry is None or entry.result is None:
        return None
    try:
        return result.parse(entry.result, default_version=attachment.config.cni_version)
    except PlurimusError:
        return None
