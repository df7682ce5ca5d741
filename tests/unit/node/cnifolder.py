"""A CNI folder in which a daemon keeps its file, round by round."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from structlog.testing import capture_logs

from plurimus.adapters.confdir import ConfDirectories
from plurimus.cni.errors import PlurimusError
from plurimus.core import config
from plurimus.node import cniconfig
from plurimus.node.cniconfig import NodeConfig

from ..core import primaries

OURS = "00-plurimus.conflist"


class Folder:
    """A CNI folder with the daemon's one file in it; `time` is the clock."""

    def __init__(self, path: Path, **keys: Any) -> None:
        self.path = path
        self.time = 1000.0
        places = {"multusAutoconfigDir": str(path), "cniConfigDir": str(path)} | keys
        made = cniconfig.make(config.parse(json.dumps(places).encode()), ConfDirectories(), lambda: self.time)
        assert made is not None
        self.kept: NodeConfig = made

    def install(self, name: str, **keys: Any) -> None:
        (self.path / name).write_bytes(primaries.content(name, **keys))

    def look(self, seconds: float = 1.0) -> list[str]:
        """The next round; what it logs."""
        self.time += seconds
        with capture_logs() as logs:
            self.kept.look()
        return [" ".join(str(value) for value in line.values()) for line in logs]

    def ours(self, name: str = OURS) -> dict[str, Any]:
        """The plugin in our file."""
        (plugin,) = json.loads((self.path / name).read_bytes())["plugins"]
        assert isinstance(plugin, dict)
        return plugin

    def network(self) -> str:
        """The default network that our file names."""
        return Path(self.ours()["clusterNetwork"]).name

    def status(self) -> PlurimusError | None:
        try:
            self.kept.check()
        except PlurimusError as error:
            return error
        return None
