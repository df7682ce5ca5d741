"""A delegate: a resolved network configuration, and what the pod asked of it.  Spec sections 4.3 to 4.5."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from plurimus.cni.conf import NetworkConfig, PluginConf
from plurimus.cni.errors import ConfigError
from plurimus.model.selection import NetworkSelectionElement

OURSELVES = ("plurimus", "multus", "multus-shim")


@dataclass(frozen=True, slots=True)
class Delegate:
    """`display_name` is `namespace/name` of the definition, or the CNI name where there is none.

    `is_default` marks the cluster-wide default network, whose interface the runtime named.
    """

    config: NetworkConfig
    display_name: str
    selection: NetworkSelectionElement | None = None
    resource_name: str = ""
    device_id: str = ""
    is_default: bool = False

    def checked(self) -> Delegate:
        """This delegate, unless it would have Plurimus call itself (S35) or has no name to run under."""
        for kind in self.config.types:
            if kind in OURSELVES:
                raise ConfigError(f"network {self.display_name!r} has type {kind!r}: Plurimus would call itself")
        if not self.config.name:
            raise ConfigError(f"network {self.display_name!r}: missing network name: the configuration needs a 'name'")
        return self

    def with_device(self, device_id: str) -> Delegate:
        """The delegate with the allocated device in every plugin, under both names plugins read (F48)."""
        keys = {"deviceID": device_id, "pciBusID": device_id}
        return replace(
            self, device_id=device_id, config=_in_every_plugin(self.config, lambda plugin: {**plugin, **keys})
        )

    def with_cni_args(self, cni_args: dict[str, Any]) -> Delegate:
        """The delegate with the pod's `cni-args` merged into `args.cni` of every plugin (F34)."""

        def merged(plugin: PluginConf) -> PluginConf:
            args = plugin.get("args") or {}
            return {**plugin, "args": {**args, "cni": {**(args.get("cni") or {}), **cni_args}}}

        return replace(self, config=_in_every_plugin(self.config, merged))


def _in_every_plugin(config: NetworkConfig, change: Callable[[PluginConf], PluginConf]) -> NetworkConfig:
    return replace(config, plugins=tuple(change(plugin) for plugin in config.plugins))
