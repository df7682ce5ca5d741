"""whereabouts' objects in memory, and nodes whose daemons share them."""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from plurimus.cni.errors import ClusterError
from plurimus.cni.result import Result
from plurimus.core.addresspools import Overtaken
from plurimus.drivers import call
from plurimus.drivers.call import Call
from plurimus.drivers.whereabouts.driver import Whereabouts
from plurimus.model import ippool
from plurimus.model.ippool import Change, Pool, Reservation, Slice, SlicePool
from plurimus.model.pod import Pod

Key = tuple[str, str]


class Shelf:
    """Where others get a turn before each request is carried out; `fail` names requests that fail."""

    def __init__(self) -> None:
        self.pools: dict[Key, Pool] = {}
        self.reservations: dict[Key, Reservation] = {}
        self.sliced: dict[Key, SlicePool] = {}
        self.asked: Counter[str] = Counter()
        self.fail: set[str] = set()
        self.before: Callable[[str], None] = lambda _: None
        self._number = 0

    async def pool(self, namespace: str, name: str) -> Pool | None:
        await self._turn("pool")
        return self.pools.get((namespace, name))

    async def create_pool(self, namespace: str, name: str, pool: Pool) -> None:
        await self._turn("create_pool")
        self._new(self.pools, (namespace, name))
        self.pools[namespace, name] = pool

    async def change_pool(self, namespace: str, name: str, pool: Pool, changes: Sequence[Change]) -> None:
        await self._turn("change_pool")
        now = dict(self.pools[namespace, name].allocations)
        for change in changes:
            if now.pop(change.key, None) != change.before:
                raise Overtaken(f"the test of {change.key} failed")
            if change.after:
                now[change.key] = change.after
        self.pools[namespace, name] = Pool(pool.range, now)

    async def reservation(self, namespace: str, name: str) -> Reservation | None:
        await self._turn("reservation")
        return self.reservations.get((namespace, name))

    async def reserve(self, namespace: str, name: str, reservation: Reservation) -> None:
        await self._turn("reserve")
        self._new(self.reservations, (namespace, name))
        self._number += 1
        self.reservations[namespace, name] = replace(reservation, uid=str(self._number))

    async def unreserve(self, namespace: str, name: str, reservation: Reservation) -> None:
        await self._turn("unreserve")
        if self.reservations.get((namespace, name)) == reservation:
            del self.reservations[namespace, name]

    async def slices(self, namespace: str, name: str) -> SlicePool | None:
        await self._turn("slices")
        return self.sliced.get((namespace, name))

    async def create_slices(self, namespace: str, name: str, pool: SlicePool) -> None:
        await self._turn("create_slices")
        self._new(self.sliced, (namespace, name))
        self.sliced[namespace, name] = pool

    async def claim_slice(self, namespace: str, name: str, pool: SlicePool, at: int, node: str) -> None:
        await self._turn("claim_slice")
        if self.sliced[namespace, name] != pool:
            raise Overtaken("another version")
        slices = [*pool.slices]
        slices[at] = Slice(slices[at].range, node)
        self.sliced[namespace, name] = replace(pool, slices=tuple(slices), version=f"{pool.version}+")

    def held(self, name: str, namespace: str = "kube-system") -> dict[str, str]:
        """The addresses of a pool, and whose each is."""
        pool = self.pools[namespace, name]
        start = int(ippool.start(pool.range))
        family = type(ippool.start(pool.range))
        return {str(family(start + int(key))): f"{each.podref} {each.ifname} {each.id}"
                for key, each in sorted(pool.allocations.items(), key=lambda item: int(item[0]))}  # fmt: skip

    def reserved(self) -> dict[str, str]:
        return {name: f"{each.podref} {each.ifname}" for (_, name), each in sorted(self.reservations.items())}

    async def _turn(self, request: str) -> None:
        self.asked[request] += 1
        await asyncio.sleep(0)
        self.before(request)
        if request in self.fail:
            raise ClusterError(f"{request}: no answer")

    @staticmethod
    def _new(objects: dict[Key, Any], key: Key) -> None:
        if key in objects:
            raise Overtaken(f"{key} is there")


class Node:
    """A daemon with a driver; `living` are the pods of the cluster."""

    def __init__(self, shelf: Shelf, root: Path, name: str = "node-1", *, living: Sequence[str] = ()) -> None:
        self.living = set(living)
        self.driver = Whereabouts(lambda: shelf, self._find, root, node=name)

    async def add(self, pod: str, ifname: str = "net1", *, container: str = "", **ipam: Any) -> Result:
        return await self.driver.add(request("ADD", pod, ifname, container=container, **ipam))

    async def give(self, pod: str, ifname: str = "net1", *, container: str = "", **ipam: Any) -> str:
        """The addresses of an ADD."""
        return " ".join(ip.address for ip in (await self.add(pod, ifname, container=container, **ipam)).ips)

    async def delete(self, pod: str, ifname: str = "net1", *, container: str = "", **ipam: Any) -> None:
        await self.driver.delete(request("DEL", pod, ifname, container=container, **ipam))

    async def _find(self, namespace: str, name: str) -> Pod | None:
        return Pod(namespace, name, "uid") if f"{namespace}/{name}" in self.living else None


def request(
    command: str,
    pod: str,
    ifname: str = "net1",
    *,
    container: str = "",
    conf: Any = None,
    cni_args: str = "",
    **ipam: Any,
) -> Call:
    """A request about the interface of a pod, whose container is named after it where it has no name of its own."""
    ipam = {"type": "whereabouts", **({} if "ipRanges" in ipam else {"range": "10.0.0.0/24"}), **ipam}
    document = {"cniVersion": "1.0.0", "name": "rail", "type": "macvlan", "ipam": ipam, **(conf or {})}
    env = {
        "CNI_COMMAND": command,
        "CNI_CONTAINERID": container or f"sandbox-of-{pod}",
        "CNI_NETNS": "/run/netns/pod",
        "CNI_IFNAME": ifname,
        "CNI_ARGS": f"IgnoreUnknown=1;K8S_POD_NAMESPACE=ns;K8S_POD_NAME={pod}{cni_args}",
    }
    return call.read(env, json.dumps(document).encode(), ())


def plain(prefixed: str) -> str:
    return str(ipaddress.ip_interface(prefixed).ip)
