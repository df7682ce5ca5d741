"""A pod on a wire of its own to the node, which routes for it; stands for `ptp`.

The pod has a network in which it reaches everybody by its gateway, and the gateway is the host's end of the wire.

Beyond the plugin: see docs/reference/drivers.md.

Plugins spec section 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar, NamedTuple

import msgspec

from plurimus.adapters import netns
from plurimus.adapters.hostprograms import HostPrograms
from plurimus.adapters.netlink import Netlink, at_home
from plurimus.cni.errors import ConfigError
from plurimus.cni.result import Interface, Result
from plurimus.drivers import addressing, lower, previous, veth
from plurimus.drivers.call import Call, Driver
from plurimus.drivers.deletion import asks
from plurimus.drivers.dns import DnsKeys
from plurimus.drivers.ipam import Ipam
from plurimus.drivers.masquerade.masquerade import Masquerade, check_backend
from plurimus.drivers.masquerade.names import Owner
from plurimus.drivers.ptp import hops
from plurimus.drivers.ptp.hops import Hop
from plurimus.drivers.steps import Undo, take_all
from plurimus.drivers.threads import in_thread, in_turn
from plurimus.drivers.veth import HostEnd, Pair

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


class Ptp(Driver):
    """`root` is where the node's programs are, unless `programs` says that."""

    keys: ClassVar[tuple[str, ...]] = ("ipMasq", "ipMasqBackend", "mtu")

    def __init__(self, root: Path, ipam: Ipam, *, programs: HostPrograms | None = None) -> None:
        self._ipam = ipam
        self._masquerade = Masquerade(programs or HostPrograms(root))

    async def add(self, call: Call) -> Result:
        settings = _read(call)
        async with Undo() as undo:
            with netns.opened(call.netns) as namespace:
                given = await self._ipam.add(call)
                undo.add(partial(self._ipam.delete, call), behind_all=True)
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
                await self._masquerade.add(_owner(call), addresses, settings.ip_masq_backend)
        dns = settings.dns.instead_of(given.dns)
        return Result(call.cni_version, (made.host, made.pod), ips, given.routes, dns)

    async def delete(self, call: Call) -> None:
        await in_thread(partial(veth.remove, call.netns, call.ifname))
        # only now, since nobody may get an address that an interface in a pod still has
        await take_all(partial(self._forget, call), partial(self._ipam.delete, call))

    def link(self, call: Call) -> str | None:
        return veth.KIND  # rules about it need no namespace to be deleted

    async def check(self, call: Call) -> None:
        _read(call)
        await self._ipam.check(call)
        await in_thread(partial(_check, call))

    async def status(self, call: Call) -> None:
        settings = _read(call)
        if settings.ip_masq:
            await self._masquerade.check_usable(settings.ip_masq_backend)
        await self._ipam.status(call)

    async def collect(self, call: Call) -> None:
        alive = call.valid_attachments()
        if alive is None:
            return
        steps = [partial(self._ipam.collect, call)]
        if asks(call, "ipMasq"):
            steps.append(partial(self._masquerade.collect, call.network, alive))
        await take_all(*steps)

    def _make(self, call: Call, pair: Pair, result: Result, wanted: Sequence[Hop], namespace: int, undo: Undo) -> _Made:
        """Both ends as they are to be, but for what takes time."""
        with at_home() as host:
            end = veth.make(host, namespace, pair)
            undo.add(partial(self._detach, call, end))
            hops.route_host(host, end, wanted)
        mac, waits = netns.visit(call.netns, lambda: hops.configure(call, result, wanted))
        pod = Interface(call.ifname, mac=mac, sandbox=call.netns)
        return _Made(Interface(end.name, mac=end.mac), pod, waits)

    async def _detach(self, call: Call, end: HostEnd) -> None:
        """Delete an interface that was just made, and the rules about it."""
        await take_all(partial(in_thread, partial(veth.discard, end)), partial(self._forget, call))

    async def _forget(self, call: Call) -> None:
        """Delete the rules about an interface that is gone; those about addresses its pod still has stay."""
        if asks(call, "ipMasq"):
            rest = await in_thread(partial(veth.remaining, call.netns))
            await self._masquerade.remove(_owner(call), rest)


def _read(call: Call) -> _Keys:
    settings = call.settings(_Keys)
    subject = f"network configuration {call.network!r}"
    lower.require_ipam(call, "ptp")
    if settings.mtu > lower.MOST_MTU:
        raise ConfigError(f"{subject}: 'mtu' is {settings.mtu}, expected up to {lower.MOST_MTU} bytes")
    if settings.ip_masq:
        check_backend(subject, settings.ip_masq_backend)
    return settings


def _owner(call: Call) -> Owner:
    return Owner(call.network, call.container_id, call.ifname)


def _check(call: Call) -> None:
    result, wanted = previous.required(call), previous.interface(call)
    with Netlink.open(call.netns) as pod:
        previous.same_mac(wanted, previous.there(pod, call, veth.KIND))
        addressing.compare(pod, call.netns, call.ifname, result)
