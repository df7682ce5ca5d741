"""Finding what no living sandbox of this node owns: the stores are read, then everyone is asked who lives.

The order matters.  An ADD is busy before it is recorded, and recorded before it takes anything; so what was in a store
is of a request that was busy before, or of a sandbox that is on record after, or of nobody we know.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

from plurimus.adapters import cri, nodepods
from plurimus.adapters.kubernetes import KubernetesCluster
from plurimus.adapters.manifests import ManifestFolder
from plurimus.adapters.nodepods import NodePod
from plurimus.cni.errors import ClusterError, PlurimusError
from plurimus.core import leaks as core
from plurimus.core import netconf
from plurimus.core.config import ConfigFile
from plurimus.core.leaks import Fate, Held, Place, Verdict, Words
from plurimus.core.netconf import NetConf
from plurimus.node import cnisource, holdings, onrecord
from plurimus.node.holdings import Holding
from plurimus.node.onrecord import OnRecord
from plurimus.node.request import Requests
from plurimus.node.world import World


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing that is held, and what becomes of it."""

    holding: Holding
    verdict: Verdict
    sandbox: OnRecord | None = None

    @property
    def held(self) -> Held:
        return self.holding.held

    @property
    def is_leaked(self) -> bool:
        return self.verdict.fate is Fate.LEAKED


@dataclass(slots=True)
class Found:
    """What a look found; `odd` is what could not be asked or read, `pods` those of this node, None where unknown."""

    netconf: NetConf
    seen: list[Seen] = field(default_factory=list)
    sandboxes: dict[str, OnRecord] = field(default_factory=dict)
    pods: list[NodePod] | None = None
    odd: list[str] = field(default_factory=list)


class Look:
    """Looks at the node of `config` and `world`; `clock` gives seconds that only grow.

    What its store gives no age is as old as the first look that saw it.
    """

    def __init__(self, config: ConfigFile, world: World, clock: Callable[[], float]) -> None:
        self._runtime = cri.of_node(config.daemon)
        self._root = Path(config.daemon.chroot_dir or "/")
        self._config, self._world, self._clock = config, world, clock
        self._first_seen: dict[tuple[str, str, str, str], float] = {}

    async def find(self, requests: Requests, *, grace: float) -> Found:
        """All there is, with its fate; what is on no record has to be `grace` seconds old.

        Raises:
            PlurimusError: what is on record cannot be read, and so nothing can be said.
        """
        merged = netconf.parse(cnisource.handed_over(self._config), overlay=self._config.overlay)
        found = Found(merged)
        folders = {*requests.cni_dirs, merged.cni_dir}
        busy = requests.locks.busy()
        before = await onrecord.sandboxes(folders, self._world)
        configs = [config for each in before.values() for config in each.configs()]
        configs += await holdings.networks(merged, self._world, found.odd)
        held = await holdings.all_of(self._world, self._root, configs, found.odd)
        found.sandboxes = await onrecord.sandboxes(folders, self._world)
        held = [Holding(_sandbox(each)) for each in found.sandboxes.values()] + [self._aged(each) for each in held]
        self._first_seen = {each.held.key: self._first_seen[each.held.key] for each in held
                            if each.held.key in self._first_seen}  # fmt: skip
        words = await self._words(found, [each.held for each in held], busy)
        found.seen = [
            Seen(each, core.judge(each.held, words, grace=grace), found.sandboxes.get(each.held.container_id))
            for each in held
        ]
        found.seen += self._owed(folders, busy)
        return found

    def _aged(self, holding: Holding) -> Holding:
        held, now = holding.held, self._clock()
        if held.age is not None:
            return holding
        first = self._first_seen.setdefault(held.key, now)
        return replace(holding, held=replace(held, age=now - first))

    async def _words(self, found: Found, held: Collection[Held], busy: Collection[str]) -> Words:
        listed, silent = None, ""
        try:
            listed = await self._runtime.ids()
        except ClusterError as error:
            silent = str(error)
            found.odd.append(silent)
        try:
            found.pods = await self._pods()
        except PlurimusError as error:
            found.odd.append(str(error))
        recorded = {each.container_id: each.namespace for each in found.sandboxes.values()}
        pods = {each.pod for each in held if each.pod and each.container_id not in recorded}
        return Words(listed, silent, busy, recorded, {pod: await self._place(pod, found.pods) for pod in sorted(pods)})

    async def _pods(self) -> list[NodePod] | None:
        cluster = self._world.cluster
        if isinstance(cluster, ManifestFolder):
            return nodepods.of_folder(cluster)
        return await nodepods.of_cluster(cluster.api, cluster.node) if isinstance(cluster, KubernetesCluster) else None

    async def _place(self, pod: str, here: Collection[NodePod] | None) -> Place:
        namespace, _, name = pod.partition("/")
        if here is None or self._world.cluster is None:
            return Place.UNKNOWN
        if any((each.pod.namespace, each.pod.name) == (namespace, name) for each in here):
            return Place.HERE
        try:
            there = await self._world.cluster.get_pod(namespace, name)
        except PlurimusError:
            return Place.UNKNOWN
        return Place.NOWHERE if there is None else Place.ELSEWHERE

    def _owed(self, folders: Collection[str], busy: Collection[str]) -> list[Seen]:
        """DELs the runtime has been told are done; there is nothing to ask."""
        found = []
        for folder in sorted(folders):
            for name, _ in self._world.spool(folder).pending():
                container_id = name.removesuffix(".json").rpartition("-")[0]
                fate = Fate.LIVES if container_id in busy else Fate.LEAKED
                held = Held(holdings.OWED, name, folder, container_id)
                found.append(Seen(Holding(held), Verdict(fate, "the runtime was told that it is done")))
        return found


def _sandbox(each: OnRecord) -> Held:
    return Held(holdings.SANDBOX, ", ".join(each.interfaces), each.folder, each.container_id, namespace=each.namespace)
