"""All sandboxes with a record or a result, living or not, and where their namespaces are."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from plurimus.adapters import netns
from plurimus.cni import conf
from plurimus.cni.cache import CachedAttachment
from plurimus.cni.conf import NetworkConfig
from plurimus.cni.errors import PlurimusError
from plurimus.core import record
from plurimus.core.leaks import Namespace
from plurimus.core.plan import Plan, PodReference
from plurimus.node.world import World


@dataclass(frozen=True, slots=True)
class OnRecord:
    """One sandbox: the `cniDir` it is in, what its record says (None: nothing to read), and its results."""

    container_id: str
    folder: str
    plan: Plan | None
    results: tuple[CachedAttachment, ...]

    @property
    def netns(self) -> str:
        """Where its network namespace was; empty where nobody knows."""
        recorded = self.plan.netns if self.plan else ""
        return recorded or next((entry.netns for entry in self.results if entry.netns), "")

    @property
    def namespace(self) -> Namespace:
        return state(self.netns)

    @property
    def pod(self) -> PodReference:
        if self.plan is not None:
            return self.plan.pod
        return PodReference.from_args(self.results[0].args if self.results else ())

    @property
    def interfaces(self) -> list[str]:
        if self.plan is not None:
            return [attachment.ifname for attachment in self.plan.attachments]
        return sorted({entry.ifname for entry in self.results})

    def configs(self) -> Iterator[NetworkConfig]:
        """The networks it is on."""
        yield from (attachment.config for attachment in (self.plan.attachments if self.plan else ()))
        for entry in self.results:
            try:
                yield conf.parse(entry.config)
            except PlurimusError:  # its DEL will say so
                continue


def state(path: str) -> Namespace:
    """What is at the path of a namespace."""
    if path and netns.is_alive(path):
        return Namespace.THERE
    return Namespace.GONE if path and netns.is_gone(path) else Namespace.UNKNOWN


async def sandboxes(folders: Collection[str], world: World) -> dict[str, OnRecord]:
    """Those in the `cniDir`s `folders`, by container ID.

    Reading thousands of results takes a second, which the daemon's loop does not have: a thread has one of its own.

    Raises:
        AttachmentError: a folder cannot be read.
    """
    return await asyncio.to_thread(asyncio.run, _sandboxes(sorted(folders), world))


async def _sandboxes(folders: Collection[str], world: World) -> dict[str, OnRecord]:
    found: dict[str, OnRecord] = {}
    for folder in folders:
        for container_id, each in (await _of_folder(folder, world)).items():
            found.setdefault(container_id, each)
    return found


async def _of_folder(folder: str, world: World) -> dict[str, OnRecord]:
    results: dict[str, list[CachedAttachment]] = {}
    for entry in await world.results(folder).entries():
        results.setdefault(entry.container_id, []).append(entry)
    recorded = await world.records(folder).container_ids()
    return {each: await _one(each, folder, tuple(results.get(each, ())), world) for each in {*recorded, *results}}


async def _one(container_id: str, folder: str, results: tuple[CachedAttachment, ...], world: World) -> OnRecord:
    plan = None
    try:
        content = await world.records(folder).load(container_id)
        if content is not None:
            plan = record.decode(content, container_id=container_id, args=results[0].args if results else ())
    except (ValueError, PlurimusError):  # the request about it says so
        pass
    return OnRecord(container_id, folder, plan, results)
