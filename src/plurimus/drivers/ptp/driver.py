"""A pod on a wire of its own to the node, which routes for it; stands for `ptp`.

The pod has a network in which it reaches everybody by its gateway, and the gateway is the host's end of the wire.

Beyond the plugin: see docs/reference/drivers.md.

Plugins spec section 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar, NamedTuple

import msgspec

from plurimus.adapters import netns
from plurimus.adapters.netlink import Netlink, at_home
from plurimus.cni.errors import ConfigError
from plurimus.cni.result import Interface, Result
from plurimus.drivers import addressing, lower, previous, veth
from plurimus.drivers.call import Call
from plurimus.drivers.dns import DnsKeys
from plurimus.drivers.masquerade.masquerade import check_backend
from plurimus.drivers.masquerade.names import Owner
from plurimus.drivers.ptp import hops
from plurimus.drivers.ptp.hops import Hop
from plurimus.drivers.steps import Undo
from plurimus.drivers.threads import in_thread, in_turn
from plurimus.drivers.veth import Pair
from plurimus.drivers.wired import Wired

_POD = 1
"""The pod's interface among those of the result."""


class _Keys(msgspec.Struct, frozen=True, rename="camel"):
    ip_masq: bool = False
    ip_masq_backend: str = ""
    mtu: int = 0
    dns: DnsKeys = DnsKeys()


class _Made(NamedTuple):
    """Both ends, and whether the pod's gets its routes only once its addresses have settled."""

    host: Interface
    pod: Interface
    waits: bool


class Ptp(Wired):
    keys: ClassVar[tuple[str, ...]] = ("ipMasq", "ipMasqBackend", "mtu")

    async def add(self, call: Call) -> Result:
        settings = _read(call)
        async with Undo() as undo:
            with netns.opened(call.netns) as namespace:
                given = await self._ipam.lend(call, undo)
                wanted = hops.of(given)
                ips = tuple(msgspec.structs.replace(ip, interface=_POD) for ip in given.ips)
                result = msgspec.structs.replace(given, ips=ips)
                pair = Pair(call.ifname, mtu=max(settings.mtu, 0))
                made = await in_turn(partial(self._make, call, pair, result, wanted, namespace, undo))
            if made.waits:
                await addressing.settle(call.netns, call.ifname, result)
                await in_thread(partial(netns.visit, call.netns, partial(hops.route_pod, call, wanted)))
            if settings.ip_masq:
                addresses = [hop.address for hop in wanted]
                await self._masquerade.add(Owner.of(call), addresses, settings.ip_masq_backend)
        dns = settings.dns.instead_of(given.dns)
        return Result(call.cni_version, (made.host, made.pod), ips, given.routes, dns)

    async def check(self, call: Call) -> None:
        _read(call)
        await self._ipam.check(call)
        await in_thread(partial(_check, call))

    async def status(self, call: Call) -> None:
        settings = _read(call)
        if settings.ip_masq:
            await self._masquerade.check_usable(settings.ip_masq_backend)
        await self._ipam.status(call)

    def _make(self, call: Call, pair: Pair, result: Result, wanted: Sequence[Hop], namespace: int, undo: Undo) -> _Made:
        """Both ends as they are to be, but for what takes time."""
        with at_home() as host:
            end = veth.make(host, namespace, pair)
            undo.add(partial(self._detach, call, end))
            hops.route_host(host, end, wanted)
        mac, waits = netns.visit(call.netns, lambda: hops.configure(call, result, wanted))
        pod = Interface(call.ifname, mac=mac, sandbox=call.netns)
        return _Made(Interface(end.name, mac=end.mac), pod, waits)


def _read(call: Call) -> _Keys:
    settings = call.settings(_Keys)
    subject = f"network configuration {call.network!r}"
    lower.require_ipam(call, "ptp")
    if settings.mtu > lower.MOST_MTU:
        raise ConfigError(f"{subject}: 'mtu' is {settings.mtu}, expected up to {lower.MOST_MTU} bytes")
    if settings.ip_masq:
        check_backend(subject, settings.ip_masq_backend)
    return settings


def _check(call: Call) -> None:
    result, wanted = previous.required(call), previous.interface(call)
    with Netlink.open(call.netns) as pod:
        previous.same_mac(wanted, previous.there(pod, call, veth.KIND))
        addressing.compare(pod, call.netns, call.ifname, result)
