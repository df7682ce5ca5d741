"""Which places of the host a network attachment definition may name, and that it has Plurimus call nothing hostile.

A definition comes from whoever may write one in some namespace; what its plugins do, they do as root of the node.  So a
key that plugins are known to take a path by may only lead where that harms nobody, or where the administrator allows it
(`definitionFolders`).  Where a log would be written elsewhere, the key is left out: the network works without.
The administrator's own configurations, files of the node, are not limited.

Decision 29.
"""

from __future__ import annotations

import functools
import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from plurimus.cni.conf import NetworkConfig
from plurimus.cni.errors import ConfigError
from plurimus.core.delegate import OURSELVES
from plurimus.core.netconf import NetConf
from plurimus.core.whereaboutskeys import TREES

KEEPING = ("/run/cni", "/var/lib/cni")
"""Where plugins keep what they must not forget."""
KNOWING = (*TREES, "/etc/resolv.conf", "/run/systemd/resolve")
"""Files that plugins only read, and folders of them."""
STATE = ("/data", "/mnt", "/opt", "/run", "/srv", "/tmp", "/var/lib", "/var/tmp")
"""Where `dataDir` may be: it makes folders and files whose names and content nobody acts upon there."""
RESERVED = tuple(
    f"/{tree}/{name}"
    for tree, names in {
        "var/lib": "cni/cache cni/multus cni/results cni/sriov containerd containers docker dpkg etcd kubelet plurimus "
        "rancher rpm systemd",
        "run": "containerd credentials crio dbus docker k3s lock multus netns plurimus/pods secrets shm systemd udev "
        "user",
        "opt": "cni",
    }.items()
    for name in names.split()
)
"""Where others keep their own there: the system, runtimes, Kubernetes, Multus, sriov-cni; or where anybody writes."""

_WRITTEN = frozenset(("datadir", "cnidir", "cnideviceinfofile", "statedir", "socketdir", "daemonsocketdir", "bindir",
                      "program", "readinessindicatorfile"))  # fmt: skip
_READ = frozenset(("resolvconf", "kubeconfig", "configurationpath", "confdir"))
_LOGS = frozenset(("logfile", "logfilepath"))
_KNOWN = _WRITTEN | _READ | _LOGS

_LONGEST = 4096
_REMEMBERED = 256

_Found = tuple[str, str, str]
"""The kind of a key, the key as it is written, its value."""


def limited(config: NetworkConfig, netconf: NetConf) -> NetworkConfig:
    """The configuration of a definition as it may be carried out.

    Raises:
        ConfigError: a key leads out of what definitions may name (with the key that allows it), or a plugin's plugin
            would be Plurimus.
    """
    found = config.once(_found)
    if not found:
        return config
    quiet = _judged(found, config.name, tuple(netconf.definition_folders or ()), netconf.cni_dir)
    return config.once(_without_logs) if quiet else config


def lost_logs(config: NetworkConfig, carried_out: NetworkConfig) -> list[str]:
    """The paths of logs that `limited` left out."""
    if config is carried_out:
        return []
    return [path for kind, _, path in config.once(_found) if kind in _LOGS]


@functools.lru_cache(maxsize=_REMEMBERED)
def _judged(found: tuple[_Found, ...], network: str, folders: tuple[str, ...], cni_dir: str) -> bool:
    """Whether logs are to be left out, where the rest may be."""
    more = [_plain(folder) for folder in folders]
    if "/" in more:
        return False
    reserved = (*RESERVED, _plain(cni_dir))
    quiet = False
    for kind, key, path in found:
        if kind in _LOGS:
            quiet = quiet or not _is_below(path, more)
        elif not _is_allowed(kind, path, network, more, reserved):
            raise ConfigError(
                f"{key!r} is {path[:200]!r}, where a definition may not lead: expected a path below "
                f"{', '.join((*_places(kind), *more))}, and none that others have "
                "there; the administrator allows more by 'definitionFolders'"
            )
    return quiet


def _is_allowed(kind: str, path: str, network: str, more: Sequence[str], reserved: Sequence[str]) -> bool:
    if _is_below(path, more):
        return True
    if not _is_below(path, _places(kind)):
        return False
    # the plugin makes a folder of the network's name there
    return kind in _READ or not any(_is_below(each, reserved) for each in (path, f"{path}/{network}"))


def _places(kind: str) -> tuple[str, ...]:
    if kind in _READ:
        return (*KEEPING, *KNOWING)
    return STATE if kind == "datadir" else KEEPING


def _is_below(path: str, folders: Sequence[str]) -> bool:
    if not path.startswith("/") or "\0" in path:
        return False
    leads = _plain(path)
    return any(leads == folder or leads.startswith(f"{folder}/") for folder in folders)


def _plain(path: str) -> str:
    """A path without detours; /var/run is /run."""
    leads = "/" + posixpath.normpath(path).lstrip("/")
    return leads.removeprefix("/var") if f"{leads}/".startswith("/var/run/") else leads


def _found(config: NetworkConfig) -> tuple[_Found, ...]:
    """What has to be judged; a plugin's plugin that is Plurimus is refused for everybody."""
    found: list[_Found] = []
    first = {id(plugin) for plugin in config.plugins}
    for where, key, value in _members(list(config.plugins)):
        if key == "type" and value in OURSELVES and id(where) not in first:  # a plugin itself is judged elsewhere
            raise ConfigError(f"'type' of a plugin's own plugin is {value!r}: Plurimus would call itself")
        kind = re.sub("[-_]", "", key).casefold()
        if kind in _KNOWN and isinstance(value, str) and value:
            if len(value) > _LONGEST:
                raise ConfigError(f"{key!r} has {len(value)} characters, more than a path can have")
            found.append((kind, key, value))
    return tuple(found)


def _members(value: Any) -> Iterator[tuple[dict[str, Any], str, Any]]:
    """Every object with each key and its value, at any depth; the depth is bounded by the decoder."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield value, key, item
            yield from _members(item)
    elif isinstance(value, list):
        for item in value:
            yield from _members(item)


def _without_logs(config: NetworkConfig) -> NetworkConfig:
    return replace(config, plugins=tuple(_quiet(plugin) for plugin in config.plugins))


def _quiet(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if re.sub("[-_]", "", key).casefold() not in _LOGS}
        return {key: _quiet(item) for key, item in kept.items()}
    return [_quiet(item) for item in value] if isinstance(value, list) else value
