"""What the cluster is told of a request: the network status, which an ADD waits for, and events, which nothing does.

Spec sections 3.4 and 3.5.
"""

from __future__ import annotations

from collections.abc import Sequence

from plurimus.cni.result import Result
from plurimus.core.plan import Plan
from plurimus.model import status
from plurimus.model.event import Event
from plurimus.model.pod import Pod
from plurimus.node import deviceinfo
from plurimus.node.context import Context


async def write_status(context: Context, plan: Plan, pod: Pod | None, results: Sequence[Result]) -> None:
    """Write the network status; a pod without one does not count as attached."""
    if context.world.cluster is None or pod is None:
        return
    elements = [
        element
        for attachment, made in zip(plan.attachments, results, strict=True)
        for element in status.elements(
            attachment.display_name,
            made,
            is_default=attachment.is_default,
            ifname=attachment.ifname,
            device_info=await deviceinfo.told(context.world.device_infos, attachment),
        )
    ]
    await context.world.cluster.write_status(pod, status.annotation(elements))


def attached(plan: Plan, results: Sequence[Result]) -> list[dict[str, object]]:
    """What the log says of the attachments made."""
    return [
        {
            "network": attachment.display_name,
            "interface": attachment.ifname,
            "addresses": [ip.address for ip in made.ips],
        }
        for attachment, made in zip(plan.attachments, results, strict=True)
    ]


def announce(context: Context, plan: Plan, results: Sequence[Result]) -> None:
    """Tell the pod's author what was attached."""
    emit(
        context,
        [
            Event.added(attachment.ifname, [ip.address for ip in made.ips], attachment.display_name)
            for attachment, made in zip(plan.attachments, results, strict=True)
            if made.interfaces or made.ips
        ],
    )


def emit(context: Context, events: Sequence[Event]) -> None:
    """Have events recorded on the request's pod, where there is a cluster."""
    if events and context.world.cluster is not None:
        context.world.cluster.emit(context.pod, events)
