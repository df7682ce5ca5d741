"""What a configuration of the IPAM plugin host-local, and CNI_ARGS, come to; and how its leases read.

Plugins spec section 14.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from plurimus.cni import args, gojson, result
from plurimus.cni.args import Pairs
from plurimus.cni.errors import Code, ConfigError
from plurimus.cni.result import DNS, Route
from plurimus.core import ipamargs, rangesets
from plurimus.core.rangesets import RangeKeys, RangeSet

DATA_DIR = "/var/lib/cni/networks"
LOCK = "lock"
LAST = "last_reserved_ip."
BREAK = b"\r\n"
"""Between container ID and interface in a lease."""
_LONG_ID = re.compile(rb"[0-9a-f]{64}")

Sets = tuple[tuple[RangeKeys, ...], ...]


class Ipam(RangeKeys, frozen=True, rename="camel"):
    """The keys of `ipam`; those of a range are a set of one."""

    routes: tuple[Route, ...] = ()
    data_dir: str = ""
    resolv_conf: str = ""
    ranges: Sets = ()


class _RuntimeConfig(msgspec.Struct, frozen=True):
    ip_ranges: Sets = msgspec.field(default=(), name="ipRanges")
    ips: tuple[str, ...] = ()


class Conf(msgspec.Struct, frozen=True):
    """The keys of a network configuration that say something to host-local."""

    ipam: Ipam | None = None
    runtime_config: _RuntimeConfig = msgspec.field(default=_RuntimeConfig(), name="runtimeConfig")
    args: ipamargs.Args = ipamargs.Args()


@dataclass(frozen=True, slots=True)
class Request:
    """An address of each of `sets` is wanted, for each of `wanted` (each in its one spelling) that very one."""

    sets: tuple[RangeSet, ...]
    wanted: tuple[str, ...]
    routes: tuple[Route, ...]
    resolv_conf: str


def request(conf: Conf, pairs: Pairs, cni_version: str) -> Request:
    """What an ADD is to give.

    Raises:
        ConfigError: code 999, what is wrong with the configuration.
        RequestError: code 999, what is wrong with CNI_ARGS.
    """
    ipam = conf.ipam
    if ipam is None:
        raise _invalid("IPAM config missing 'ipam' key")
    asked = ipamargs.read(pairs, ("IP",)).get("IP", "")
    try:
        first = (_wanted(asked),) if asked else ()
    except ValueError as error:
        raise ipamargs.wrong_value("IP", "invalid IP address") from error
    try:
        more = [_wanted(text) for text in (*conf.args.cni.ips, *conf.runtime_config.ips)]
        sets, routes = _given(conf.runtime_config.ip_ranges, ipam, cni_version)
    except ValueError as error:
        raise _invalid(str(error)) from error
    return Request(sets, tuple(dict.fromkeys((*first, *more))), routes, ipam.resolv_conf)


def data_dir(conf: Mapping[str, Any]) -> str:
    """Where the leases of all networks are that have the configuration's `dataDir`; nothing else in it matters.

    Raises:
        ConfigError: it is no absolute path.
    """
    ipam, there = conf.get("ipam"), None
    for key, value in ipam.items() if isinstance(ipam, dict) else ():
        there = value if key.casefold() == "datadir" else there
    if there is not None and not isinstance(there, str):
        raise ConfigError(f"network configuration {conf.get('name')!r}: 'dataDir' is {gojson.kind(there)}, expected a "
                          "path")  # fmt: skip
    if there and (not there.startswith("/") or "\0" in there):
        raise ConfigError(f"network configuration {conf.get('name')!r}: 'dataDir' is {there!r}, expected an absolute "
                          "path")  # fmt: skip
    return there or DATA_DIR


def check_network(name: str) -> str:
    """`name`, if it is the name of a network: it becomes a folder's.

    Raises:
        ConfigError: code 7.
    """
    if not name:
        raise ConfigError("missing network name")
    if not args.is_network_name(name):
        raise ConfigError("invalid characters found in network name", details=name)
    return name


def lease(container_id: str, ifname: str) -> bytes:
    """What is in the file of an address that the interface of a container has."""
    return container_id.encode() + BREAK + ifname.encode()


def is_stale(content: bytes, valid: Collection[tuple[str, str]]) -> bool:
    """Whether a lease is of no attachment among `valid`.

    Releases before 0.8 of the plugin wrote the container ID alone.  Where that is not as runtimes make them, 64
    hexadecimal digits, it is left: somebody may have written it to keep the address from being given out.
    """
    container_id, separator, ifname = content.partition(BREAK)
    if separator:
        owner = (container_id.decode(errors="replace"), ifname.decode(errors="replace"))
        is_lease = args.is_network_name(owner[0]) and not args.ifname_problem(owner[1])
        return is_lease and owner not in valid
    return bool(_LONG_ID.fullmatch(content)) and content.decode() not in {each for each, _ in valid}


def nameservers(resolv_conf: str) -> DNS:
    """What the text of a resolv.conf says; names of a key on several lines add up, but for `domain`."""
    found: dict[str, list[str]] = {}
    for words in (line.split() for line in resolv_conf.split("\n")):
        if len(words) < 2 or words[0][0] in "#;":
            continue
        found.setdefault(words[0], []).extend(words[1:2] if words[0] in ("nameserver", "domain") else words[1:])
    domain = found.get("domain", [""])[-1]
    return DNS(found.get("nameserver", []), domain, found.get("search", []), found.get("options", []))


@functools.lru_cache(maxsize=256)
def _given(first: Sets, ipam: Ipam, cni_version: str) -> tuple[tuple[RangeSet, ...], tuple[Route, ...]]:
    """The sets, those of the runtime `first`, and the routes: the same for all pods of a network, as a rule."""
    alone = RangeKeys(ipam.subnet, ipam.range_start, ipam.range_end, ipam.gateway)
    legacy: Sets = () if ipam.subnet is None else ((alone,),)
    sets = rangesets.parse(first + legacy + ipam.ranges)
    routes = ipamargs.routes(ipam.routes)
    ipamargs.check_number(cni_version, [each.version for each in sets])
    rangesets.check_overlap(sets)
    return sets, routes


def _wanted(text: str) -> str:
    """An address that is asked for, whose prefix length does not matter."""
    try:
        found = result.canonical_cidr(text).partition("/")[0] if "/" in text else result.canonical_ip(text)
    except ValueError as error:
        raise ValueError(f"invalid IP address {text}") from error
    if not found:
        raise ValueError("cannot understand ip: it is empty")
    return found


def _invalid(text: str) -> ConfigError:
    return ConfigError(text, code=Code.INTERNAL)
