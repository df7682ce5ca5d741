"""Network configurations and configuration lists: reading them, and deriving what one plugin gets.

A single configuration is a list with one plugin here, with `single` set, because libcni wraps
neither its errors nor its results differently for any other reason.  Plugin objects stay plain
dictionaries: a key nobody here knows passes through untouched.

CNI spec, "Network configuration format"; spec sections 1.5, 4.2 and 4.3.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import msgspec

from plurimus.cni import args, gojson, version
from plurimus.cni.errors import Code, ConfigError, RequestError
from plurimus.cni.result import DNS

PluginConf = dict[str, Any]
T = TypeVar("T")

_LIST_KEYS = ("cniVersion", "cniVersions", "name", "type", "plugins", "disableCheck", "disableGC",
              "loadOnlyInlinedPlugins")  # fmt: skip
_REMEMBERED = 256
"""Texts whose meaning is remembered, some KiB each."""
_MOST_REMEMBERED = 1 << 16
"""Characters, or bytes, of such a text: who writes definitions chooses how long they are."""
_PLUGIN_KEYS = ("name", "cniVersion", "type", "capabilities", "args", "prevResult", "runtimeConfig", "ipam", "dns")


class _Head(msgspec.Struct, frozen=True, rename="camel"):
    """What both forms of a configuration have; the structs here say which types their known keys have."""

    cni_version: str = ""
    name: str = ""
    type: str = ""


class _List(msgspec.Struct, frozen=True, rename="camel"):
    cni_versions: list[str] = []
    plugins: list[Any] | None = None


class _Arguments(msgspec.Struct, frozen=True):
    cni: dict[str, Any] = {}


class _Ipam(msgspec.Struct, frozen=True):
    type: str = ""


class _Plugin(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    cni_version: str = ""
    type: str = ""
    capabilities: dict[str, bool] = {}
    args: _Arguments = _Arguments()
    prev_result: dict[str, Any] = {}
    runtime_config: dict[str, Any] = {}
    ipam: _Ipam = _Ipam()
    dns: DNS = DNS()


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
    _known: dict[Callable[[NetworkConfig], Any], Any] = field(
        init=False, default_factory=dict, compare=False, repr=False
    )

    def once(self, work: Callable[[NetworkConfig], T]) -> T:
        """What `work`, one of a module's functions, makes of the configuration: once for all pods that have it."""
        if work not in self._known:
            self._known[work] = work(self)
        made: T = self._known[work]
        return made

    def encode(self) -> bytes:
        """The configuration as JSON, as libcni's cache and Multus' scratch file keep it."""
        return self.once(NetworkConfig._encode)

    def _encode(self) -> bytes:
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
    head = _typed(raw, _Head, "network configuration")
    name = head.name or default_name
    if name and not args.is_network_name(name):
        raise ConfigError(f"network configuration: invalid characters in network name: {name!r}")
    subject = f"network configuration {name!r}"
    if head.type:
        return NetworkConfig(name, _supported(head.cni_version, subject), (_plugin(raw, subject),), single=True)
    chain, inlined = _typed(raw, _List, subject), _flag(raw, "loadOnlyInlinedPlugins", subject)
    cni_version = _supported(_best(head.cni_version, chain.cni_versions, subject) or list_version, subject)
    if chain.plugins is None and (inlined or not allow_no_plugins):
        raise ConfigError(f"{subject}: a configuration must have 'type' or 'plugins'")
    if chain.plugins == []:
        raise ConfigError(f"{subject}: 'plugins' is empty, expected at least one plugin")
    return NetworkConfig(
        name,
        cni_version,
        tuple(_plugin(plugin, subject) for plugin in chain.plugins or ()),
        single=False,
        disable_check=_flag(raw, "disableCheck", subject),
        disable_gc=_flag(raw, "disableGC", subject),
        load_only_inlined=inlined,
        extra=tuple((key, value) for key, value in raw.items() if key not in _LIST_KEYS),
    )


def remembered(
    source: bytes | str, *, default_name: str = "", list_version: str = "", allow_no_plugins: bool = False
) -> NetworkConfig:
    """`parse` for a text that comes again with each pod of its network; nobody changes what it returns."""
    reader = parse if len(source) > _MOST_REMEMBERED else _remembered
    return reader(source, default_name=default_name, list_version=list_version, allow_no_plugins=allow_no_plugins)


