"""An interface with a MAC of its own on top of one of the host's; stands for `macvlan`.

Beyond the plugin: what cannot be is refused before anything is done, and an ADD that fails leaves nothing; DEL gives
the addresses back once the interface is gone; STATUS looks for the master, CHECK at which one it is.

Plugins spec section 5.
"""

from __future__ import annotations

import msgspec

from plurimus.cni.errors import ConfigError
from plurimus.cni.result import Result
from plurimus.drivers import addressing, lower, previous
from plurimus.drivers.call import Call
from plurimus.drivers.lower import MasterKeys, Wanted, WithIpam
from plurimus.drivers.steps import Undo
from plurimus.wire import rtkinds
from plurimus.wire.rtkinds import NewLink

_DEFAULT_MODE = "bridge"
_MOST_QUEUE = 2**32 - 1


class _Runtime(msgspec.Struct, frozen=True):
    mac: str = ""


class _Settings(MasterKeys, frozen=True, rename="camel"):
    mode: str = ""
    mac: str = ""
    bcqueuelen: int = 0
    runtime_config: _Runtime = _Runtime()


class Macvlan(WithIpam):
    kind = "macvlan"
    keys = ("master", "mode", "mtu", "mac", "linkInContainer", "bcqueuelen")

    async def add(self, call: Call) -> Result:
        settings = _read(call)
        mac = lower.asked_mac(
            call, settings.runtime_config.mac or dict(call.args).get("MAC", "") or settings.mac, own=settings.mac
        )
        master = await lower.find(call, settings.master, in_pod=settings.link_in_container)
        lower.refuse_mtu(call, settings.mtu, master)
        lower.refuse_namespace(call)
        data = rtkinds.macvlan(settings.mode or _DEFAULT_MODE, settings.bcqueuelen)
        link = NewLink(self.kind, call.ifname, data, master.index, mtu=settings.mtu, mac=mac)
        has_addresses = bool(self._ipam.kind(call))
        parameters = addressing.notifying(call.ifname) if has_addresses else {}
        async with Undo() as undo:
            given = await self._ipam.lend(call, undo)
            wanted = Wanted(link, settings.dns, settings.link_in_container, parameters)
            return await self._make(call, wanted, given, undo)

    async def check(self, call: Call) -> None:
        settings = _read(call)
        master = await lower.find(call, settings.master, in_pod=settings.link_in_container)
        compare = lower.Compare(master if settings.master else None, mode=settings.mode or _DEFAULT_MODE)
        await previous.check(call, self.kind, compare)
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
    if settings.mode and settings.mode not in rtkinds.MACVLAN_MODES:
        modes = ", ".join(rtkinds.MACVLAN_MODES)
        raise ConfigError(f"network {call.network!r}: 'mode' is {settings.mode!r}, expected one of {modes}")
    if not 0 <= settings.bcqueuelen <= _MOST_QUEUE:
        raise ConfigError(
            f"network {call.network!r}: 'bcqueuelen' is {settings.bcqueuelen}, expected 0 to {_MOST_QUEUE} packets"
        )
    return settings
