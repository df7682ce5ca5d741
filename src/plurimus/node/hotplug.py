"""One attachment added to or taken from a running sandbox: the `/delegate` endpoint.

The dynamic networks controller calls it with a definition's configuration.  The daemon's file is
never laid over that (S26), and the attachment enters the sandbox's record, so the pod's DEL takes
it along (S10).  There it is `under_way` until it is whole or gone, so that the next daemon undoes
what one left that was killed meanwhile.  The same ADD again, whose answer got lost, gets that answer
(`node.plugged`).  The network status is the caller's to write.

Spec sections 7.2 and 9.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from plurimus.adapters import account
from plurimus.adapters.account import step
from plurimus.cni import args, conf, version
from plurimus.cni.args import Environment
from plurimus.cni.errors import Code, PlurimusError, RequestError
from plurimus.cni.result import Result
from plurimus.core import plan as plans
from plurimus.core.delegate import Delegate
from plurimus.core.devices import Allocation
from plurimus.core.plan import Attachment, Plan
from plurimus.core.schedule import Rank
from plurimus.model.event import Event
from plurimus.model.selection import NetworkSelectionElement
from plurimus.node import limits, planning, plugged, recall
from plurimus.node.attach import shielded_undo
from plurimus.node.context import Context, Outcome, Request
from plurimus.node.request import Requests

if TYPE_CHECKING:
    from plurimus.node.message import InterfaceAttributes

_log = structlog.get_logger(__name__)


async def handle(requests: Requests, request: Request, attributes: InterfaceAttributes) -> Outcome:
    """Add, delete or check one attachment, or ask its network for its status.

    Raises:
        PlurimusError: also for a failed DEL, unlike the runtime's.
    """
    env = args.parse_environment(request.env, defaults={"CNI_PATH": "/opt/cni/bin"})
    # the overlay's own version says nothing about the verb here: the delegate's does
    stdin = {"name": "delegate", "cniVersion": version.CURRENT}
    if env.container_id and (folder := await requests.cni_dir_of(env.container_id)):
        stdin["cniDir"] = folder
    context = requests.context(env, stdin)
    config = conf.parse(request.stdin, list_version=context.netconf.cni_version)
    if env.verb == "ADD":  # who asks passes on a definition
        config = limits.limited(config, context.netconf, config.name)
    delegate = Delegate(config, config.name, selection=_selection(env, config.name, attributes)).checked()
    if env.verb == "STATUS":
        with step("status"):
            await context.chain.status(config)
        return Outcome()
    if env.verb not in ("ADD", "DEL", "CHECK"):
        raise RequestError(f"unknown cmd type: {env.verb}", code=Code.INVALID_ENVIRONMENT)
    async with requests.sandbox(context):
        account.note(interfaces=[env.ifname])
        wanted = await _plan(context, delegate)
        async with requests.admit(context, Rank.DELETE if env.verb == "DEL" else Rank.OTHER, wanted):
            if env.verb == "CHECK":
                with step("check"):
                    await context.attacher.check(wanted)
                return Outcome()
            # the default network of a record without its name is at the runtime's interface, not at this one
            known = await recall.plan_of(replace(env, ifname="eth0"), context.netconf, context.world)
            if env.verb == "DEL":
                await _delete(context, known or replace(wanted, attachments=()), wanted.attachments[0])
                return Outcome()
            if known is not None:  # what an earlier try left is not to be taken for what this one makes
                await plugged.refuse_anothers(context, known)
                known = await context.attacher.undo_under_way(known, env.ifname)
            cookie, there = await context.world.kernel.look(env.netns)
            if known is not None:
                made = await plugged.again(context, known, wanted, there)
                if made is not None:
                    return Outcome(made, version.CURRENT)
            context.attacher.refuse_impossible(wanted, there)
            known = known or replace(wanted, attachments=(), cookie=cookie)
            wanted = replace(wanted, cookie=known.cookie)  # the record is one, whoever writes it last
            return Outcome(await _add(requests, context, known, wanted), version.CURRENT)


def _selection(env: Environment, name: str, attributes: InterfaceAttributes) -> NetworkSelectionElement:
    return NetworkSelectionElement(
        name=name,
        namespace="",
        interface=env.ifname,
        ips=attributes.ips,
        mac=attributes.mac,
        cni_args=attributes.cni_args,
    )


async def _plan(context: Context, delegate: Delegate) -> Plan:
    """A plan of the one attachment; the pod must exist."""
    with step("find_pod"):
        pod = await planning.find_pod(context.env, context.world)
    return plans.make(context.env, context.netconf, pod, [delegate], Allocation())


async def _add(requests: Requests, context: Context, known: Plan, wanted: Plan) -> Result:
    begun = replace(wanted, attachments=tuple(replace(one, under_way=True) for one in wanted.attachments))
    try:
        with step("record"):
            async with requests.locks.recording():
                await context.attacher.remember(replace(known, attachments=known.attachments + begun.attachments))
        (made,) = await context.attacher.attach(begun)
        await context.attacher.cache()
        await context.attacher.remember(replace(known, attachments=known.attachments + wanted.attachments))
    except BaseException as error:
        await shielded_undo(context.attacher, begun, error, beside=known.attachments)
        raise
    if context.world.cluster is not None:
        added = Event.added(context.env.ifname, [ip.address for ip in made.ips], wanted.attachments[0].display_name)
        context.world.cluster.emit(wanted.pod, [added])
    return made


async def _delete(context: Context, known: Plan, wanted: Attachment) -> None:
    """Delete what was recorded; an attachment nobody recorded is deleted as the request says.

    Unless its interface is another network's: a plugin goes by the name.
    """

    def is_it(one: Attachment) -> bool:
        return (one.config.name, one.ifname) == (wanted.config.name, wanted.ifname)

    if any(map(is_it, known.attachments)):
        marked = [replace(one, under_way=True) if is_it(one) else one for one in known.attachments]
        known = replace(known, attachments=tuple(marked))
        try:
            await context.attacher.remember(known)
        except PlurimusError as error:  # a full disk is no reason to keep what may make room
            _log.warning("that an interface is being taken cannot be recorded", error=str(error))
    elif any(one.ifname == wanted.ifname for one in known.attachments):
        _log.info("the interface is another network's and stays", network=wanted.display_name, interface=wanted.ifname)
        return
    with step("detach"):
        left, errors = await context.attacher.detach(known, [*filter(is_it, known.attachments)] or [wanted])
    kept = tuple(one for one in known.attachments if not is_it(one) or one in left)
    await context.attacher.remember(replace(known, attachments=kept))
    if errors:
        raise errors[0]
