"""Which attachments of a plan may be made side by side, because nothing one does can matter to another.

The CNI specification has operations on one container follow each other.  Side by side go only networks
whose plugins are known to touch no more of the sandbox than the interface they make, and which
lead to different destinations, since of two routes to one destination the earlier counts.  Networks of
one name share host-local's leases, whose addresses go round, and so go one after another.  Plugins that
take the next free routing table wait for their turn, while those before them in their chains do not.  Any
other attachment waits for all before it, and all behind it wait for it: the outcome is the same as one
after another.

CNI spec, "Lifecycle & Ordering".
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from plurimus.cni.conf import PluginConf
from plurimus.core.plan import Attachment

_PLUGINS = frozenset(
    {"bandwidth", "bridge", "dummy", "firewall", "host-device", "ib-sriov", "ipvlan", "macvlan", "portmap", "ptp",
     "rdma", "sriov", "tap", "tuning", "vlan"}
)  # fmt: skip
_IN_TURN = frozenset({"sbr", "vrf"})
"""They take the next free routing table of the sandbox, and make rules whose order the kernel chooses."""
_IPAM = frozenset({"", "host-local", "static", "whereabouts"})
"""What gives addresses and routes that stand in the configuration."""
_OWN_SYSCTL = re.compile(r"net[./]ipv[46][./](?:conf|neigh)[./]IFNAME[./]\w+")

_KEYS = ("address", "addresses", "args", "cni", "dst", "ipRanges", "ipam", "ips", "isDefaultGateway", "linkInContainer",
         "range", "ranges", "routes", "runtimeConfig", "subnet", "sysctl", "table", "type")  # fmt: skip
"""What is read here, in the spelling it is read in."""
_SPELLING = {key.casefold(): key for key in _KEYS}

Group = tuple[Attachment, ...]


def groups(attachments: Iterable[Attachment], independent: Collection[str] = ()) -> list[Group]:
    """The attachments in their order, cut into groups; those of one group may be made side by side.

    `independent` are plugin types of which the administrator says that they touch no more than their own interface.
    """
    found: list[Group] = []
    taken: set[str] | None = None
    for attachment in attachments:
        wanted = _destinations(attachment, independent)
        if taken is None or wanted is None or taken & wanted or _share_tables((*found[-1], attachment)):
            found.append((attachment,))
            taken = None if wanted is None else set(wanted)
        else:
            found[-1] += (attachment,)
            taken |= wanted
    return found


def in_turn(plugin: PluginConf) -> bool:
    """Whether the plugin is to wait until all attachments before its own have ended, in their group."""
    return plugin["type"] in _IN_TURN


def _share_tables(group: Group) -> bool:
    """Whether one takes a free table, and a route of one names a table, which may be that."""
    plugins = [plugin for attachment in group for plugin in attachment.config.plugins]
    return any(map(in_turn, plugins)) and any(route.get("table") for plugin in plugins for route in _routes(plugin))


def _destinations(attachment: Attachment, independent: Collection[str]) -> set[str] | None:
    """Where its routes may lead, and whose leases it shares; None when that, or anything else it does, is unknown."""
    plugins = attachment.config.plugins
    found: set[str] = set()
    try:
        if attachment.is_default or not all(_touches_its_own(plugin, independent) for plugin in plugins):
            return None
        for plugin in plugins:
            found |= {_network(text) for text in _prefixes(plugin)}
            if (plugin.get("ipam") or {}).get("type") == "host-local":
                found.add(f"leases of {attachment.config.name}")
        found |= {_network(ip) for ip in attachment.capability_args.get("ips", ())}
        found |= {_network(ip) for key, value in attachment.args if key == "IP" for ip in value.split(",") if ip}
    except (TypeError, ValueError, AttributeError, KeyError):
        return None  # malformed: its plugin says so, after all before it
    return found


def _touches_its_own(plugin: PluginConf, independent: Collection[str]) -> bool:
    kind, ipam = plugin["type"], plugin.get("ipam") or {}
    known = kind in _PLUGINS or kind in _IN_TURN or kind in independent
    if not known or not isinstance(ipam, Mapping) or ipam.get("type", "") not in _IPAM:
        return False
    if plugin.get("linkInContainer"):
        return False  # it is made on an interface of the sandbox
    if plugin.get("runtimeConfig") or _is_spelled_otherwise(plugin):
        return False  # what its plugin reads there is not read here
    if ipam.get("type") == "whereabouts" and not (ipam.get("range") or ipam.get("ipRanges")):
        return False  # its range is in a file of the node
    return plugin["type"] != "tuning" or all(_OWN_SYSCTL.fullmatch(key) for key in _sysctls(plugin))


def _is_spelled_otherwise(value: object) -> bool:
    """Whether a key that is read here is there in another case, in which plugins read it, too."""
    if isinstance(value, Mapping):
        return any(_SPELLING.get(key.casefold(), key) != key or _is_spelled_otherwise(value[key]) for key in value)
    return isinstance(value, list) and any(map(_is_spelled_otherwise, value))


def _sysctls(plugin: PluginConf) -> Iterator[str]:
    """The kernel parameters `tuning` sets, also those the pod asks for."""
    for settings in (plugin, _cni_args(plugin)):
        yield from settings.get("sysctl") or ()


def _cni_args(plugin: PluginConf) -> Mapping[str, Any]:
    return (plugin.get("args") or {}).get("cni") or {}


def _prefixes(plugin: PluginConf) -> Iterator[str]:
    """Every destination the plugin's configuration leads to."""
    if plugin.get("isDefaultGateway"):
        yield from ("0.0.0.0/0", "::/0")
    yield from _subnets(plugin)
    yield from (route["dst"] for route in _routes(plugin))
    yield from _cni_args(plugin).get("ips") or ()


def _routes(plugin: PluginConf) -> Sequence[Mapping[str, Any]]:
    ipam: Mapping[str, Any] = plugin.get("ipam") or {}
    return ipam.get("routes") or ()


def subnets(plugin: PluginConf) -> list[str]:
    """The prefixes addresses are given from, each in its one spelling; none where they are malformed."""
    try:
        return [_network(text) for text in _subnets(plugin)]
    except (TypeError, ValueError, AttributeError, KeyError):
        return []


def _subnets(plugin: PluginConf) -> Iterator[str]:
    ipam: Mapping[str, Any] = plugin.get("ipam") or {}
    ranges: Sequence[Any] = ipam.get("ranges") or ()
    for one in (ipam, *(part for parts in ranges for part in parts), *(ipam.get("ipRanges") or ())):
        yield from (one[key] for key in ("subnet", "range") if one.get(key))
    yield from (address["address"] for address in ipam.get("addresses") or ())


@functools.lru_cache(maxsize=1024)
def _network(text: str) -> str:
    """A prefix in its one spelling; whereabouts also writes `first-last/length`."""
    first, dash, last = text.partition("-")
    if dash:
        first = f"{first}/{last.partition('/')[2]}"
    return str(ipaddress.ip_interface(first).network)
