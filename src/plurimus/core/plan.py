"""The plan: what will be attached to one sandbox, in which order, under which names.

A plan is a value.  It is printed by `plurimus explain`, written to disk before the first side
effect (`core.record`), carried out by `plurimus.node`, and read back to undo it.

Spec sections 3.2, 4.5 to 4.7.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from plurimus.cni.args import Environment, Pairs, merge_args
from plurimus.cni.conf import NetworkConfig
from plurimus.cni.errors import RequestError
from plurimus.core import devices
from plurimus.core.delegate import Delegate
from plurimus.core.devices import Allocation
from plurimus.core.netconf import NetConf
from plurimus.core.routes import check_claims
from plurimus.model.pod import Pod
from plurimus.model.selection import NetworkSelectionElement

DEVICE_INFO_DIR = "/var/run/k8s.cni.cncf.io/devinfo/cni"
DEVICE_INFO_FILE = "CNIDeviceInfoFile"
"""The capability of plugins that read or write the file of their attachment in that folder."""


@dataclass(frozen=True, slots=True)
class PodReference:
    """Which pod a sandbox belongs to, as the runtime said; all empty outside Kubernetes."""

    namespace: str = ""
    name: str = ""
    uid: str = ""

    @classmethod
    def from_args(cls, args: Pairs) -> PodReference:
        pairs = dict(args)
        keys = ("K8S_POD_NAMESPACE", "K8S_POD_NAME", "K8S_POD_UID")
        return cls(*(pairs.get(key, "") for key in keys))

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}/{self.uid}"


@dataclass(frozen=True, slots=True)
class Attachment:
    """One network on one interface, with all that its ADD needs and its DEL will need again.

    `default_route`: None where the pod said nothing; else the gateways it wants here, `[]` meaning
    the default routes the plugins make here.

    `under_way`: it is being added to, or taken from, a sandbox that runs; on record once nobody does either, it is
    neither whole nor gone.
    """

    ifname: str
    config: NetworkConfig
    display_name: str
    args: Pairs = ()
    capability_args: Mapping[str, Any] = field(default_factory=dict)
    is_default: bool = False
    default_route: tuple[str, ...] | None = None
    device_id: str = ""
    resource_name: str = ""
    under_way: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """All attachments of one sandbox in ADD order; `warnings` are what the pod's author should know."""

    container_id: str
    netns: str
    pod: PodReference
    attachments: tuple[Attachment, ...]
    warnings: tuple[str, ...] = ()
    cookie: str = ""
    """Of the namespace, as `ports.Kernel` tells it; empty where nobody has asked."""


def make(
    env: Environment,
    netconf: NetConf,
    pod: Pod | None,
    delegates: Sequence[Delegate],
    allocation: Allocation,
) -> Plan:
    """Plan the attachments of `delegates`, which are in the order of their interfaces.

    Raises:
        RequestError: interface names clash, gateways do, or a device is missing.
    """
    reference = PodReference.from_args(env.args)
    if pod is not None:
        reference = PodReference(pod.namespace, pod.name, reference.uid or pod.uid)
    delegates = devices.assign(delegates, allocation, pod=f"{reference.namespace}/{reference.name}")
    names = [_ifname(index, delegate, env) for index, delegate in enumerate(delegates)]
    _check_names(names, delegates)
    check_claims([_default_route(delegate.selection) for delegate in delegates])
    args = _pod_args(env, reference)
    attachments = tuple(
        _attachment(name, delegate, env, netconf, args) for name, delegate in zip(names, delegates, strict=True)
    )
    warnings = tuple(
        text
        for attachment, delegate in zip(attachments, delegates, strict=True)
        if (requested := _requested(delegate.selection))
        for text in _undeclared(attachment, requested)
    )
    return Plan(env.container_id, env.netns, reference, attachments, warnings)


def _ifname(index: int, delegate: Delegate, env: Environment) -> str:
    """The index counts all delegates, so `a@foo,b` gives `foo` and `net2` (F36)."""
    if delegate.selection and delegate.selection.interface:
        return delegate.selection.interface
    return env.ifname if delegate.is_default else f"net{index}"


