"""Keeping the node's CNI configuration: from the moment requests are served on, whatever others do to it.

Every second the content is made anew from its source (`node.cnisource`) and compared with the file.  A source that
is missing or torn changes nothing (S4); a file that another program changed, renamed or removed is put back, ever more
seldom, and STATUS says so.  Nothing is removed when the daemon ends (S3).

Spec sections 2.7 (b), 7.5 and 7.6.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog

from plurimus.adapters.cnifolder import CniFolder
from plurimus.cni.errors import Code, ConfigError, PlurimusError
from plurimus.core import cnifolder, generate
from plurimus.core.config import ConfigFile
from plurimus.core.ports import ConfDir
from plurimus.node import cnisource
from plurimus.node.cnisource import Render, Source

PERIOD = 1.0
WINDOW = 120.0
"""Seconds for which it is remembered that another program took the file away."""
OFTEN = 3
"""How many times within these seconds are a quarrel, which STATUS reports."""
_MOST_PAUSE = 30.0
_log = structlog.get_logger(__name__)


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


def make(
    config: ConfigFile, confdir: ConfDir, clock: Callable[[], float], render: Render = generate.generate
) -> NodeConfig | None:
    """What keeps the node's CNI configuration; None where the daemon's file does not ask for one.

    `render` makes the content of the daemon's file, the default network's configuration, and its path.

    Raises:
        ConfigError: `cniVersion` is none a configuration can have.
    """
    source = cnisource.make(config, confdir, render)
    if source is None:
        return None
    return NodeConfig(source, CniFolder(Path(config.daemon.cni_config_dir)), confdir, clock)
