"""Garbage collection: what is left of sandboxes the runtime no longer knows, and what is still alive.

The runtime's list of valid attachments is the truth about sandboxes.  Within a valid sandbox all
attachments of its record are alive, whichever network they belong to, and no plugin is told
otherwise (S18).

CNI spec, "GC"; spec section 6.9.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from plurimus.cni.cache import CachedAttachment
from plurimus.cni.conf import NetworkConfig
from plurimus.core.plan import Plan

_OF_A_POD = ("args", "deviceID", "pciBusID")


@dataclass(frozen=True, slots=True)
class NetworkCollection:
    """One network to collect: its configuration, and the attachments of it that live."""

    config: NetworkConfig
    alive: tuple[tuple[str, str], ...]

    def arguments(self) -> dict[str, list[dict[str, str]]]:
        """The keys a plugin's GC reads; the second is the older name of the first."""
        alive = [{"containerID": container_id, "ifname": ifname} for container_id, ifname in self.alive]
        return {"cni.dev/valid-attachments": alive, "cni.dev/attachments": alive}


def stale(known: Iterable[str], valid: Collection[str], busy: Collection[str]) -> list[str]:
    """The container IDs to clean up: known here, not valid, and not in the middle of a request."""
    return sorted({container_id for container_id in known if container_id not in valid and container_id not in busy})


def networks(
    default: NetworkConfig | None,
    plans: Iterable[Plan],
    cached: Iterable[CachedAttachment],
    valid: Iterable[tuple[str, str]],
) -> list[NetworkCollection]:
    """Every distinct configuration once, with all living attachments of its network.

    Several may have one name: plugins tell attachments by that, and by where a configuration says that they are.

    `plans` and `cached` are those of living sandboxes; `valid` are the runtime's own pairs, which
    belong to the default network whether or not there is a record of them.  That has its present configuration.
    """
    alive: dict[str, set[tuple[str, str]]] = {}
    configs: dict[str, NetworkConfig] = {}
    if default is not None:
        configs[_key(default)] = default
        alive[default.name] = set(valid)
    for plan in plans:
        for attachment in plan.attachments:
            name = attachment.config.name
            if default is None or name != default.name or not attachment.is_default:
                configs.setdefault(_key(attachment.config), attachment.config)
            alive.setdefault(name, set()).add((plan.container_id, attachment.ifname))
    for entry in cached:
        if entry.network in alive:
            alive[entry.network].add((entry.container_id, entry.ifname))
    return [NetworkCollection(config, tuple(sorted(alive[config.name]))) for config in configs.values()]


def _key(config: NetworkConfig) -> str:
    """The same for configurations that differ in what they say of one pod only."""
    plugins = [{key: value for key, value in each.items() if key not in _OF_A_POD} for each in config.plugins]
    return json.dumps([config.name, config.cni_version, config.disable_gc, plugins], sort_keys=True)
