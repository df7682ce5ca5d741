"""The record: one sandbox's plan on disk, written before the first side effect, replayed by DEL.

The file is a superset of Multus' scratch file: a JSON list with one object per delegate, under
the same name, with what Plurimus needs beside it in the key `plurimus`.  So a node can go from
Multus to Plurimus and back with its pods alive.

Spec section 6.4.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import msgspec

from plurimus.cni import conf, gojson
from plurimus.cni.args import Pairs
from plurimus.cni.conf import NetworkConfig
from plurimus.cni.errors import PlurimusError
from plurimus.core.plan import Attachment, Plan, PodReference

FORMAT = 1


class _Ours(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What Plurimus knows of an attachment and a scratch file has no key for."""

    format: int
    netns: str
    pod: PodReference
    ifname: str
    args: list[tuple[str, str]]
    capability_args: dict[str, Any]
    is_default: bool
    cookie: str = ""
    under_way: bool = False


class _Plugin(msgspec.Struct, frozen=True):
    content: str = msgspec.field(name="Bytes")


class _Chain(msgspec.Struct, frozen=True):
    """A list that Multus was given by path, as it ran it; without plugins for any other delegate."""

    name: str = msgspec.field(default="", name="Name")
    cni_version: str = msgspec.field(default="", name="CNIVersion")
    disable_check: bool = msgspec.field(default=False, name="DisableCheck")
    disable_gc: bool = msgspec.field(default=False, name="DisableGC")
    plugins: list[_Plugin] = msgspec.field(default=[], name="Plugins")


class _Element(msgspec.Struct, frozen=True):
    """One delegate as it is read; Multus' other keys repeat what is in these."""

    content: str = msgspec.field(name="Bytes")
    chain: _Chain = msgspec.field(default=_Chain(), name="CNINetworkConfigList")
    name: str = msgspec.field(default="", name="Name")
    ifname: str = msgspec.field(default="", name="ifnameRequest")
    mac: str = msgspec.field(default="", name="macRequest")
    infiniband_guid: str = msgspec.field(default="", name="infinibandGUIDRequest")
    ips: list[str] = msgspec.field(default=[], name="ipRequest")
    default_route: tuple[str, ...] | None = msgspec.field(default=None, name="default-route")
    device_id: str = msgspec.field(default="", name="deviceID")
    resource_name: str = msgspec.field(default="", name="resourceName")
    plurimus: _Ours | None = None


def encode(plan: Plan) -> bytes:
    """The content of the record's file."""
    return gojson.encode([_element(plan, attachment) for attachment in plan.attachments]).encode()


def decode(content: bytes, *, container_id: str, ifname: str = "eth0", args: Pairs = ()) -> Plan:
    """Read a record of Plurimus, or a scratch file of Multus.

    A scratch file lacks what the runtime says again on DEL, so that comes from the request:
    `ifname` of the default network, and `args`, the CNI_ARGS.

    Raises:
        ValueError: the content is torn, empty, of a later format, or no record at all.
    """
    raw = gojson.decode(content)
    if not isinstance(raw, list) or not raw:
        raise ValueError(f"expected a list of delegates, got {gojson.kind(raw) if raw != [] else 'an empty one'}")
    _check_format(raw)
    elements = gojson.convert(raw, list[_Element])
    head = elements[0].plurimus
    netns, pod = (head.netns, head.pod) if head else ("", PodReference.from_args(args))
    try:
        attachments = tuple(_attachment(index, element, ifname, args) for index, element in enumerate(elements))
    except PlurimusError as error:
        raise ValueError(f"the record is malformed: {error}") from error
    return Plan(container_id, netns, pod, attachments, cookie=head.cookie if head else "")


def _check_format(elements: list[Any]) -> None:
    """A later format may have any shape, so this comes before the shape is looked at."""
    for element in elements:
        known = isinstance(element, dict) and "plurimus" in element
        ours = element["plurimus"] if known else gojson.fold(element, ("plurimus",)).get("plurimus")
        written = ours.get("format") if isinstance(ours, dict) else None
        if isinstance(written, int) and written > FORMAT:
            raise ValueError(f"the record has format {written}, this release reads up to {FORMAT}")


