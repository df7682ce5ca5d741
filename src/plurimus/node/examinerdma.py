"""How this node's RDMA devices and its pods' namespaces go together, for `node.doctor`.

RDMA spec section 2, "Mode facts".
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

import msgspec

from plurimus.adapters import manifests
from plurimus.adapters.apiserver import ApiServer
from plurimus.adapters.confdir import ConfDirectories
from plurimus.adapters.rdma import EXCLUSIVE_AT_BOOT
from plurimus.cni import conf
from plurimus.cni.conf import NetworkConfig
from plurimus.cni.errors import PlurimusError
from plurimus.core import netconf
from plurimus.core.config import ConfigFile
from plurimus.model.definition import NetworkAttachmentDefinition
from plurimus.node import daemon
from plurimus.node.examine import Finding, ok, warning

EXCLUSIVE, SHARED = "exclusive", "shared"
KIND, KEY, SKIP = "rdma", "sharedMode", "skip"


class _Metadata(msgspec.Struct, frozen=True):
    name: str
    namespace: str = ""


class _Spec(msgspec.Struct, frozen=True):
    config: str = ""


class _Definition(msgspec.Struct, frozen=True):
    metadata: _Metadata
    spec: _Spec = _Spec()


class _Definitions(msgspec.Struct, frozen=True):
    items: list[_Definition] = []


async def findings(config: ConfigFile, mode: Callable[[], str], listed: str) -> AsyncIterator[Finding]:
    """Nothing where there is no RDMA.  `listed` is the path of all definitions at the API server; empty: not asked."""
    try:
        found = mode()
    except PlurimusError as error:
        yield warning("rdma", str(error), "see that this runs with the rights the daemon has")
        return
    if found == EXCLUSIVE:
        yield ok("rdma", "exclusive mode: a device is in one network namespace, and goes to the pod it is given to")
    if found != SHARED:
        return
    try:
        users = [*_on_node(config), *await _in_cluster(config, listed)]
    except PlurimusError as error:
        yield warning("rdma", f"shared mode; who uses the plugin 'rdma' is not known: {error}", "see the finding above")
        return
    if users:
        text = f"shared mode, in which the plugin 'rdma' of {', '.join(users)} fails: no device can be moved"
        yield warning("rdma", text, f'{EXCLUSIVE_AT_BOOT}; or give the plugin \'"{KEY}": "{SKIP}"\'')
    else:
        yield ok("rdma", "shared mode: all network namespaces have all devices")


def _on_node(config: ConfigFile) -> list[str]:
    """The files of the node's configuration folder that need exclusive mode."""
    folder = Path(netconf.parse({}, overlay=config.overlay).conf_dir)
    names = sorted(path for path in folder.glob("*") if path.suffix in (".conf", ".conflist", ".json"))
    found = []
    for path in names:
        try:
            if _needs(ConfDirectories().load(str(path))):
                found.append(str(path))
        except PlurimusError:
            continue  # not what this is about
    return found


async def _in_cluster(config: ConfigFile, listed: str) -> list[str]:
    """The definitions that need exclusive mode, by namespace and name."""
    if config.daemon.manifests:
        return _needing(manifests.ManifestFolder(Path(config.daemon.manifests)).definitions())
    access = daemon.find_access(config) if listed else None
    if access is None:
        return []
    server = ApiServer(access, timeout=config.daemon.api_timeout)
    try:
        answer = await server.get(listed, _Definitions) or _Definitions()
    finally:
        await server.close()
    return _needing(
        NetworkAttachmentDefinition(each.metadata.namespace, each.metadata.name, each.spec.config)
        for each in answer.items
    )


def _needing(definitions: Iterable[NetworkAttachmentDefinition]) -> list[str]:
    found = []
    for definition in definitions:
        try:
            if definition.config and _needs(conf.parse(definition.config, default_name=definition.name)):
                found.append(str(definition))
        except PlurimusError:
            continue
    return found


def _needs(network: NetworkConfig) -> bool:
    return any(plugin["type"] == KIND and plugin.get(KEY) != SKIP for plugin in network.plugins)
