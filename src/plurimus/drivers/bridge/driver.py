"""A pod on a bridge of the node; stands for `bridge`.

The pod's interface is born in its namespace, the host's end of it as a port of the bridge, by one request; an ADD that
fails takes it away again, with what was given and made for it.

Beyond the plugin: see docs/reference/drivers.md.

Plugins spec section 3.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from ipaddress import ip_interface
from pathlib import Path
from typing import ClassVar

import structlog

from plurimus.adapters import links, netns
from plurimus.adapters.hostprograms import HostPrograms
from plurimus.adapters.netlink import Netlink
from plurimus.cni.errors import AttachmentError, Code, PlurimusError
from plurimus.cni.result import Interface, Result
from plurimus.drivers import addressing, veth
from plurimus.drivers.bridge import attach, check, conf, gateways
from plurimus.drivers.bridge.attach import Attached, End
from plurimus.drivers.bridge.conf import Settings
from plurimus.drivers.bridge.host import HostBridges, check_kind
from plurimus.drivers.call import Call
from plurimus.drivers.deletion import asks
from plurimus.drivers.ipam import Ipam
from plurimus.drivers.masquerade.names import Owner
from plurimus.drivers.nft import Nft
from plurimus.drivers.spoofcheck import SpoofCheck
from plurimus.drivers.steps import Step, Undo
from plurimus.drivers.threads import in_thread, in_turn
from plurimus.drivers.veth import Pair
from plurimus.drivers.wired import Wired

_log = structlog.get_logger(__name__)


class Bridge(Wired):
    keys: ClassVar[tuple[str, ...]] = conf.KEYS

    def __init__(self, root: Path, ipam: Ipam, *, programs: HostPrograms | None = None) -> None:
        super().__init__(root, ipam, programs=programs)
        self._bridges = HostBridges()
        self._spoofcheck = SpoofCheck(Nft(self._programs))

    async def add(self, call: Call) -> Result:
        settings = conf.read(call)
        async with Undo() as undo:
            with netns.opened(call.netns) as namespace:
                given = await self._ipam.lend(call, undo)
                result = gateways.completed(given, settings)
                attached, end = await self._attach(call, settings, result, namespace, undo)
            if end.waits:
                await addressing.settle(call.netns, call.ifname, result)
            if not end.is_running:
                await veth.wait_running(attached.end)
            if settings.has_addresses and settings.ip_masq:
                addresses = [ip_interface(ip.address) for ip in result.ips]
                await self._masquerade.add(Owner.of(call), addresses, settings.ip_masq_backend)
        pod = Interface(call.ifname, mac=end.mac, sandbox=call.netns)
        dns = settings.dns.instead_of(given.dns)
        return Result(call.cni_version, attached.interfaces(pod), result.ips, result.routes, dns)

    async def check(self, call: Call) -> None:
        settings = conf.read(call)
        await self._ipam.check(call)
        await in_thread(lambda: check.check(call, settings))

    async def status(self, call: Call) -> None:
        settings = conf.read(call)
        await in_thread(lambda: _check_bridge(settings.bridge))
        if settings.macspoofchk and not self._spoofcheck.is_possible():
            raise AttachmentError(
                f"network {call.network!r}: 'macspoofchk' needs the program 'nft', which this node has not; install it",
                code=Code.PLUGIN_NOT_AVAILABLE,
            )
        if settings.ip_masq and settings.has_addresses:
            await self._masquerade.check_usable(settings.ip_masq_backend)
        await self._ipam.status(call)

    def _collecting(self, call: Call, alive: Collection[tuple[str, str]]) -> list[Step]:
        steps = super()._collecting(call, alive)
        if asks(call, "macspoofchk"):
            steps.append(partial(self._spoofcheck.collect, alive, partial(in_thread, _links)))
        return steps

    async def _attach(
        self, call: Call, settings: Settings, result: Result, namespace: int, undo: Undo
    ) -> tuple[Attached, End]:
        """The interface as the pod is to have it, but for what takes time.

        What the pod may send is settled before it can: the rules about its MAC come between two visits to the kernel.
        """
        pair = Pair(call.ifname, mtu=settings.mtu, mac=settings.mac)

        def make() -> Attached:
            return attach.make(
                self._bridges, settings, pair, namespace, result, lambda end: undo.add(partial(self._detach, call, end))
            )

        def configure(attached: Attached) -> End:
            return attach.configure(call, settings, result, attached.end.index)

        def at_once() -> tuple[Attached, End]:
            attached = make()
            return attached, configure(attached)

        if not settings.macspoofchk:
            return await in_turn(at_once)
        attached = await in_thread(make)
        mac = await in_thread(lambda: attach.mac_of(call))
        await self._spoofcheck.add(call.container_id, call.ifname, attached.end.name, mac)
        return attached, await in_thread(lambda: configure(attached))

    async def _forget(self, call: Call) -> None:
        if asks(call, "macspoofchk"):
            try:
                await self._spoofcheck.remove(call.container_id, call.ifname)
            except PlurimusError as error:  # without the interface they do nothing, and GC tries again
                _log.warning("rules about a MAC stay", container=call.container_id, interface=call.ifname,
                             error=str(error))  # fmt: skip
        await super()._forget(call)


def _check_bridge(name: str) -> None:
    with Netlink.open() as host:
        found = links.details(host, name)
    if found is not None:
        check_kind(found, name)


def _links() -> set[str]:
    """The names of the host's interfaces."""
    with Netlink.open() as host:
        return {link.name for link in host.links()}