def _element(plan: Plan, attachment: Attachment) -> dict[str, Any]:
    config = attachment.config
    requested = attachment.capability_args
    element: dict[str, Any] = {
        "Conf": _summary(config, config.plugins[0]) if config.single else {},
        "ConfList": {} if config.single else _list_summary(config),
        "Name": attachment.display_name,
        "IsFilterV4Gateway": False,
        "IsFilterV6Gateway": False,
        "Bytes": base64.b64encode(config.encode()).decode(),
        "plurimus": msgspec.to_builtins(
            _Ours(
                format=FORMAT,
                netns=plan.netns,
                pod=plan.pod,
                ifname=attachment.ifname,
                args=list(attachment.args),
                capability_args=dict(requested),
                is_default=attachment.is_default,
                cookie=plan.cookie,
                under_way=attachment.under_way,
            )
        ),
    }
    # Multus numbers interfaces by position; a name keeps it right when elements before are gone
    optional = {
        "ifnameRequest": "" if attachment.is_default else attachment.ifname,
        "macRequest": requested.get("mac"),
        "infinibandGUIDRequest": requested.get("infinibandGUID"),
        "ipRequest": requested.get("ips"),
        "default-route": None if attachment.default_route is None else list(attachment.default_route),
        "deviceID": attachment.device_id,
        "resourceName": attachment.resource_name,
    }
    return element | {
        key: value for key, value in optional.items() if value or (key == "default-route" and value == [])
    }


def _summary(config: NetworkConfig, plugin: Mapping[str, Any]) -> dict[str, Any]:
    """What Multus keeps of one plugin configuration; all of it is in `Bytes`."""
    ipam = plugin.get("ipam")
    summary = {
        "cniVersion": config.cni_version,
        "name": config.name,
        "type": plugin["type"],
        "capabilities": plugin.get("capabilities"),
        "ipam": {"type": ipam["type"]} if isinstance(ipam, dict) and ipam.get("type") else {},
        "dns": {},
    }
    return {key: value for key, value in summary.items() if value is not None}


def _list_summary(config: NetworkConfig) -> dict[str, Any]:
    plugins = [_summary(config, plugin) for plugin in config.plugins]
    return {"cniVersion": config.cni_version, "name": config.name, "plugins": plugins}


def _attachment(index: int, element: _Element, ifname: str, args: Pairs) -> Attachment:
    config = _config(element)
    common: dict[str, Any] = {
        "config": config,
        "display_name": element.name or config.name,
        "default_route": element.default_route,
        "device_id": element.device_id,
        "resource_name": element.resource_name,
    }
    ours = element.plurimus
    if ours is None:
        name = element.ifname or (ifname if index == 0 else f"net{index}")
        return Attachment(name, args=args, capability_args=_requested(element), is_default=index == 0, **common)
    return Attachment(
        ours.ifname,
        args=tuple(ours.args),
        capability_args=ours.capability_args,
        is_default=ours.is_default,
        under_way=ours.under_way,
        **common,
    )


def _config(element: _Element) -> NetworkConfig:
    """The configuration as it was run: of a list given by path, Multus 4.3 keeps only a summary in `Bytes`."""
    chain = element.chain
    if not chain.plugins:
        return conf.remembered(base64.b64decode(element.content, validate=True))
    document = {
        "name": chain.name,
        "cniVersion": chain.cni_version,
        "disableCheck": chain.disable_check,
        "disableGC": chain.disable_gc,
        "plugins": [gojson.decode(base64.b64decode(plugin.content, validate=True)) for plugin in chain.plugins],
    }
    return conf.parse(document)


def _requested(element: _Element) -> dict[str, Any]:
    """The capability args a scratch file of Multus still knows."""
    values = {
        "mac": element.mac,
        "infinibandGUID": element.infiniband_guid,
        "ips": element.ips,
        "deviceID": element.device_id,
    }
    return {key: value for key, value in values.items() if value}
