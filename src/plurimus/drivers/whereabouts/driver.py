"""The IPAM plugin whereabouts: addresses of ranges that all nodes of a cluster share.

Its objects, their names and their fields are those of the original, so that both can serve a cluster at the same time.
There is no lease: see `drivers.whereabouts.pool` and decision 18.

Spec section 4.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from plurimus.cni.errors import AttachmentError, ConfigError, PlurimusError, RequestError, joined
from plurimus.cni.result import IPConfig, Result
from plurimus.core import slices, whereabouts, whereaboutskeys
from plurimus.core.addresspools import AddressPools
from plurimus.core.leaks import Held
from plurimus.core.ranges import Range
from plurimus.core.whereabouts import Settings
from plurimus.core.whereaboutskeys import Ipam
from plurimus.drivers.call import Call, Driver
from plurimus.drivers.whereabouts.nodefiles import NodeFiles
from plurimus.drivers.whereabouts.pool import PoolQueue, owns
from plurimus.drivers.whereabouts.slices import Claims, NodeSlices
from plurimus.model.ippool import Address, Allocation, Network
from plurimus.model.pod import Pod

FindPod = Callable[[str, str], Awaitable[Pod | None]]
_log = structlog.get_logger(__name__)


class Whereabouts(Driver):
    """`pools` gives the store, `find_pod` whether a pod exists; `root` is where the node's files are.

    `node` is the node's name, where it is known better than by a file.
    """

    reads_previous = True

    def __init__(self, pools: Callable[[], AddressPools], find_pod: FindPod, root: Path, *, node: str = "") -> None:
        self._pools, self._find_pod = pools, find_pod
        self._files, self._node = NodeFiles(root), node
        self._claims = Claims()
        self._queues: dict[tuple[str, Network, str, str], PoolQueue] = {}

    async def add(self, call: Call) -> Result:
        settings, namespace = await self._read(call)
        for text in settings.odd:
            _log.warning("whereabouts: an odd configuration", network=call.network, what=text)
        if settings.ranges and not settings.podref:
            raise RequestError(
                f"network configuration {call.network!r}: no pod name: whereabouts allocates for pods, and CNI_ARGS "
                "has no K8S_POD_NAME"
            )
        owner = Allocation(call.container_id, settings.podref, call.ifname)
        places = await self._places(settings, namespace)
        found = await asyncio.gather(
            *(queue.take(range_, owner, unique=settings.unique) for queue, range_ in places), return_exceptions=True
        )
        failures = [each for each in found if isinstance(each, BaseException)]
        if failures:
            await self._undo(call, [queue for queue, _ in places], failures[0])
            raise failures[0]
        addresses = [each for each in found if not isinstance(each, BaseException)]
        ips = [_given(settings, range_, address) for (_, range_), address in zip(places, addresses, strict=True)]
        return Result(call.cni_version, (), (*ips, *settings.addresses), settings.routes, settings.dns)

    async def delete(self, call: Call) -> None:
        try:
            own = whereaboutskeys.own(call.conf)
        except ConfigError as error:
            _log.warning("whereabouts: no address can be of this configuration", error=str(error))
            return
        queues = await self._owed(own, call)
        results = await asyncio.gather(
            *(queue.give_back(call.container_id, call.ifname) for queue in queues), return_exceptions=True
        )
        failures = [each for each in results if isinstance(each, BaseException)]
        errors = [each for each in failures if isinstance(each, PlurimusError)]
        if len(errors) < len(failures):
            raise next(each for each in failures if not isinstance(each, PlurimusError))
        if errors:
            raise joined(errors)

    async def check(self, call: Call) -> None:
        settings, namespace = await self._read(call)
        places = await self._places(settings, namespace, claim=False)
        if settings.ranges and not places:
            raise AttachmentError(
                f"network {call.network!r}: this node has no slice of {settings.ranges[0].network} any more"
            )
        for queue, range_ in places:
            ledger = await queue.ledger()
            held = ledger.of_sandbox(call.container_id, call.ifname) if ledger else []
            about = f"interface {call.ifname} of container {call.container_id}"
            if not held:
                raise AttachmentError(f"IPPool {queue} has no address for {about} any more")
            address = held[0].address
            if call.previous is not None and range_.prefixed(address) not in [ip.address for ip in call.previous.ips]:
                raise AttachmentError(f"IPPool {queue} has {address} for {about}, which the interface does not have")
            reservation = await queue.reservation_of(address) if settings.unique else None
            if settings.unique and (reservation is None or not owns(held[0].allocation, reservation)):
                whose = f"is reserved for pod {reservation.podref}" if reservation else "is not reserved any more"
                raise AttachmentError(f"IPPool {queue} has {address} for {about}, but that address {whose}")

    async def collect(self, call: Call) -> None:
        """Give back what is left in this node's slice of pods that are gone.

        A pool that nodes share does not say whose of its addresses were given on this node.
        """
        settings, namespace = await self._read(call)
        valid = call.valid_attachments()
        if not settings.slice_length or valid is None:
            return
        places = await self._places(settings, namespace, claim=False)
        for queue, ledger in [(queue, await queue.ledger()) for queue, _ in places[:1]]:
            for of, address in [(held.allocation, held.address) for held in ledger.held()] if ledger else ():
                pod_namespace, _, pod = of.podref.partition("/")
                if (of.id, of.ifname) in valid or await self._find_pod(pod_namespace, pod) is not None:
                    continue
                _log.info("collecting an address of a pod that is gone", address=str(address), pod=of.podref)
                await queue.give_back(of.id, of.ifname)

    async def held(self, call: Call, odd: list[PlurimusError]) -> list[Held]:
        """What is in this node's slice; of a pool that nodes share nobody can tell."""
        settings, namespace = await self._read(call)
        if not settings.slice_length:
            return []
        return [
            Held("allocation", str(each.address), f"IPPool {queue}", of.id, of.ifname, pod=of.podref)
            for queue, _ in (await self._places(settings, namespace, claim=False))[:1]
            if (ledger := await queue.ledger()) is not None
            for each in ledger.held()
            for of in [each.allocation]
        ]

    async def _read(self, call: Call) -> tuple[Settings, str]:
        """The configuration, with the node's own file, and the namespace of the objects."""
        ipam, namespace = await self._files.merged(whereaboutskeys.own(call.conf))
        return whereabouts.settings(ipam, call.conf, call.args), namespace

    async def _node_name(self, ipam: Ipam) -> str:
        return self._node or await self._files.node_name(ipam)

    def _queue(self, namespace: str, network: Network, network_name: str, node: str = "") -> PoolQueue:
        key = (namespace, network, network_name, node)
        if key not in self._queues:
            self._queues[key] = PoolQueue(self._pools(), *key)
        return self._queues[key]

    async def _places(self, settings: Settings, namespace: str, *, claim: bool = True) -> list[tuple[PoolQueue, Range]]:
        """Where each range's address comes from: the first one's from this node's slice, where there are slices."""
        found: list[tuple[PoolQueue, Range]] = []
        for range_ in settings.ranges:
            if settings.slice_length and not found:
                node = await self._node_name(settings.ipam)
                part = await self._slice(settings, namespace, node, claim=claim)
                if part is None:
                    return []
                narrow = range_.within(part, point_to_point=settings.point_to_point)
                found.append((self._queue(namespace, part, settings.network_name, node), narrow))
            else:
                found.append((self._queue(namespace, range_.network, settings.network_name), range_))
        return found

    async def _slice(self, settings: Settings, namespace: str, node: str, *, claim: bool) -> Network | None:
        """This node's part of the first range; without `claim`, None where it has none yet."""
        nodes = NodeSlices(self._pools(), namespace, settings)
        return await self._claims.claimed(nodes, node) if claim else await nodes.find(node)

    async def _owed(self, own: Ipam, call: Call) -> list[PoolQueue]:
        """Where an ADD may have allocated: with slices, in the node's own, and in that of an address it was given."""
        ipam, namespace = await self._files.merged(own)
        networks = whereabouts.networks(ipam)
        first = networks[:1]
        try:
            whereabouts.check_names(ipam, call.network)
            length = whereabouts.slice_length(ipam, first[0]) if first else 0
        except ValueError:
            return []
        node = await self._node_name(ipam) if length else ""
        if length:
            pool = await self._pools().slices(namespace, ipam.network_name or call.network)
            try:
                current = slices.of_node(pool, node) if pool else None
            except ValueError:
                current = None
            given = [ipaddress.ip_interface(ip.address).ip for ip in (call.previous.ips if call.previous else ())]
            earlier = (ipaddress.ip_network((ip, length), strict=False) for ip in given if ip in first[0])
            first = list(dict.fromkeys((*([current] if current else []), *earlier)))
        return [
            *(self._queue(namespace, network, ipam.network_name, node) for network in first),
            *(self._queue(namespace, network, ipam.network_name) for network in networks[1:]),
        ]

    async def _undo(self, call: Call, queues: list[PoolQueue], error: BaseException) -> None:
        """One range's failure is that of all."""
        results = await asyncio.gather(
            *(queue.give_back(call.container_id, call.ifname) for queue in queues), return_exceptions=True
        )
        for failure in results:
            if isinstance(failure, BaseException):
                error.add_note(f"while undoing: {failure}")


def _given(settings: Settings, range_: Range, address: Address) -> IPConfig:
    return IPConfig(range_.prefixed(address), gateway=settings.gateway_of(address))
