"""The rails of this node, and where the devices of its pods are on them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from plurimus.adapters.railfacts import RailFacts
from plurimus.cni.errors import PlurimusError
from plurimus.core import rails
from plurimus.core.config import DaemonConfig
from plurimus.core.netconf import NetConf
from plurimus.core.plan import Attachment, Plan
from plurimus.core.rails import Function, Rails, Seat
from plurimus.model.rdma import Seen
from plurimus.node import sandboxes
from plurimus.node.world import World


class NodeRails:
    """What the files of the node say now, and the daemon's configuration about them."""

    def __init__(self, config: DaemonConfig) -> None:
        self._facts = RailFacts(Path(config.chroot_dir or "/"))
        self.rails: Rails = rails.of_node(self._facts.physicals(), config.rails)

    def planned(self, plan: Plan) -> list[Seat]:
        """The attachments with devices, before they have addresses."""
        return [
            rails.seat(each, self._facts.function(device), self.rails)
            for each in plan.attachments
            if (device := rails.device_of(each))
        ]

    async def made(self, plan: Plan, netconf: NetConf, world: World) -> list[Seat]:
        """The same of a sandbox that exists, with what its interfaces were given, and have behind them."""
        devices = {each.ifname: device for each in plan.attachments if (device := rails.device_of(each))}
        try:
            seen = await world.rdma.look(plan.netns, devices)
        except PlurimusError:  # this process may not enter the pod; the rest can be told all the same
            seen = {}
        return [
            rails.seat(
                each,
                _with_rdma(self._facts.function(devices[each.ifname]), seen.get(each.ifname)),
                self.rails,
                await _addresses(plan, each, netconf, world),
            )
            for each in plan.attachments
            if each.ifname in devices
        ]


def _with_rdma(function: Function | None, seen: Seen | None) -> Function | None:
    """The function with the RDMA devices the pod has: the host does not see those that went with their interface."""
    names = tuple(dict.fromkeys(port.device for port in seen.ports)) if seen else ()
    return replace(function, rdma=names) if function and names else function


async def _addresses(plan: Plan, attachment: Attachment, netconf: NetConf, world: World) -> list[str]:
    result = await sandboxes.result_of(plan, attachment, netconf, world)
    return [ip.address for ip in result.ips_of(attachment.ifname)] if result else []
