"""What a configuration of the IPAM plugin whereabouts, and CNI_ARGS, come to.

Spec section 4.1.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from plurimus.cni import result
from plurimus.cni.args import Pairs
from plurimus.cni.errors import ConfigError, RequestError
from plurimus.cni.result import DNS, IPConfig, Route
from plurimus.core import ranges
from plurimus.core.ranges import Range
from plurimus.core.whereaboutskeys import Ipam, OneRange, subject
from plurimus.model.ippool import Address, Network

T = TypeVar("T")

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", re.ASCII)
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)
_LEGACY = ("", "0.1.0", "0.2.0")


@dataclass(frozen=True, slots=True)
class Settings:
    """A configuration as it is meant.

    `unique` is whether an address is given once among ranges that overlap.  `slice_size` is the text of the
    configuration, empty without node slices, and `slice_length` the length of a slice's prefix.  `odd` is what is
    ignored in it, for the log.
    """

    network: str
    network_name: str
    ranges: tuple[Range, ...]
    unique: bool
    slice_size: str
    slice_length: int
    point_to_point: bool
    gateway: str
    addresses: tuple[IPConfig, ...]
    routes: tuple[Route, ...]
    dns: DNS
    podref: str
    ipam: Ipam
    odd: tuple[str, ...]

    def gateway_of(self, address: Address) -> str:
        """The gateway of an address: the network's, where that is of the same family."""
        same = self.gateway and ranges.address(self.gateway).version == address.version
        return self.gateway if same else ""


def settings(ipam: Ipam, conf: Mapping[str, Any], args: Pairs) -> Settings:
    """What `ipam`, merged, and CNI_ARGS come to.

    Raises:
        ConfigError: the configuration; its network, the key, and what was expected.
        RequestError: CNI_ARGS.
    """
    about = subject(conf)
    pairs = dict(args)
    try:
        found, odd = _ranges(ipam)
        addresses = [_static(each.address, each.gateway) for each in ipam.addresses]
        gateway = str(ranges.address(ipam.gateway)) if ipam.gateway else ""
        routes = tuple(_route(route) for route in ipam.routes)
        length = slice_length(ipam, found[0].network) if found else 0
        if found:
            check_names(ipam, str(conf.get("name") or ""))
    except ValueError as error:
        raise ConfigError(f"{about}: ipam: {error}") from error
    try:
        addresses += _asked(pairs, addresses)
    except ValueError as error:
        raise RequestError(f"{about}: CNI_ARGS: {error}") from error
    _check_number(about, str(conf.get("cniVersion") or ""), addresses)
    pod = pairs.get("K8S_POD_NAME", "")
    return Settings(
        network=str(conf.get("name") or ""),
        network_name=ipam.network_name,
        ranges=found,
        unique=ipam.enable_overlapping_ranges is not False,
        slice_size=ipam.node_slice_size,
        slice_length=length,
        point_to_point=ipam.point_to_point,
        gateway=gateway,
        addresses=tuple(addresses),
        routes=routes,
        dns=ipam.dns,
        podref=f"{pairs.get('K8S_POD_NAMESPACE', '')}/{pod}" if pod else "",
        ipam=ipam,
        odd=odd,
    )


def networks(ipam: Ipam) -> list[Network]:
    """Where an ADD may have allocated: the ranges' networks, without those no ADD could read."""
    found = []
    for text in filter(None, (ipam.range, *(each.range for each in ipam.ip_ranges))):
        try:
            found.append(ranges.parse(text, point_to_point=True).network)
        except ValueError:
            continue
    return found


def check_names(ipam: Ipam, network: str) -> None:
    """See that objects may be in the namespace and be named like this.

    They are named after the network's name, slices after the configuration's own, `network`, where it has none.

    Raises:
        ValueError: the key, and what it may have.
    """
    namespace = ipam.kubernetes.namespace
    if namespace and not is_namespace(namespace):
        raise ValueError(
            f"kubernetes.namespace {namespace!r} is no name of a namespace: up to 63 lower-case letters, digits and "
            "'-', with a letter or a digit at both ends"
        )
    for key, text in (("network_name", ipam.network_name), ("name", network)):
        if text and not _NAME.fullmatch(text):
            raise ValueError(
                f"{key} {text!r}: objects of the cluster are named after it, so it may have lower-case letters, "
                "digits, '-' and '.' alone, and begins and ends with a letter or a digit"
            )
        if text or not ipam.node_slice_size:
            return


