"""An interface for the frames of one VLAN of a host's interface; stands for `vlan`.

Beyond the plugin: what cannot be is refused before anything is done, and an ADD that fails leaves nothing; DEL needs no
master; STATUS looks for it.

Plugins spec section 7.
"""

from __future__ import annotations

from plurimus.cni.errors import ConfigError
from plurimus.cni.result import Result
from plurimus.drivers import lower, previous
from plurimus.drivers.call import Call
from plurimus.drivers.lower import MasterKeys, Wanted, WithIpam
from plurimus.drivers.steps import Undo
from plurimus.wire import rtkinds
from plurimus.wire.rtkinds import NewLink


class _Settings(MasterKeys, frozen=True, rename="camel"):
    vlan_id: int = 0


class Vlan(WithIpam):
    kind = "vlan"
    keys = ("master", "vlanId", "mtu", "linkInContainer")

    async def add(self, call: Call) -> Result:
        settings = _read(call)
        lower.require_ipam(call, self.kind)
        master = await lower.find(call, settings.master, in_pod=settings.link_in_container)
        lower.refuse_mtu(call, settings.mtu, master)
        lower.refuse_namespace(call)
        link = NewLink(self.kind, call.ifname, rtkinds.vlan(settings.vlan_id), master.index, mtu=settings.mtu)
        async with Undo() as undo:
            given = await self._ipam.lend(call, undo)
            wanted = Wanted(link, settings.dns, settings.link_in_container)
            return await self._make(call, wanted, given, undo)

    async def check(self, call: Call) -> None:
        settings = _read(call)
        master = await lower.find(call, settings.master, in_pod=settings.link_in_container)
        await previous.check(call, self.kind, lower.Compare(master, vlan=settings.vlan_id, mtu=settings.mtu))
        await self._ipam.check(call)

    async def status(self, call: Call) -> None:
        settings = _read(call)
        await lower.available(call, settings.master, in_pod=settings.link_in_container)
        await self._ipam.status(call)


def _read(call: Call) -> _Settings:
    """The settings of an ADD, CHECK or STATUS.

    Raises:
        ConfigError: the network, the key, and what it may be.
    """
    settings = call.settings(_Settings)
    if not settings.master:
        raise ConfigError(
            f"network {call.network!r}: 'master' is missing: the interface the frames of the VLAN come by"
        )
    if not 0 <= settings.vlan_id <= rtkinds.MOST_VLAN:
        raise ConfigError(
            f"network {call.network!r}: 'vlanId' is {settings.vlan_id}, expected 0 to {rtkinds.MOST_VLAN}"
        )
    return settings
