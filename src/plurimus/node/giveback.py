"""Giving back what was found leaked: sandboxes by their records, then each thing by its own plugin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from plurimus.adapters.deviceinfo import DeviceInfoFiles
from plurimus.adapters.podfolders import RunPodFolders
from plurimus.cni import gojson, version
from plurimus.cni.args import Environment
from plurimus.cni.errors import PlurimusError, joined
from plurimus.core.config import ConfigFile
from plurimus.core.leaks import Held, Namespace
from plurimus.core.netconf import NetConf
from plurimus.node import holdings, recall
from plurimus.node.leaks import Seen
from plurimus.node.onrecord import OnRecord, state
from plurimus.node.request import Requests
from plurimus.node.world import World

_log = structlog.get_logger(__name__)


class GiveBack:
    """Gives back what belongs to sandboxes of `requests`, each under the lock of its sandbox."""

    def __init__(self, config: ConfigFile, world: World, requests: Requests, netconf: NetConf) -> None:
        self._world, self._requests, self._netconf = world, requests, netconf
        self._root = Path(config.daemon.chroot_dir or "/")

    async def sandbox(self, dead: OnRecord) -> str:
        """Undo all that is on record of a sandbox, and the record; empty, or why something stays on record."""
        env = Environment("GC", dead.container_id, ifname="eth0")
        stdin = {"cniVersion": version.CURRENT, "name": "gc", "cniDir": dead.folder, "binDir": self._netconf.bin_dir}
        try:
            async with self._requests.locks.hold(dead.container_id):
                context = self._requests.context(env, stdin)
                plan = await recall.plan_of(env, context.netconf, self._world)
                if plan and state(plan.netns) is Namespace.THERE:
                    return "it lives: its network namespace is there again"
                errors = await context.attacher.undo(replace(plan, netns="")) if plan else []
                if errors:
                    raise joined(errors)
                await self._forget(dead)
                context.spool.forget(dead.container_id, env.ifname)
        except PlurimusError as error:
            return str(error)
        _log.info("gave back what a sandbox had that is gone", container=dead.container_id, pod=str(dead.pod),
                  interfaces=dead.interfaces)  # fmt: skip
        return ""

    async def _forget(self, dead: OnRecord) -> None:
        """What no plugin could be asked about: a record without attachments, results without a configuration."""
        await self._world.records(dead.folder).remove(dead.container_id)
        for entry in dead.results:
            await self._world.results(dead.folder).remove(entry.network, entry.container_id, entry.ifname)

    async def one(self, seen: Seen) -> str:
        """Give back one thing of a sandbox that is on no record, or not any more; empty, or why it stays."""
        held = seen.held
        try:
            async with self._requests.locks.hold(held.container_id):
                if await self._requests.cni_dir_of(held.container_id) is not None:
                    return "its sandbox is on record by now"
                await self._release(seen, held)
        except PlurimusError as error:
            return str(error)
        _log.info("gave back what no sandbox owns", kind=held.kind, what=held.what, where=held.where,
                  container=held.container_id)  # fmt: skip
        return ""

    async def _release(self, seen: Seen, held: Held) -> None:
        if held.kind == holdings.FILE:
            await DeviceInfoFiles(self._root).remove(held.what)
        elif held.kind == holdings.FOLDER:
            await RunPodFolders(self._root).remove(held.what, held.container_id)
        else:
            await self._delete(seen.holding.kind, seen.holding.conf or {}, held)

    async def _delete(self, kind: str, conf: Mapping[str, Any], held: Held) -> None:
        """DEL, by the plugin itself: what it is part of is gone with the namespace."""
        env = {"CNI_COMMAND": "DEL", "CNI_CONTAINERID": held.container_id, "CNI_NETNS": "",
               "CNI_IFNAME": held.ifname or "eth0", "CNI_ARGS": "", "CNI_PATH": self._netconf.bin_dir}  # fmt: skip
        await self._world.plugins.run(
            kind, env=env, stdin=gojson.encode(conf).encode(), search=(self._netconf.bin_dir,)
        )
