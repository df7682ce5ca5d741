"""Keeping the node's CNI configuration: from the moment requests are served on, whatever others do to it.

Every second the content is made anew from its source and compared with the file.  A source that is missing or
torn changes nothing (S4); a file that another program changed, renamed or removed is put back, ever more
seldom, and STATUS says so.  Nothing is removed when the daemon ends (S3).

Spec sections 2.7 (b), 7.5 and 7.6.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import structlog

from plurimus.adapters.cnifolder import CniFolder
from plurimus.cni import conf, version
from plurimus.cni.conf import NetworkConfig
from plurimus.cni.errors import Code, ConfigError, PlurimusError
from plurimus.core import cnifolder, generate, netconf
from plurimus.core.config import ConfigFile
from plurimus.core.ports import ConfDir

PERIOD = 1.0
WINDOW = 120.0
"""Seconds for which it is remembered that another program took the file away."""
OFTEN = 3
"""How many times within these seconds are a quarrel, which STATUS reports."""
_MOST_PAUSE = 30.0
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


class NodeConfig:
    """One file in `folder`, kept as `source` has it; `clock` gives seconds that only grow."""

    def __init__(self, source: Source, folder: CniFolder, confdir: ConfDir, clock: Callable[[], float]) -> None:
        self._source = source
        self._folder = folder
        self._confdir = confdir
        self._clock = clock
        self._wanted: bytes | None = None
        self._written: bytes | None = None
        self._said: dict[str, str] = {}
        self._trouble = "not looked at yet"
        self._taken: list[float] = []
        self._taken_by = ""

    async def run(self) -> None:
        """Look for ever."""
        while True:
            try:
                self.look()
            except Exception:  # noqa: BLE001 - the file must be kept, whatever was wrong with it this time
                _log.exception("the node's CNI configuration failed for a reason nobody foresaw")
            await asyncio.sleep(PERIOD)

    def look(self) -> None:
        """One round: the content as it should be, and the file as it is."""
        try:
            self._wanted = self._source.content()
            self._say("source", "")
        except PlurimusError as error:
            self._say("source", str(error))
            if self._wanted is None:
                self._trouble = str(error)
        if self._wanted is not None:
            self._keep(self._wanted)

    def check(self) -> None:
        """Whether the runtime can find this node's configuration (STATUS).

        Raises:
            ConfigError: code 50: it cannot, or another program takes it away again and again.
        """
        if self._written is None or self._trouble:
            raise ConfigError(
                f"the node's CNI configuration {self._path} is not in place: {self._trouble}",
                code=Code.PLUGIN_NOT_AVAILABLE,
            )
        if len(self._recent()) >= OFTEN:
            raise ConfigError(
                f"the node's CNI configuration {self._path} is taken away again and again, it seems by "
                f"{self._taken_by}; the runtime may not see it",
                code=Code.PLUGIN_NOT_AVAILABLE,
            )

    def _keep(self, wanted: bytes) -> None:
        try:
            there = self._folder.read(self._source.name)
            if there != wanted:
                if self._written is not None and there != self._written and not self._may_put_back(there):
                    return
                self._folder.write(self._source.name, wanted)
                _log.info("wrote the node's CNI configuration", path=self._path)
            self._written = wanted
            self._trouble = ""
            self._tidy()
        except PlurimusError as error:
            self._trouble = str(error)
        self._say("file", self._trouble)

    def _may_put_back(self, there: bytes | None) -> bool:
        """Whether it is time to put the file back, which is logged; a quarrel is fought ever more slowly."""
        taken, now = self._recent(), self._clock()
        if taken and now < taken[-1] + min(2.0 ** (len(taken) - 1), _MOST_PAUSE):
            return False
        names = self._folder.names()
        longer = [name for name in names if name.startswith(f"{self._source.name}.")]
        to = [name for name in longer if self._folder.read(name) == self._written]
        what = "changed" if there is not None else f"renamed to {to[0]}" if to else "removed"
        self._taken_by = cnifolder.owner(to or names, self._first_types(names))
        self._taken = [*taken, now]
        _log.warning("another program took the node's CNI configuration away; putting it back", path=self._path,
                     what=what, by=self._taken_by)  # fmt: skip
        return True

    def _first_types(self, names: list[str]) -> tuple[str, ...]:
        """The plugins of the first file that is not ours."""
        for name in cnifolder.loaded(names):
            if not cnifolder.is_own(name) and name != self._source.name:
                try:
                    return self._confdir.load(str(self._folder.path / name)).types
                except PlurimusError:
                    continue
        return ()

    def _tidy(self) -> None:
        """Remove what a take-over put here until this daemon wrote its own; say what a runtime reads before it."""
        names = cnifolder.loaded(self._folder.names())
        for name in names:
            if name.startswith(cnifolder.OURS) and name != self._source.name:
                self._folder.remove(name)
        before = [name for name in names if name < self._source.name and not name.startswith(cnifolder.OURS)]
        self._say("order", f"a runtime reads {before[0]} instead of {self._source.name}" if before else "")

    def _recent(self) -> list[float]:
        return [at for at in self._taken if self._clock() - at < WINDOW]

    def _say(self, about: str, text: str) -> None:
        """Log what is wrong, once; and that it is over."""
        if text and text != self._said.get(about):
            kept = "the last good one stays" if self._written is not None else "none is written"
            _log.warning("the node's CNI configuration", wrong=text, kept=kept)
        elif not text and self._said.get(about):
            _log.info("the node's CNI configuration is right again", was=self._said[about])
        self._said[about] = text

    @property
    def _path(self) -> str:
        return str(self._folder.path / self._source.name)


def handed_over(config: ConfigFile) -> dict[str, Any]:
    """What a runtime hands to the shim of the file that is in place; nothing where no daemon keeps one.

    Raises:
        ConfigError: it cannot be read.
    """
    daemon = config.daemon
    name = cnifolder.NAME if daemon.multus_autoconfig_dir else ""
    if daemon.multus_config_file not in ("", "auto"):
        name = Path(daemon.multus_config_file).name
    content = CniFolder(Path(daemon.cni_config_dir)).read(name) if name else None
    if content is None:
        return {}
    there = conf.parse(content)
    return netconf.decode(conf.derive(there, there.plugins[0]))


def make(
    config: ConfigFile, confdir: ConfDir, clock: Callable[[], float], render: Render = generate.generate
) -> NodeConfig | None:
    """What keeps the node's CNI configuration; None where the daemon's file does not ask for one.

    `render` makes the content of the daemon's file, the default network's configuration, and its path.

    Raises:
        ConfigError: `cniVersion` is none a configuration can have.
    """
    daemon = config.daemon
    folder = CniFolder(Path(daemon.cni_config_dir))
    if daemon.multus_config_file not in ("", "auto"):
        path = Path(daemon.multus_config_file)
        if path.absolute() == (folder.path / path.name).absolute():
            return None  # it is in place
        return NodeConfig(Copied(path), folder, confdir, clock)
    if daemon.multus_autoconfig_dir:
        wanted = config.overlay.get("cniVersion")
        if wanted and wanted not in version.SUPPORTED:
            expected = f"one of {', '.join(version.SUPPORTED)}, or no such key"
            raise ConfigError(f"daemon configuration: 'cniVersion' is {wanted!r}, expected {expected}")
        return NodeConfig(Generated(config, confdir, render), folder, confdir, clock)
    return None
