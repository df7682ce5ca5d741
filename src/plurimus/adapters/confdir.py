"""CNI configurations on disk: by name, by path, with the plugins of a sub-directory.

Spec sections 1.5 ("Subdirectory plugin loading", "Config directory listing"), 2.3, 2.6 and 4.2.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import structlog

from plurimus.cni import args, conf, gojson
from plurimus.cni.conf import NetworkConfig, PluginConf
from plurimus.cni.errors import ConfigError

ALL = (".conf", ".conflist", ".json")

_log = structlog.get_logger(__name__)


class ConfDirectories:
    """Implements `ports.ConfDir`.  Files are small and local, so they are read where the call is made."""

    def find(self, folder: str, name: str, *, list_version: str = "") -> NetworkConfig | None:
        for path in _files(Path(folder), ALL):
            try:
                config = _read(path, list_version)
            except ConfigError as error:
                _log.warning("skipped an unreadable CNI configuration", error=str(error))
                continue
            if config.name == name:
                return config
        return None

    def load(self, path: str, *, list_version: str = "") -> NetworkConfig:
        file = Path(path)
        if os.path.isdir(path):  # noqa: PTH112 - no name is too long for it
            found = _files(file, ALL)
            if not found:
                raise ConfigError(f"getNetDelegate: cannot find network: {path}: the folder has no CNI configuration")
            file = found[0]
        return _read(file, list_version)

    def chain(self, folder: str, name: str, cni_version: str) -> NetworkConfig | None:
        plugins = _subdirectory(Path(folder), name)
        if not plugins:
            return None
        head = {"name": name, "cniVersion": cni_version, "plugins": [{"type": "passthru"}]}
        return conf.with_plugins(conf.parse(head), plugins)

    async def wait_for(self, path: str, seconds: float) -> bool:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while not os.path.exists(path):  # noqa: PTH110 - one stat of a local file
            if loop.time() >= deadline:
                return False
            await asyncio.sleep(min(1.0, max(0.01, deadline - loop.time())))
        return True


def _read(path: Path, list_version: str) -> NetworkConfig:
    """The configuration in one file, plugins of its sub-directory appended where it is a list.

    Raises:
        ConfigError: the message starts with the path.
    """
    if not os.path.isfile(path):  # noqa: PTH113 - no name is too long for it
        raise ConfigError(f"{path}: no such file")
    try:
        content = path.read_bytes()
        if path.suffix != ".conflist" and "plugins" not in gojson.fold(gojson.decode(content), ("plugins",)):
            return conf.remembered(content)
        config = conf.remembered(content, list_version=list_version, allow_no_plugins=True)
        more = [] if config.load_only_inlined else _subdirectory(path.parent, config.name)
        return conf.with_plugins(config, more)
    except ConfigError as error:
        raise error.about(f"{path}: ") from None
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error


def _subdirectory(folder: Path, network: str) -> list[PluginConf]:
    """The plugin objects of `folder/network/*.conf`, in name order; a missing folder has none."""
    if not args.is_network_name(network):
        raise ConfigError(f"invalid characters in network name: {network!r}")
    plugins: list[PluginConf] = []
    for path in _files(folder / network, (".conf",)):
        try:
            plugins.append(gojson.decode_object(path.read_bytes()))
        except (ValueError, OSError) as error:
            raise ConfigError(f"{path}: {error}") from error
    return plugins


def _files(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """The files of `folder` with one of `suffixes`, in name order; a missing folder has none.

    Raises:
        ConfigError: the folder cannot be read.
    """
    try:
        return sorted(path for path in folder.iterdir() if path.suffix in suffixes and not path.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise ConfigError(f"{folder}: {error.strerror}") from error
