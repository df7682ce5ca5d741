"""What the node's own files add to a network's configuration, read away from the daemon's loop.

Spec section 4.1.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from plurimus.adapters import whereaboutsfiles
from plurimus.cni.errors import ConfigError
from plurimus.core import whereaboutskeys
from plurimus.core.whereaboutskeys import Ipam
from plurimus.drivers.threads import in_thread

_Found = tuple[Ipam, str]


class NodeFiles:
    """The files below `root`.  Requests of one network at the same time read once, and go on together."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._reading: dict[bytes, asyncio.Task[_Found]] = {}

    async def merged(self, own: Ipam) -> tuple[Ipam, str]:
        """A network's configuration with what the node's file adds, and the namespace of the objects.

        Raises:
            ConfigError: a file cannot be read or understood.
        """
        key = msgspec.json.encode(own)
        if key not in self._reading:
            self._reading[key] = asyncio.create_task(asyncio.to_thread(self._merged, own))
            self._reading[key].add_done_callback(lambda reading: self._forget(key, reading))
        try:
            return await asyncio.shield(self._reading[key])
        except ConfigError as error:  # each puts its own pod in front
            raise ConfigError(error.msg, details=error.details, code=error.code) from error

    async def node_name(self, ipam: Ipam) -> str:
        """The node's name, by its files.

        Raises:
            ConfigError: they cannot be read, or say none.
        """
        return await in_thread(lambda: whereaboutsfiles.node_name(self._root, ipam.configuration_path))

    def _merged(self, own: Ipam) -> _Found:
        found = whereaboutsfiles.flat(self._root, own.configuration_path)
        ipam = whereaboutskeys.merged(own, whereaboutskeys.flat(found[1], found[0])) if found else own
        kubernetes = ipam.kubernetes
        return ipam, kubernetes.namespace or whereaboutsfiles.namespace(self._root, kubernetes.kubeconfig)

    def _forget(self, key: bytes, reading: asyncio.Task[_Found]) -> None:
        del self._reading[key]
        if not reading.cancelled():
            reading.exception()  # whoever waited has it
