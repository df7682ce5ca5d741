"""An interface on top of one of the host's, with its MAC; stands for `ipvlan`.

Behind another plugin, and without IPAM of its own, it takes the addresses of that one's result; without a `master` it
is on top of the only interface there.

Beyond the plugin: what cannot be is refused before anything is done, and an ADD that fails leaves nothing; DEL needs no
master; CHECK works without a `master`, and STATUS looks for it.

Plugins spec section 6.
"""

from __future__ import annotations

from plurimus.cni.errors import ConfigError
from plurimus.cni.result import Result
from plurimus.drivers import addressing, lower, previous
from plurimus.drivers.call import Call
from plurimus.drivers.lower import MasterKeys, Wanted, WithIpam
from plurimus.drivers.steps import Undo
from plurimus.wire import rtkinds
from plurimus.wire.rtkinds import NewLink

_DEFAULT_MODE = "l2"


class _Settings(MasterKeys, frozen=True, rename="camel"):
    mode: str = ""


class Ipvlan(WithIpam):
    kind = "ipvlan"
    keys = ("master", "mode", "mtu", "linkInContainer")

    async def add(self, call: Call) -> Result:
        settings = _read(call)
        chained = call.previous if not self._ipam.kind(call) else None
        if chained is None or not chained.ips:
            lower.require_ipam(call, self.kind)
            chained = None
        master = await lower.find(call, settings.master or _before(call), in_pod=settings.link_in_container)
        lower.refuse_namespace(call)
        data = rtkinds.ipvlan(settings.mode or _DEFAULT_MODE)
        link = NewLink(self.kind, call.ifname, data, master.index, mtu=settings.mtu)
        wanted = Wanted(link, settings.dns, settings.link_in_container, addressing.notifying(call.ifname))
        async with Undo() as undo:
            given = chained or await self._ipam.lend(call, undo)
            return await self._make(call, wanted, given, undo)

    async def check(self, call: Call) -> None:
        settings = _read(call)
        master = None
        if settings.master:
            master = await lower.find(call, settings.master, in_pod=settings.link_in_container)
        await previous.check(call, self.kind, lower.Compare(master, mode=settings.mode or _DEFAULT_MODE))
        await self._ipam.check(call)

    async def status(self, call: Call) -> None:
        settings = _read(call)
        if settings.master:
            await lower.available(call, settings.master, in_pod=settings.link_in_container)
        await self._ipam.status(call)


def _read(call: Call) -> _Settings:
    """The settings of an ADD, CHECK or STATUS.

    Raises:
        ConfigError: the network, the key, and what it may be.
    """
    settings = call.settings(_Settings)
    if settings.mode and settings.mode not in rtkinds.IPVLAN_MODES:
        modes = ", ".join(rtkinds.IPVLAN_MODES)
        raise ConfigError(f"network {call.network!r}: 'mode' is {settings.mode!r}, expected one of {modes}")
    if not 0 <= settings.mtu <= lower.MOST_MTU:
        raise ConfigError(f"network {call.network!r}: 'mtu' is {settings.mtu}, expected 0 to {lower.MOST_MTU}")
    return settings


def _before(call: Call) -> str:
    """The only interface of the plugin before this one; empty where there was no plugin.

    Raises:
        ConfigError: it has several, or none.
    """
    if call.previous is None:
        return ""
    names = [each.name for each in call.previous.interfaces]
    if len(names) != 1 or not names[0]:
        raise ConfigError(
            f"network {call.network!r}: the plugin before 'ipvlan' has {len(names)} interfaces, so which is the master "
            "must be said by 'master'"
        )
    return names[0]
