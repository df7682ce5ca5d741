"""The keys of the IPAM plugin whereabouts, and how a node's own file adds to a network's.

Spec section 4.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from plurimus.cni import gojson
from plurimus.cni.errors import ConfigError
from plurimus.cni.result import DNS, Route

TYPE = "whereabouts"
TREES = ("/etc/cni", "/etc/kubernetes/cni", "/host/etc/cni", "/var/lib/rancher/k3s/agent/etc/cni")
"""Where a network may name files of the node: what CNI's programs are installed with, and nothing else of root's."""
T = TypeVar("T", bound=msgspec.Struct)


class OneRange(msgspec.Struct, frozen=True):
    range: str = ""
    range_start: str = ""
    range_end: str = ""
    exclude: list[str] = []


class StaticAddress(msgspec.Struct, frozen=True):
    address: str = ""
    gateway: str = ""


class _Kubernetes(msgspec.Struct, frozen=True):
    """`namespace` is ours: where a node does not have the kubeconfig that says it."""

    kubeconfig: str = ""
    namespace: str = ""


class Ipam(msgspec.Struct, frozen=True):
    """The keys of `ipam` that say something to us; `point_to_point` is ours."""

    type: str = ""
    range: str = ""
    range_start: str = ""
    range_end: str = ""
    exclude: list[str] = []
    ip_ranges: list[OneRange] = msgspec.field(default=[], name="ipRanges")
    gateway: str = ""
    routes: list[Route] = []
    dns: DNS = DNS()
    addresses: list[StaticAddress] = []
    network_name: str = ""
    enable_overlapping_ranges: bool | None = None
    node_slice_size: str = ""
    kubernetes: _Kubernetes = _Kubernetes()
    configuration_path: str = ""
    point_to_point: bool = False


class _Network(msgspec.Struct, frozen=True):
    ipam: Ipam | None = None


def own(conf: Mapping[str, Any]) -> Ipam:
    """The `ipam` of a network configuration.

    Raises:
        ConfigError: there is none, or it is another plugin's, or a key has the wrong type, or names a file that is not
            among those of CNI.
    """
    about = subject(conf)
    try:
        ipam = gojson.convert(conf, _Network).ipam
    except ValueError as error:
        raise ConfigError(f"{about}: {error}") from error
    if ipam is None or ipam.type != TYPE:
        found = "no 'ipam'" if ipam is None else f"the IPAM type {ipam.type!r}"
        raise ConfigError(f"{about}: it has {found}, expected one of type {TYPE!r}")
    paths = (("configuration_path", ipam.configuration_path), ("kubernetes.kubeconfig", ipam.kubernetes.kubeconfig))
    for key, path in paths:
        if path and not _is_below_trees(path):
            raise ConfigError(
                f"{about}: ipam: {key} {path!r} is not below {', '.join(TREES)}: who may write networks may not have "
                "any file of a node read; leave the key out, the node's own file whereabouts.d/whereabouts.conf may "
                "name any path"
            )
    return ipam


def flat(content: object, path: str) -> Ipam:
    """What a node's own file says: an `ipam` by itself.

    Raises:
        ConfigError: it is no object, or a key has the wrong type.
    """
    if not isinstance(content, Mapping):
        raise ConfigError(f"{path}: expected a JSON object, got {gojson.kind(content)}")
    try:
        return gojson.convert(content, Ipam)
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error


def merged(first: Ipam, second: Ipam) -> Ipam:
    """`first`, with what it leaves empty from `second`; nothing but `first` says whether ranges may overlap."""
    filled = _filled(first, second)
    return msgspec.structs.replace(filled, enable_overlapping_ranges=first.enable_overlapping_ranges)


def subject(conf: Mapping[str, Any]) -> str:
    """What errors call a network configuration."""
    return f"network configuration {str(conf.get('name') or '')!r}"


def _is_below_trees(path: str) -> bool:
    parts = path.split("/")
    plain = "/".join(part for part in parts if part not in ("", "."))
    sound = path.startswith("/") and ".." not in parts and "\0" not in path
    return sound and any(f"/{plain}/".startswith(f"{tree}/") for tree in TREES)


def _filled(first: T, second: T) -> T:
    """Structs inside are filled key by key; a list counts as a whole."""
    values = {}
    for name in first.__struct_fields__:
        mine, other = getattr(first, name), getattr(second, name)
        values[name] = _filled(mine, other) if isinstance(mine, msgspec.Struct) else mine or other
    return type(first)(**values)
