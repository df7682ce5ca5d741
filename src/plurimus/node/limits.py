"""What definitions are limited to, with a word in the log where one goes on without a part of it."""

from __future__ import annotations

import functools

import structlog

from plurimus.cni.conf import NetworkConfig
from plurimus.core import hostpaths
from plurimus.core.netconf import NetConf

_log = structlog.get_logger(__name__)


def limited(config: NetworkConfig, netconf: NetConf, definition: str) -> NetworkConfig:
    """`hostpaths.limited`; each log that is left out is named once for its definition."""
    carried_out = hostpaths.limited(config, netconf)
    for path in hostpaths.lost_logs(config, carried_out):
        _say(definition, path)
    return carried_out


@functools.lru_cache(maxsize=256)
def _say(definition: str, path: str) -> None:
    _log.warning("a plugin's log is left out: definitions may only name files below 'definitionFolders'",
                 definition=definition, path=path[:200])  # fmt: skip
