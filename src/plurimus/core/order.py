"""Which attachments of a plan may be made side by side, because nothing one does can matter to another.

The CNI specification has operations on one container follow each other.  Side by side go only networks
whose plugins are known to touch no more of the sandbox than the interface they make, and which
lead to different destinations, since of two routes to one destination the earlier counts.  Who makes or moves an
interface of the node goes before or after who is on it or makes it, too.  Networks of
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
from dataclasses import dataclass
from typing import Any

from plurimus.cni.conf import NetworkConfig, PluginConf
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

_KEYS = ("address", "addresses", "args", "bridge", "cni", "device", "dst", "ipRanges", "ipam", "ips",
         "isDefaultGateway", "linkInContainer", "master", "range", "ranges", "routes", "runtimeConfig", "subnet",
         "sysctl", "table", "type", "vlan", "vlanId")  # fmt: skip
"""What is read here, in the spelling it is read in."""
_SPELLING = {key.casefold(): key for key in _KEYS}

Group = tuple[Attachment, ...]


@dataclass(frozen=True, slots=True)
class _Conduct:
    """What a configuration says of itself, whichever pod has it.

    `destinations` are where its routes may lead, and whose leases it shares; None when that, or anything else it does,
    is unknown.  `strange` are types of its plugins that are not known here.
    """

    destinations: frozenset[str] | None
    strange: frozenset[str] = frozenset()
    takes_table: bool = False
    """A plugin takes a free routing table."""
    names_table: bool = False
    """A route names one."""
    changes: frozenset[str] = frozenset()
    """Interfaces of the node that it makes or moves."""
    needs: frozenset[str] = frozenset()
    """Those, and interfaces of the node that it is on."""


def groups(attachments: Iterable[Attachment], independent: Collection[str] = ()) -> list[Group]:
    """The attachments in their order, cut into groups; those of one group may be made side by side.

    `independent` are plugin types of which the administrator says that they touch no more than their own interface.
    """
    found: list[list[Attachment]] = []
    taken: set[str] | None = None
    changed, needed = set[str](), set[str]()
    takes = names = False
    for attachment in attachments:
        conduct = attachment.config.once(_conduct)
        wanted = _destinations(attachment, conduct, independent)
        takes, names = takes or conduct.takes_table, names or conduct.names_table
        # of a table that is taken, the number may be that which a route names
        clash = (takes and names) or not (changed.isdisjoint(conduct.needs) and needed.isdisjoint(conduct.changes))
        if taken is None or wanted is None or clash or not taken.isdisjoint(wanted):
            found.append([attachment])
            taken = None if wanted is None else set(wanted)
            changed, needed = set(conduct.changes), set(conduct.needs)
            takes, names = conduct.takes_table, conduct.names_table
        else:
            found[-1].append(attachment)
            taken |= wanted
            changed |= conduct.changes
            needed |= conduct.needs
    return [tuple(group) for group in found]


def in_turn(plugin: PluginConf) -> bool:
    """Whether the plugin is to wait until all attachments before its own have ended, in their group."""
    return plugin["type"] in _IN_TURN


def _destinations(attachment: Attachment, conduct: _Conduct, independent: Collection[str]) -> frozenset[str] | None:
    """Those of its configuration, and of the addresses that are asked for."""
    found = conduct.destinations
    if found is None or attachment.is_default or not conduct.strange.issubset(independent):
        return None
    try:
        asked = list(attachment.capability_args.get("ips", ()))
        asked += [ip for key, value in attachment.args if key == "IP" for ip in value.split(",") if ip]
        return found.union(map(_network, asked)) if asked else found
    except (TypeError, ValueError, AttributeError):
        return None  # malformed: its plugin says so, after all before it


def _conduct(config: NetworkConfig) -> _Conduct:
    plugins, found = config.plugins, set()
    changes, needs = set[str](), set[str]()
    strange = {plugin["type"] for plugin in plugins} - _PLUGINS - _IN_TURN
    try:
        if not all(map(_touches_its_own, plugins)):
            return _Conduct(None)
        for plugin in plugins:
            found |= {_network(text) for text in _prefixes(plugin)}
            if (plugin.get("ipam") or {}).get("type") == "host-local":
                found.add(f"leases of {config.name}")
            changes.update(_made(plugin))
            needs.update([plugin["master"]] if plugin.get("master") else [])
        names_table = any(route.get("table") for plugin in plugins for route in _routes(plugin))
    except (TypeError, ValueError, AttributeError, KeyError):
        return _Conduct(None)  # malformed: its plugin says so, after all before it
    takes_table = any(map(in_turn, plugins))
    return _Conduct(
        frozenset(found), frozenset(strange), takes_table, names_table, frozenset(changes), frozenset(changes | needs)
    )


def _touches_its_own(plugin: PluginConf) -> bool:
    """Whether it touches no more than the interface it makes, if its type is one that does not."""
    ipam = plugin.get("ipam") or {}
    if not isinstance(ipam, Mapping) or ipam.get("type", "") not in _IPAM:
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


def _made(plugin: PluginConf) -> Iterator[str]:
    """Names of the node's interfaces that it makes or moves; a VLAN, which there can be once, as if it were there."""
    if plugin["type"] == "bridge":
        bridge = plugin.get("bridge") or "cni0"
        yield from (bridge, f"{bridge}.{plugin.get('vlan') or 0}")
    elif plugin["type"] == "vlan":
        yield f"{plugin.get('master')}.{plugin.get('vlanId') or 0}"
    elif plugin["type"] == "host-device" and plugin.get("device"):
        yield plugin["device"]


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
