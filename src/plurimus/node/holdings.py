"""What is held on this node outside of sandboxes, as the stores of plugins and our own folders say.

Only stores that a record, a result or a definition names, or the cluster-wide default network, are looked into.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plurimus.adapters.deviceinfo import DeviceInfoFiles
from plurimus.adapters.kubernetes import KubernetesCluster
from plurimus.adapters.manifests import ManifestFolder
from plurimus.adapters.podfolders import RunPodFolders
from plurimus.cni import conf
from plurimus.cni.conf import NetworkConfig
from plurimus.cni.errors import PlurimusError
from plurimus.core.leaks import Held
from plurimus.core.netconf import NetConf
from plurimus.drivers.call import Call
from plurimus.node import planning
from plurimus.node.world import World

OWED, SANDBOX, FILE, FOLDER = "owed DEL", "sandbox", "device information", "folder of a pod"
_INFO = re.compile(r".+-([0-9a-f]{64})_(.{1,15})")
"""The file of an attachment: network, container ID and interface; with other IDs it cannot be told which is which."""
_VERSION = "1.0.0"


@dataclass(frozen=True, slots=True)
class Holding:
    """What is held, and by which plugin type with which configuration it is given back; none for what is ours."""

    held: Held
    kind: str = ""
    conf: Mapping[str, Any] | None = None


async def all_of(world: World, root: Path, configs: Iterable[NetworkConfig], odd: list[str]) -> list[Holding]:
    """Everything in the stores; what cannot be looked at is told in `odd`."""
    drivers = world.stores()
    found: dict[tuple[str, str, str, str], Holding] = {}
    for kind, settings in _stores(configs):
        driver = drivers.get(kind)
        if driver is None:
            continue
        unseen: list[PlurimusError] = []
        try:
            for held in await driver.held(Call("GC", conf=settings), unseen):
                own = settings if kind != "sriov" else {**settings, "name": held.where}
                found.setdefault(held.key, Holding(held, kind, own))
        except PlurimusError as error:
            unseen.append(error)
        odd += [f"{kind}, network {settings['name']!r}: {error}" for error in unseen]
    for holding in await _files(root):
        found.setdefault(holding.held.key, holding)
    return list(found.values())


async def networks(netconf: NetConf, world: World, odd: list[str]) -> list[NetworkConfig]:
    """The cluster-wide default network and those of all definitions, as far as they can be read here."""
    found = []
    try:
        if netconf.cluster_network or netconf.delegates:  # else only the runtime's configuration has it, and records
            found.append((await planning.default_network(netconf, world)).config)
    except PlurimusError as error:
        odd.append(f"the cluster-wide default network: {error}")
    for definition in _definitions(world):
        try:
            found.append(conf.remembered(definition.config, default_name=definition.name))
        except PlurimusError:  # empty, or wrong: whoever names it is told
            continue
    return found


def _definitions(world: World) -> list[Any]:
    if isinstance(world.cluster, KubernetesCluster):
        return world.cluster.held_definitions()
    try:
        return world.cluster.definitions() if isinstance(world.cluster, ManifestFolder) else []
    except PlurimusError:
        return []


def _stores(configs: Iterable[NetworkConfig]) -> Iterable[tuple[str, dict[str, Any]]]:
    """Plugin types that may keep something, each with every configuration once."""
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for config in configs:
        for plugin in config.plugins:
            ipam = plugin.get("ipam")
            if isinstance(ipam, dict) and isinstance(ipam.get("type"), str) and ipam["type"]:
                own = {"name": config.name, "cniVersion": config.cni_version, "type": plugin["type"], "ipam": ipam}
                found.setdefault(json.dumps([ipam["type"], own], sort_keys=True), (ipam["type"], own))
            if plugin["type"] == "rdma":
                own = {"name": config.name, "cniVersion": config.cni_version, "type": "rdma"}
                found.setdefault(f"rdma {config.name}", ("rdma", own))
    # what it keeps is for the node
    return [*found.values(), ("sriov", {"name": "", "cniVersion": _VERSION, "type": "sriov"})]


async def _files(root: Path) -> list[Holding]:
    """Files of ours that are named by their sandbox."""
    found = []
    for path, age in (await DeviceInfoFiles(root).ages()).items():
        if named := _INFO.fullmatch(path.rpartition("/")[2]):
            found.append(Holding(Held(FILE, path, "", named[1], named[2], age=age)))
    folders = RunPodFolders(root)
    found += [Holding(Held(FOLDER, uid, folders.path(uid), owner, age=None)) for uid, owner in folders.owners().items()]
    return found
