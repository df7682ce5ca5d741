"""What a hot-plug finds at its interface: what an earlier one made, or something else.

The answer of an ADD may get lost; whoever asked then asks again, and is told what was made.  That is read from the
result cache and compared with the interfaces that are there.  Whether all is as the ADD left it is CHECK's to say,
which not every plugin can.  Nothing is undone here: a name that is not in the sandbox may be that of a device
whose driver is in userspace, or of an interface that the pod has given another.

Decision 34.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import structlog

from plurimus.cni import gojson, version
from plurimus.cni.conf import NetworkConfig
from plurimus.cni.errors import Code, RequestError
from plurimus.cni.result import Result
from plurimus.core.plan import Attachment, Plan
from plurimus.node.context import Context

_DEVICE = ("deviceID", "pciBusID")
"""Keys by which plugins are told of a device."""
_log = structlog.get_logger(__name__)


async def refuse_anothers(context: Context, known: Plan) -> None:
    """Refuse to touch a namespace that has the path of the sandbox's by now: what is in it is another pod's."""
    netns = context.env.netns
    if await context.world.kernel.is_anothers(netns, known.cookie):
        raise RequestError(
            f"CNI_NETNS {netns} is another namespace than the one the sandbox was made in: nothing is added to it; "
            "delete the sandbox",
            code=Code.INVALID_NETNS,
        )


async def again(context: Context, known: Plan, wanted: Plan, there: Collection[str]) -> Result | None:
    """What the ADD of the one attachment of `wanted` answered when it was made; None where it is yet to be made.

    `there` are the interfaces the sandbox has.

    Raises:
        RequestError: the interface is another network's, or was asked for in another way, or is not whole.
    """
    (asked,) = wanted.attachments
    held = next((each for each in reversed(known.attachments) if each.ifname == asked.ifname), None)
    if held is None:
        return None
    made, why = await context.chain.answered(known, held), _difference(held, asked)
    if why is None:
        why = _lack(made, held, there)
    if why is not None:
        raise _taken(held, asked, there, why)
    _log.info("the interface is there as it is asked for", owner=str(known.pod), interface=held.ifname)
    return made


def _lack(made: Result | None, held: Attachment, there: Collection[str]) -> str | None:
    """What is not there of an attachment that was `made`; None where all is."""
    if made is None:
        return ", but its result is not in the cache"
    missing = _interfaces(made, held) - set(there)
    return f", of which {', '.join(sorted(missing))} is missing" if missing else None


def _interfaces(made: Result, held: Attachment) -> set[str]:
    """The interfaces in the sandbox that a result tells of, by which none can be missed of a device's.

    The one asked for where the result is too old to tell.
    """
    if held.device_id or any(plugin.get(key) for plugin in held.config.plugins for key in _DEVICE):
        return set()  # with a driver in userspace it has none
    if version.parse(made.cni_version) < (0, 3, 0):
        return {held.ifname}
    return {interface.name for interface in made.interfaces if interface.sandbox}


def _difference(held: Attachment, asked: Attachment) -> str | None:
    """What of an attachment on record is not as it is asked for, without its value; None where all is."""
    if held.display_name != asked.display_name or held.config.name != asked.config.name:
        return ""
    if _meaning(held.config) != _meaning(asked.config):
        return ", which was added with another configuration"
    if held.capability_args != asked.capability_args:
        return ", which was added with other addresses"
    if dict(held.args) != dict(asked.args):
        return ", which was added with other CNI_ARGS"
    same = replace(held, config=asked.config, args=asked.args, capability_args=asked.capability_args)
    return None if same == asked else ", which was added with the pod"


def _meaning(config: NetworkConfig) -> object:
    """The configuration as JSON, in which neither spaces nor the order of keys count."""
    return gojson.decode(config.encode())


def _taken(held: Attachment, asked: Attachment, there: Collection[str], why: str) -> RequestError:
    exists = "already exists" if asked.ifname in there else "is taken"
    return RequestError(
        f'DelegateAdd: cannot set "{asked.config.plugins[0]["type"]}" interface name to "{asked.ifname}": '
        f"validateIfName: interface name {asked.ifname} {exists}: it is of network {held.display_name!r}{why}; "
        f"DEL that before network {asked.display_name!r} is added there"
    )
