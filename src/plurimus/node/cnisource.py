"""What the node's CNI configuration has inside: made from the default network's, or a file as it is.

Spec sections 2.7 (b) and 7.5.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import structlog

from plurimus.adapters.cnifolder import CniFolder
from plurimus.cni import conf, version
from plurimus.cni.conf import NetworkConfig
from plurimus.cni.errors import ConfigError, PlurimusError
from plurimus.core import cnifolder, generate, netconf
from plurimus.core.config import ConfigFile
from plurimus.core.ports import ConfDir

Render = Callable[[ConfigFile, NetworkConfig, str], bytes]
_log = structlog.get_logger(__name__)


class Source(Protocol):
    """Where the content comes from."""

    name: str

    def content(self) -> bytes:
        """The content as it should be now; a PlurimusError says why there is none."""


class Generated:
    """`multusConfigFile: auto`: made from the default network's configuration (F65 to F70)."""

    name = cnifolder.NAME

    def __init__(self, config: ConfigFile, confdir: ConfDir, render: Render) -> None:
        self._config = config
        self._render = render
        self._confdir = confdir
        self._folder = CniFolder(Path(config.daemon.multus_autoconfig_dir))
        self._chosen = ""

    def content(self) -> bytes:
        daemon = self._config.daemon
        try:
            chosen = cnifolder.choose(self._folder.names(), configured=daemon.multus_master_cni, current=self._chosen)
        except ConfigError as error:
            raise error.about(f"{self._folder.path}: ") from None
        path = str(self._folder.path / chosen)
        try:
            if daemon.force_cni_version:
                self._force_version(chosen)
            default = self._confdir.load(path)
            content = self._render(self._config, default, path)
        except PlurimusError as error:
            raise error if path in error.msg else error.about(f"{path}: ") from None
        if chosen != self._chosen:
            _log.info("the default network", clusterNetwork=path, plugins=default.types)
            self._chosen = chosen
        return content

    def _force_version(self, name: str) -> None:
        wanted, content = self._config.overlay.get("cniVersion"), self._folder.read(name)
        changed = generate.with_version(content, wanted) if content and wanted else None
        if changed is not None:
            self._folder.write(name, changed)


class Copied:
    """`multusConfigFile` as a path: that file as it is (F72)."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._path = path

    def content(self) -> bytes:
        try:
            content = self._path.read_bytes()
            conf.parse(content)
        except OSError as error:
            raise ConfigError(f"multusConfigFile {self._path}: {error.strerror}") from error
        except PlurimusError as error:
            raise error.about(f"multusConfigFile {self._path}: ") from None
        return content


def make(config: ConfigFile, confdir: ConfDir, render: Render) -> Source | None:
    """Where the content comes from; None where the daemon's file does not ask for one, or names one that is in place.

    Raises:
        ConfigError: `cniVersion` is none a configuration can have.
    """
    daemon = config.daemon
    if daemon.given_config:
        path, there = Path(daemon.given_config), Path(daemon.cni_config_dir)
        return None if path.absolute() == (there / path.name).absolute() else Copied(path)
    if not daemon.multus_autoconfig_dir:
        return None
    wanted = config.overlay.get("cniVersion")
    if wanted and wanted not in version.SUPPORTED:
        expected = f"one of {', '.join(version.SUPPORTED)}, or no such key"
        raise ConfigError(f"daemon configuration: 'cniVersion' is {wanted!r}, expected {expected}")
    return Generated(config, confdir, render)


def kept_name(config: ConfigFile) -> str:
    """The name of the file that is kept in the CNI folder; empty where none is."""
    if config.daemon.given_config:
        return Path(config.daemon.given_config).name
    return cnifolder.NAME if config.daemon.multus_autoconfig_dir else ""


def handed_over(config: ConfigFile) -> dict[str, Any]:
    """What a runtime hands to the shim of the file that is in place; nothing where no daemon keeps one.

    Raises:
        ConfigError: it cannot be read.
    """
    name = kept_name(config)
    content = CniFolder(Path(config.daemon.cni_config_dir)).read(name) if name else None
    if content is None:
        return {}
    there = conf.parse(content)
    return netconf.decode(conf.derive(there, there.plugins[0]))