def is_namespace(name: str) -> bool:
    """Whether a namespace can have that name."""
    return _LABEL.fullmatch(name) is not None


def _ranges(ipam: Ipam) -> tuple[tuple[Range, ...], tuple[str, ...]]:
    """`range`, whose start and end may be any text, then `ipRanges`; and what is ignored in them."""
    written = [OneRange(ipam.range, ipam.range_start, ipam.range_end, ipam.exclude)] if ipam.range else []
    odd: list[str] = []
    if written:
        for key in ("range_start", "range_end"):
            text = getattr(written[0], key)
            if text and not _is_address(text):
                odd.append(f"{key} {text!r} is no IP address and ignored")
                written[0] = msgspec.structs.replace(written[0], **{key: ""})
    found: list[Range] = []
    for each in [*written, *ipam.ip_ranges]:
        made = ranges.parse(
            each.range,
            start=each.range_start,
            end=each.range_end,
            exclude=each.exclude,
            point_to_point=ipam.point_to_point,
        )
        twice = next((other for other in found if other.network == made.network), None)
        if twice is not None:
            raise ValueError(f"range {made.network} is there twice; one pod gets one address of it, so name it once")
        if "-" not in each.range:
            ends = (("range_start", each.range_start, made.first), ("range_end", each.range_end, made.last))
            odd += [f"{key} {text!r} is not usable in {made.network} and ignored" for key, text, used in ends
                    if text and int(ranges.address(text)) != used]  # fmt: skip
        found.append(made)
    return tuple(found), tuple(odd)


def _is_address(text: str) -> bool:
    try:
        return bool(ranges.address(text))
    except ValueError:
        return False


def slice_length(ipam: Ipam, network: Network) -> int:
    """The length of the prefix of a node's slice of `network`; 0 without slices.

    Raises:
        ValueError: it is none.
    """
    text = ipam.node_slice_size.removeprefix("/")
    if not ipam.node_slice_size:
        return 0
    longest = network.max_prefixlen - (1 if ipam.point_to_point else 2)
    if not text.isascii() or not text.isdigit() or not network.prefixlen <= int(text[:4]) <= longest:
        raise ValueError(
            f"node_slice_size {ipam.node_slice_size!r}: expected the length of a prefix in {network}, "
            f"/{network.prefixlen} to /{longest}"
        )
    return int(text)


def _static(address: str, gateway: str) -> IPConfig:
    try:
        written = result.canonical_cidr(address)
    except ValueError as error:
        raise ValueError(f"address {address!r}: expected an address with the length of its prefix") from error
    return IPConfig(written, gateway=str(ranges.address(gateway)) if gateway else "")


def _route(route: Route) -> Route:
    try:
        dst, gw = result.canonical_cidr(route.dst), result.canonical_ip(route.gw)
    except ValueError as error:
        raise ValueError(f"route to {route.dst!r}: {error}") from error
    return msgspec.structs.replace(route, dst=dst, gw=gw)


def _asked(pairs: Mapping[str, str], others: list[IPConfig]) -> list[IPConfig]:
    """The addresses of IP, each with the one of GATEWAY that is in its network; `others` get theirs, too.

    Raises:
        ValueError: one is none; what it is instead may be a secret.
    """
    asked = _each(pairs, "IP", lambda text: _static(text, ""), "an address with the length of its prefix")
    gateways = _each(pairs, "GATEWAY", ranges.address, "an address")
    everyone = [*others, *asked]
    for at, each in enumerate(everyone):
        network = ipaddress.ip_interface(each.address).network
        for gateway in gateways:
            if gateway in network:
                everyone[at] = msgspec.structs.replace(each, gateway=str(gateway))
    others[:] = everyone[: len(others)]
    return everyone[len(others) :]


def _each(pairs: Mapping[str, str], key: str, read: Callable[[str], T], expected: str) -> list[T]:
    try:
        return [read(text.strip()) for text in pairs.get(key, "").split(",") if text.strip()]
    except ValueError as error:
        raise ValueError(f"{key}: expected {expected}") from error


def _check_number(about: str, cni_version: str, addresses: list[IPConfig]) -> None:
    families = [ipaddress.ip_interface(each.address).version for each in addresses]
    if cni_version in _LEGACY and max(map(families.count, families), default=0) > 1:
        raise ConfigError(
            f"{about}: ipam: CNI version {cni_version or '0.1.0'} has one address per family, and 'addresses' and IP "
            "have more; use cniVersion 0.3.0 or later"
        )
