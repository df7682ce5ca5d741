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

from plurimus.cni import conf, gojson
from plurimus.cni.args import Pairs
from plurimus.cni.conf import NetworkConfig
from plurimus.cni.errors import ConfigError
from plurimus.core.plan import Attachment, Plan, PodReference

FORMAT = 1

_MULTUS_KEYS = ("Conf", "ConfList", "Name", "Bytes", "ifnameRequest", "macRequest", "infinibandGUIDRequest",
                "ipRequest", "default-route", "deviceID", "resourceName")  # fmt: skip


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
    elements = gojson.decode(content)
    if not isinstance(elements, list) or not elements:
        raise ValueError(f"expected a list of delegates, got {gojson.kind(elements)}")
    try:
        folded = [gojson.fold(element, _MULTUS_KEYS) for element in elements]
        head = folded[0].get("plurimus") or {}
        pod = PodReference(**head["pod"]) if head else PodReference.from_args(args)
        attachments = tuple(_attachment(index, raw, ifname, args) for index, raw in enumerate(folded))
        return Plan(container_id, head.get("netns", ""), pod, attachments)
    except (KeyError, TypeError, AttributeError, ConfigError) as error:
        raise ValueError(f"the record is malformed: {error!r}") from error


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
        "plurimus": {
            "format": FORMAT,
            "netns": plan.netns,
            "pod": {"namespace": plan.pod.namespace, "name": plan.pod.name, "uid": plan.pod.uid},
            "ifname": attachment.ifname,
            "args": [list(pair) for pair in attachment.args],
            "capabilityArgs": dict(requested),
            "isDefault": attachment.is_default,
        },
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


def _attachment(index: int, raw: dict[str, Any], ifname: str, args: Pairs) -> Attachment:
    config = conf.parse(base64.b64decode(raw["Bytes"], validate=True))
    default_route = raw.get("default-route")
    common: dict[str, Any] = {
        "config": config,
        "display_name": raw.get("Name") or config.name,
        "default_route": None if default_route is None else tuple(default_route),
        "device_id": raw.get("deviceID") or "",
        "resource_name": raw.get("resourceName") or "",
    }
    ours = raw.get("plurimus")
    if ours is None:
        name = raw.get("ifnameRequest") or (ifname if index == 0 else f"net{index}")
        return Attachment(name, args=args, capability_args=_requested(raw), is_default=index == 0, **common)
    if ours["format"] > FORMAT:
        raise ValueError(f"the record has format {ours['format']}, this release reads up to {FORMAT}")
    return Attachment(
        ours["ifname"],
        args=tuple((key, value) for key, value in ours["args"]),
        capability_args=ours["capabilityArgs"],
        is_default=ours["isDefault"],
        **common,
    )


def _requested(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The capability args a scratch file of Multus still knows."""
    values = {
        "mac": raw.get("macRequest"),
        "infinibandGUID": raw.get("infinibandGUIDRequest"),
        "ips": raw.get("ipRequest"),
        "deviceID": raw.get("deviceID"),
    }
    return {key: value for key, value in values.items() if value}
