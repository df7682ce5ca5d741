"""The rails of this node, and where the devices of its pods are on them."""

from __future__ import annotations

from pathlib import Path

from plurimus.adapters.railfacts import RailFacts
from plurimus.core import rails
from plurimus.core.config import DaemonConfig
from plurimus.core.netconf import NetConf
from plurimus.core.plan import Attachment, Plan
from plurimus.core.rails import Rails, Seat
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
        """The same of a sandbox that exists, with the addresses its interfaces were given."""
        return [
            rails.seat(each, self._facts.function(device), self.rails, await _addresses(plan, each, netconf, world))
            for each in plan.attachments
            if (device := rails.device_of(each))
        ]


async def _addresses(plan: Plan, attachment: Attachment, netconf: NetConf, world: World) -> list[str]:
    result = await sandboxes.result_of(plan, attachment, netconf, world)
    return [ip.address for ip in result.ips_of(attachment.ifname)] if result else []