def _check_names(names: Sequence[str], delegates: Sequence[Delegate]) -> None:
    """Two attachments of one name are refused before anything runs (S34)."""
    owner: dict[str, str] = {}
    for name, delegate in zip(names, delegates, strict=True):
        if name in owner:
            raise RequestError(
                f"networks {owner[name]!r} and {delegate.display_name!r} both get the interface name {name!r}: "
                "interfaces without a name are called net1, net2, ... by position; choose another name with @"
            )
        owner[name] = delegate.display_name


def _attachment(name: str, delegate: Delegate, env: Environment, netconf: NetConf, args: Pairs) -> Attachment:
    element = delegate.selection
    if element and element.cni_args:
        delegate = delegate.with_cni_args(element.cni_args)
    requested = {"MAC": element.mac, "IP": ",".join(element.ips)} if element else {}
    requested = {key: value for key, value in requested.items() if value}
    if requested:
        # a plugin takes the last of several pairs, so the pod's own replace the runtime's
        args = merge_args([pair for pair in args if pair[0] not in requested], requested.items())
    return Attachment(
        ifname=name,
        config=delegate.config,
        display_name=delegate.display_name,
        args=args,
        capability_args=_capability_args(name, delegate, env, netconf),
        is_default=delegate.is_default,
        default_route=_default_route(element),
        device_id=delegate.device_id,
        resource_name=delegate.resource_name,
    )


def _pod_args(env: Environment, pod: PodReference) -> Pairs:
    """Spec section 4.7; what the runtime passed follows, each key once (S36)."""
    ours = (
        ("IgnoreUnknown", "true"),
        ("K8S_POD_NAMESPACE", pod.namespace),
        ("K8S_POD_NAME", pod.name),
        ("K8S_POD_INFRA_CONTAINER_ID", env.container_id),
        ("K8S_POD_UID", pod.uid),
    )
    return merge_args(ours, env.args)


def _capability_args(name: str, delegate: Delegate, env: Environment, netconf: NetConf) -> dict[str, Any]:
    """The runtime's values for the default network only (S24), the pod's values over them (S25)."""
    values = netconf.runtime_config.capability_args() if delegate.is_default else {}
    values |= _requested(delegate.selection)
    if delegate.device_id:
        values["deviceID"] = delegate.device_id
    if values.get("deviceID"):
        file_name = f"{delegate.display_name}-{env.container_id}_{name}".replace("/", "-")
        values[DEVICE_INFO_FILE] = f"{DEVICE_INFO_DIR}/{file_name}"
    return values


def _requested(element: NetworkSelectionElement | None) -> dict[str, Any]:
    """The capability args the pod asks for, under their wire names."""
    if element is None:
        return {}
    requested = {
        "portMappings": element.port_mappings and msgspec.to_builtins(element.port_mappings),
        "bandwidth": element.bandwidth and msgspec.to_builtins(element.bandwidth),
        "ips": element.ips,
        "mac": element.mac,
        "infinibandGUID": element.infiniband_guid,
        "deviceID": element.device_id,
    }
    return {key: value for key, value in requested.items() if value}


def _default_route(element: NetworkSelectionElement | None) -> tuple[str, ...] | None:
    return None if element is None or element.default_route is None else tuple(element.default_route)


def _undeclared(attachment: Attachment, requested: Iterable[str]) -> list[str]:
    """What the pod asked for and no plugin of the network takes (S27): said, as the result lacks it."""
    declared = {
        name for plugin in attachment.config.plugins for name, on in (plugin.get("capabilities") or {}).items() if on
    }
    # addresses and the hardware address also travel in CNI_ARGS, an allocated device in the configuration
    missing = [name for name in requested if name not in declared | {"ips", "mac", "deviceID"}]
    return [
        f"network {attachment.display_name!r}: the pod asks for {name!r}, but no plugin of the network declares "
        f"that capability; it has no effect"
        for name in missing
    ]
