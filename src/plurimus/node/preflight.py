"""Looks a pod over that runs on this node: its interfaces, its rails, its neighbours, its peers.

Nothing is changed.  The plugins' own CHECK is part of it; where there is a driver for a plugin that one looks, also
where the daemon runs the executable, which may look at nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from plurimus.adapters import podfacts, probe, rping
from plurimus.cni.errors import PlurimusError, RequestError
from plurimus.cni.result import Result
from plurimus.core import preflight as core
from plurimus.core import rails
from plurimus.core.config import DaemonConfig
from plurimus.core.netconf import NetConf
from plurimus.core.plan import Attachment, Plan
from plurimus.core.preflight import Found, IPAddress, Peer, RdmaState, Subject, Verdict
from plurimus.core.rails import Seat
from plurimus.model.pod import Pod
from plurimus.node import sandboxes
from plurimus.node.chain import Chain
from plurimus.node.rails import NodeRails
from plurimus.node.world import World

Statuses = Sequence[tuple[Pod, str]]


@dataclass(frozen=True, slots=True)
class Preflight:
    """What a look needs; `wait` is how many seconds neighbours may take for each of three answers."""

    config: DaemonConfig
    netconf: NetConf
    world: World
    wait: float

    async def look(self, pod: Pod, statuses: Statuses) -> list[Verdict]:
        """All there is to say about a pod; `statuses` are the network status of every pod there is.

        Raises:
            RequestError: the pod does not run on this node.
        """
        alive = await sandboxes.alive(self.netconf, self.world)
        plan = sandboxes.of_pod(alive, pod)
        if plan is None:
            raise RequestError(
                f"pod {pod} has no sandbox on this node; run this on the pod's node, once the pod has started"
            )
        node = NodeRails(self.config)
        seats = {seat.ifname: seat for seat in await node.made(plan, self.netconf, self.world)}
        own = await asyncio.to_thread(podfacts.own_macs, plan.netns)
        subjects = await asyncio.gather(
            *(
                self._subject(plan, each, seats.get(each.ifname), node, own, core.peers(
                    pod, each.display_name, statuses, [other.pod for other in alive]))
                for each in plan.attachments
            )
        )  # fmt: skip
        if rping.is_there():  # one after another: a server has its port to itself
            subjects = [await self._with_rping(plan, each, alive) for each in subjects]
        return core.verdicts(subjects)

    async def _subject(
        self,
        plan: Plan,
        attachment: Attachment,
        seat: Seat | None,
        node: NodeRails,
        own: Mapping[str, str],
        peers: list[Peer],
    ) -> Subject:
        result = await sandboxes.result_of(plan, attachment, self.netconf, self.world)
        towards = _towards(attachment, result)
        found = await asyncio.to_thread(podfacts.look, plan.netns, attachment.ifname, towards)
        if not found.exists:
            return Subject(attachment, result, seat, found)
        found = replace(
            found,
            failure=await self._failure(plan, attachment),
            most_mtu=await asyncio.to_thread(_mtu_of, seat, node),
            rdma=await self._rdma(plan, attachment),
        )
        there = [address for address in towards if _is_there(address, found)]
        if found.up and found.running and found.mac and there:
            found = await asyncio.to_thread(_neighbours, plan.netns, attachment.ifname, found, there, own, self.wait)
            answers = [
                await asyncio.to_thread(
                    probe.answers, plan.netns, address, [each.address for each in peers], wait=self.wait
                )
                for address in there
            ]
            reached = set[IPAddress]().union(*answers)
            families = {address.version for address in there}
            found = replace(
                found, peers={each: each.address in reached for each in peers if each.address.version in families}
            )
        return Subject(attachment, result, seat, found)

    async def _failure(self, plan: Plan, attachment: Attachment) -> str:
        chain = Chain(self.world.plugins, self.world.results(self.netconf.cni_dir), (self.netconf.bin_dir,))
        try:
            await chain.check(plan, attachment)
        except PlurimusError as error:
            return str(error)
        return ""

    async def _rdma(self, plan: Plan, attachment: Attachment) -> list[RdmaState]:
        """The RDMA devices behind an attachment; one of software may be on any interface."""
        seen = await self.world.rdma.look(plan.netns, {attachment.ifname: rails.device_of(attachment)})
        ports = seen[attachment.ifname].ports if attachment.ifname in seen else ()
        return [RdmaState(port.device, port.state) for port in ports]

    async def _with_rping(self, plan: Plan, subject: Subject, alive: list[Plan]) -> Subject:
        """The subject with what rping says of its peers on this node, where both have an RDMA device."""
        if not subject.found.rdma:
            return subject
        namespaces = {f"{each.pod.namespace}/{each.pod.name}": each for each in alive}
        told = {}
        for peer, answers in subject.found.peers.items():
            other = namespaces.get(peer.pod)
            source = next((each for each in _sources(subject) if each.version == peer.address.version), None)
            if answers and peer.here and other and source:
                told[peer] = await asyncio.to_thread(
                    rping.between, plan.netns, str(source), other.netns, str(peer.address)
                )
        return replace(subject, found=replace(subject.found, rdma_peers=told))


def _towards(attachment: Attachment, result: Result | None) -> dict[IPAddress, IPAddress]:
    """For each address of the interface one that packets could go to: its gateway, else one in its network."""
    found: dict[IPAddress, IPAddress] = {}
    for ip in result.ips_of(attachment.ifname) if result else []:
        interface = ipaddress.ip_interface(ip.address)
        if ip.gateway:
            found[interface.ip] = ipaddress.ip_address(ip.gateway)
        elif interface.network.num_addresses > 1:
            first = interface.network[1 if interface.network.num_addresses > 2 else 0]
            found[interface.ip] = first if first != interface.ip else first + 1
    return found


def _is_there(address: IPAddress, found: Found) -> bool:
    """Whether the interface has the address, and may use it."""
    return any(ipaddress.ip_interface(text).ip == address and not wrong for text, wrong in found.addresses.items())


def _neighbours(
    namespace: str, ifname: str, found: Found, addresses: Sequence[IPAddress], own: Mapping[str, str], wait: float
) -> Found:
    """What others say of the interface's addresses: strangers, and the pod's own other interfaces."""
    others = probe.others_with(namespace, ifname, found.mac, addresses, wait=wait)
    strangers = {str(address): sorted(macs - own.keys()) for address, macs in others.items()}
    twins = {str(address): sorted(own[mac] for mac in macs & own.keys()) for address, macs in others.items()}
    return replace(
        found,
        strangers={address: macs for address, macs in strangers.items() if macs},
        twins={address: names for address, names in twins.items() if names},
    )


def _mtu_of(seat: Seat | None, node: NodeRails) -> int:
    """The MTU of the physical function; 0 where it cannot be seen, or the device is no part of one."""
    if seat is None or seat.function is None or seat.function.physical == seat.device.lower():
        return 0
    return max((podfacts.mtu(name) for name in node.rails.interfaces.get(seat.function.physical, ())), default=0)


def _sources(subject: Subject) -> list[IPAddress]:
    return [ipaddress.ip_interface(text).ip for text, wrong in subject.found.addresses.items() if not wrong]