_remembered = functools.lru_cache(maxsize=_REMEMBERED)(parse)


def with_plugins(config: NetworkConfig, more: list[PluginConf]) -> NetworkConfig:
    """`config` with plugins from its sub-directory appended (CNI 1.1)."""
    subject = f"network configuration {config.name!r}"
    plugins = config.plugins + tuple(_plugin(plugin, subject) for plugin in more)
    if not plugins:
        raise ConfigError(f"{subject}: no plugins, neither in the file nor beside it")
    return replace(config, plugins=plugins) if more else config


def derive(
    config: NetworkConfig,
    plugin: PluginConf,
    *,
    prev_result: Mapping[str, Any] | None = None,
    capability_args: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> bytes:
    """What one plugin of `config` gets on stdin: `derived` as JSON."""
    document = derived(config, plugin, prev_result=prev_result, capability_args=capability_args, extra=extra)
    return gojson.encode(document).encode()


def derived(
    config: NetworkConfig,
    plugin: PluginConf,
    *,
    prev_result: Mapping[str, Any] | None = None,
    capability_args: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> PluginConf:
    """The configuration of one plugin of `config` for one call.

    Of the capability args it gets those it declares `true` in `capabilities`; if there are none, a
    `runtimeConfig` already in the file stays (CNI spec, "Deriving runtimeConfig").
    """
    document = {**plugin, "name": config.name, "cniVersion": config.cni_version, **(extra or {})}
    if capability_args and (declared := plugin.get("capabilities")):
        wanted = {key: value for key, value in capability_args.items() if declared.get(key) is True}
        if wanted:
            document["runtimeConfig"] = wanted
    if prev_result is not None:
        document["prevResult"] = prev_result
    return document


def _object(source: bytes | str | Mapping[str, Any]) -> dict[str, Any]:
    try:
        return gojson.fold(source if isinstance(source, Mapping) else gojson.decode(source), _LIST_KEYS)
    except ValueError as error:
        raise ConfigError(f"network configuration: {error}", code=Code.DECODING_FAILURE) from error


def _typed(raw: Mapping[str, Any], into: type[T], subject: str) -> T:
    """The known keys of `raw`, each of the type it must have; the error names the place and not the value."""
    try:
        return gojson.convert(raw, into)
    except ValueError as error:
        raise ConfigError(f"{subject}: {error}") from error


def _best(own: str, offered: list[str], subject: str) -> str:
    """`cniVersion`, raised to the best of `cniVersions`; empty where the list has neither."""
    try:
        return version.negotiate(own, offered) if offered else own
    except ValueError as error:
        raise ConfigError(f"{subject}: {error}", code=Code.INCOMPATIBLE_VERSION) from error


def _supported(cni_version: str, subject: str) -> str:
    try:
        return version.require(cni_version)
    except RequestError as error:
        raise ConfigError(f"{subject}: {error.msg}", details=error.details, code=error.code) from error


def _flag(raw: Mapping[str, Any], key: str, subject: str) -> bool:
    value = raw.get(key)
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if value is None or isinstance(value, bool):
        return bool(value)
    raise ConfigError(f"{subject}: {key!r} must be true or false, not {gojson.kind(value)}")


def _plugin(raw: object, subject: str) -> PluginConf:
    """One plugin object with its known keys spelled right and of the right type."""
    try:
        plugin = gojson.fold(raw, _PLUGIN_KEYS)
    except ValueError as error:
        raise ConfigError(f"{subject}: plugin: {error}") from error
    kind = plugin.get("type")
    if not isinstance(kind, str) or not kind:
        raise ConfigError(f"{subject}: plugin without 'type'")
    _check_executable(kind, f"{subject}: plugin type")
    _typed(plugin, _Plugin, f"{subject}: plugin {kind!r}")
    if plugin.get("ipam"):
        plugin["ipam"] = gojson.fold(plugin["ipam"], ("type",))
        _check_executable(plugin["ipam"].get("type") or "", f"{subject}: plugin {kind!r}: IPAM type")
    return plugin


def _check_executable(kind: str, what: str) -> None:
    if "/" in kind or kind in (".", "..") or "\0" in kind:
        raise ConfigError(f"{what} {kind!r}: expected the name of an executable, not a path")
