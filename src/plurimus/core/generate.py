"""The node's CNI configuration, made from the daemon's file and the default network's configuration.

A list of CNI versions with one plugin, the shim: a runtime of CNI 1.1 calls STATUS and GC, one that only
knows 1.0 takes the same file.  The runtime puts into `runtimeConfig` what `capabilities` advertises, so those
of the default network's plugins are gathered.

On a node without a daemon the plugin's own configuration is the only one there is: it has the default network's
inside, and of the daemon's file all that matters to a request.

Spec sections 2.7 (b), 7.6 and 7.12; S35.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from plurimus.cni import conf, gojson, version
from plurimus.cni.conf import NetworkConfig
from plurimus.cni.errors import ConfigError
from plurimus.core import keys
from plurimus.core.config import ConfigFile
from plurimus.core.netconf import NetConf

NETWORK = "multus-cni-network"
TYPE = "plurimus"
OWN_TYPES = (TYPE, "multus", "multus-shim")

_OFFERED = {"cniVersion": "1.0.0", "cniVersions": ["1.0.0", version.CURRENT]}
_CHECKED_SINCE = "0.4.0"
"""The first version with CHECK, from which on Multus wants the default network to have it, too."""
_COPIED = ("binDir", "cniDir", "confDir", "daemonSocketDir", "daemonTimeout", "namespaceIsolation", "globalNamespaces",
           "definitionFolders", "auxiliaryCNIChainName")  # fmt: skip
_LOGGING = ("logFile", "logLevel", "logToStderr", "logOptions")
"""Keys Multus' shim reads, where `type` names that; ours logs nothing."""
_MADE = ("cniVersion", "name", "type", "capabilities", "runtimeConfig", "program", "kubeconfig", "delegates")
"""Keys of the plugin that are not taken from the daemon's file as they are."""
_OF_REQUESTS = (*_LOGGING, "manifests", "apiTimeout", "pluginTimeout", "readinessTimeout", "sideBySide")
"""Keys of the daemon that say how a request is carried out."""
_NEED_A_PATH = ("defaultNetworks", "auxiliaryCNIChainName")
"""Keys that only count where the default network's configuration is named instead of given."""


def generate(config: ConfigFile, default: NetworkConfig, path: str) -> bytes:
    """The content of the node's CNI configuration; `path` is where `default`, the default network's, lies.

    Raises:
        ConfigError: the default network's is one that delegates, or too old for the configured version.
    """
    copied = (*_COPIED, *(_LOGGING if _kind(config) != TYPE else ()))
    return _document(config, default, _copied(config, copied) | {"clusterNetwork": path})


def generate_thin(config: ConfigFile, default: NetworkConfig, *, path: str, program: str, kubeconfig: str) -> bytes:
    """The same for a node without a daemon (F79).

    All three are paths on the node: of `default`, of the file with the `program`, and of a kubeconfig, which is
    empty where there is no cluster.

    Raises:
        ConfigError: as `generate`.
    """
    known = (*(key for key in keys.names(NetConf) if key not in _MADE), *_OF_REQUESTS)
    plugin = _copied(config, known) | {"program": program} | ({"kubeconfig": kubeconfig} if kubeconfig else {})
    if any(plugin.get(key) for key in _NEED_A_PATH):
        plugin.setdefault("clusterNetwork", path)
    else:
        plugin["delegates"] = [gojson.decode_object(default.encode())]
    return _document(config, default, plugin)


def _copied(config: ConfigFile, names: Iterable[str]) -> dict[str, Any]:
    return {key: config.overlay[key] for key in names if config.overlay.get(key) not in (None, "")}


def _kind(config: ConfigFile) -> str:
    return str(config.overlay.get("type") or TYPE)


def _document(config: ConfigFile, default: NetworkConfig, plugin: dict[str, Any]) -> bytes:
    given, kind = config.overlay, _kind(config)
    _refuse_own(default, kind)
    wanted = str(given.get("cniVersion") or "")
    if wanted:
        _check_version(wanted, default)
    plugin |= {"type": kind}
    capabilities = {**(given.get("capabilities") or {}), **_declared(default)}
    if capabilities:
        plugin["capabilities"] = capabilities
    document = {
        "name": _name(config, default),
        **({"cniVersion": wanted} if wanted else _OFFERED),
        "plugins": [plugin],
    }
    conf.parse(document)  # or no runtime could read it
    return gojson.encode(document, indent=2).encode() + b"\n"


def with_version(content: bytes, wanted: str) -> bytes | None:
    """The default network's configuration with `cniVersion` replaced (F69); None where it is that already.

    Raises:
        ConfigError: the content is no JSON object.
    """
    try:
        document = gojson.fold(gojson.decode_object(content), ("cniVersion",))
    except ValueError as error:
        raise ConfigError(str(error)) from error
    if document.get("cniVersion") == wanted:
        return None
    return gojson.encode({**document, "cniVersion": wanted}, indent=2).encode() + b"\n"


def _refuse_own(default: NetworkConfig, kind: str) -> None:
    """A default network that delegates would call itself for ever."""
    for found in default.types:
        if found in (*OWN_TYPES, kind):
            raise ConfigError(
                f"its plugin {found!r} delegates and cannot be the default network; remove that file, or name the "
                "default network's by multusMasterCNI"
            )


def _check_version(wanted: str, default: NetworkConfig) -> None:
    least = version.parse(_CHECKED_SINCE)
    if version.parse(wanted) >= least > version.parse(default.cni_version):
        raise ConfigError(
            f"delegate cni version is {default.cni_version} while top level cni version is {wanted}: expected at least "
            f"{_CHECKED_SINCE}; raise the default network's cniVersion, or leave the key out of the daemon's file"
        )


def _declared(default: NetworkConfig) -> dict[str, bool]:
    return {
        name: True
        for plugin in default.plugins
        for name, value in (plugin.get("capabilities") or {}).items()
        if value is True
    }


def _name(config: ConfigFile, default: NetworkConfig) -> str:
    if not config.daemon.override_network_name:
        return NETWORK
    if not default.name:
        raise ConfigError("it has no name, which overrideNetworkName would take")
    return default.name
