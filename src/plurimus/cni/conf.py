"""Network configurations and configuration lists: reading them, and deriving what one plugin gets.

A single configuration is a list with one plugin here, with `single` set, because libcni wraps
neither its errors nor its results differently for any other reason.  Plugin objects stay plain
dictionaries: a key nobody here knows passes through untouched.

CNI spec, "Network configuration format"; spec sections 1.5, 4.2 and 4.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from plurimus.cni import args, gojson, version
from plurimus.cni.errors import Code, ConfigError

PluginConf = dict[str, Any]

_LIST_KEYS = ("cniVersion", "cniVersions", "name", "type", "plugins", "disableCheck", "disableGC",
              "loadOnlyInlinedPlugins")  # fmt: skip
_PLUGIN_KEYS = ("name", "cniVersion", "type", "capabilities", "args", "prevResult", "runtimeConfig", "ipam")


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """One network configuration: a chain of plugins, in ADD order.

    `extra` holds the top-level keys of a list beside those below, which only matter when the
    configuration is written out again.
    """

    name: str
    cni_version: str
    plugins: tuple[PluginConf, ...]
    single: bool
    disable_check: bool = False
    disable_gc: bool = False
    load_only_inlined: bool = False
    extra: tuple[tuple[str, Any], ...] = ()

    def encode(self) -> bytes:
        """The configuration as JSON, as libcni's cache and Multus' scratch file keep it."""
        if self.single:
            return gojson.encode({**self.plugins[0], "name": self.name, "cniVersion": self.cni_version}).encode()
        flags = {
            "disableCheck": self.disable_check,
            "disableGC": self.disable_gc,
            "loadOnlyInlinedPlugins": self.load_only_inlined,
        }
        document = dict(self.extra) | {key: True for key, value in flags.items() if value}
        document |= {"name": self.name, "cniVersion": self.cni_version, "plugins": list(self.plugins)}
        return gojson.encode(document).encode()

    @property
    def types(self) -> tuple[str, ...]:
        """The `type` of each plugin, in ADD order."""
        return tuple(plugin["type"] for plugin in self.plugins)


def parse(
    source: bytes | str | Mapping[str, Any],
    *,
    default_name: str = "",
    list_version: str = "",
    allow_no_plugins: bool = False,
) -> NetworkConfig:
    """Read a single configuration or a list; a top-level `type` makes it a single one.

    `default_name` is inserted where the configuration has no name (a definition gives its own).
    `list_version` is the version of a list without one (S37); a single one without counts as 0.1.0.
    `allow_no_plugins` is for files whose plugins come from a sub-directory.

    Raises:
        ConfigError: code 7 (code 6 where it is no JSON, code 1 for an unknown version).
    """
    raw = _object(source)
    name = raw.get("name") or default_name
    if not isinstance(name, str):
        raise ConfigError(f"network configuration: 'name' is {gojson.kind(name)}, expected a string")
    if name and not args.is_network_name(name):
        raise ConfigError(f"network configuration: invalid characters in network name: {name!r}")
    cni_version = _version(raw, name)
    if raw.get("type"):
        cni_version = version.require(cni_version)
        return NetworkConfig(name, cni_version, (_plugin(raw, name),), single=True)
    cni_version = version.require(cni_version or list_version)
    inlined = _flag(raw, "loadOnlyInlinedPlugins", name)
    plugins = raw.get("plugins")
    if plugins is None and not (allow_no_plugins and not inlined):
        raise ConfigError(f"network configuration {name!r}: a configuration must have 'type' or 'plugins'")
    if not isinstance(plugins or [], list):
        raise ConfigError(f"network configuration {name!r}: 'plugins' is {gojson.kind(plugins)}, expected a list")
    if plugins == [] and not allow_no_plugins:
        raise ConfigError(f"network configuration {name!r}: 'plugins' is empty, expected at least one plugin")
    return NetworkConfig(
        name,
        cni_version,
        tuple(_plugin(plugin, name) for plugin in plugins or []),
        single=False,
        disable_check=_flag(raw, "disableCheck", name),
        disable_gc=_flag(raw, "disableGC", name),
        load_only_inlined=inlined,
        extra=tuple((key, value) for key, value in raw.items() if key not in _LIST_KEYS),
    )


def with_plugins(config: NetworkConfig, more: list[PluginConf]) -> NetworkConfig:
    """`config` with plugins from its sub-directory appended (CNI 1.1)."""
    plugins = config.plugins + tuple(_plugin(plugin, config.name) for plugin in more)
    if not plugins:
        raise ConfigError(f"network configuration {config.name!r}: no plugins, neither in the file nor beside it")
    return replace(config, plugins=plugins)


def derive(
    config: NetworkConfig,
    plugin: PluginConf,
    *,
    prev_result: Mapping[str, Any] | None = None,
    capability_args: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> bytes:
    """What one plugin of `config` gets on stdin.

    Of the capability args it gets those it declares `true` in `capabilities`; if there are none, a
    `runtimeConfig` already in the file stays (CNI spec, "Deriving runtimeConfig").
    """
    derived = {**plugin, "name": config.name, "cniVersion": config.cni_version, **(extra or {})}
    declared = plugin.get("capabilities") or {}
    wanted = {key: value for key, value in (capability_args or {}).items() if declared.get(key) is True}
    if wanted:
        derived["runtimeConfig"] = wanted
    if prev_result is not None:
        derived["prevResult"] = prev_result
    return gojson.encode(derived).encode()


def _object(source: bytes | str | Mapping[str, Any]) -> dict[str, Any]:
    try:
        return gojson.fold(source if isinstance(source, Mapping) else gojson.decode(source), _LIST_KEYS)
    except ValueError as error:
        raise ConfigError(f"network configuration: {error}", code=Code.DECODING_FAILURE) from error


def _version(raw: Mapping[str, Any], name: str) -> str:
    """`cniVersion`, raised to the best of `cniVersions`; empty where the configuration has neither."""
    single, offered = raw.get("cniVersion") or "", raw.get("cniVersions") or []
    if not isinstance(single, str) or not isinstance(offered, list) or not all(isinstance(v, str) for v in offered):
        raise ConfigError(
            f"network configuration {name!r}: 'cniVersion' must be a string, 'cniVersions' a list of them"
        )
    try:
        return version.negotiate(single, offered) if offered else single
    except ValueError as error:
        raise ConfigError(f"network configuration {name!r}: {error}", code=Code.INCOMPATIBLE_VERSION) from error


def _flag(raw: Mapping[str, Any], key: str, name: str) -> bool:
    value = raw.get(key)
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if value is None or isinstance(value, bool):
        return bool(value)
    raise ConfigError(f"network configuration {name!r}: {key!r} must be true or false, not {gojson.kind(value)}")


def _plugin(raw: object, name: str) -> PluginConf:
    """One plugin object with its known keys spelled right and of the right type."""
    where = f"network configuration {name!r}: plugin"
    try:
        plugin = gojson.fold(raw, _PLUGIN_KEYS)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from error
    kind = plugin.get("type")
    if not isinstance(kind, str) or not kind:
        raise ConfigError(f"{where} without 'type'")
    if "/" in kind or kind in (".", "..") or "\0" in kind:
        raise ConfigError(f"{where} type {kind!r}: expected the name of an executable, not a path")
    capabilities = plugin.get("capabilities") or {}
    if not isinstance(capabilities, dict) or not all(isinstance(v, bool) for v in capabilities.values()):
        raise ConfigError(f"{where} {kind!r}: 'capabilities' must map names to true or false")
    arguments = plugin.get("args")
    if not isinstance(arguments or {}, dict) or not isinstance((arguments or {}).get("cni") or {}, dict):
        raise ConfigError(f"{where} {kind!r}: 'args' and 'args.cni' must be objects")
    return plugin
