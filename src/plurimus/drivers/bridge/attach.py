"""The veth of a pod on a bridge: made, and set in the pod.

All functions are for threads in the host's namespace.

Plugins spec section 3.2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from plurimus.adapters import links, netns
from plurimus.adapters.netlink import Netlink, at_home
from plurimus.cni.errors import AttachmentError
from plurimus.cni.result import Interface, Result
from plurimus.drivers import addressing, veth
from plurimus.drivers.bridge import gateways, port
from plurimus.drivers.bridge.conf import Settings
from plurimus.drivers.bridge.host import HostBridges, index_of
from plurimus.drivers.call import Call
from plurimus.drivers.veth import HostEnd, Pair


@dataclass(frozen=True, slots=True)
class Attached:
    """The host's side of an attachment: the bridge, the host's end, and the host's own interface in the pod's VLAN."""

    bridge: Interface
    end: HostEnd
    extra: Interface | None

    def interfaces(self, pod: Interface) -> tuple[Interface, ...]:
        """Those of a result."""
        port = Interface(self.end.name, mac=self.end.mac)
        return (self.bridge, port, pod, *([self.extra] if self.extra is not None else []))


class End(NamedTuple):
    """The pod's interface, and what may be waited for: `waits` for addresses, without `is_running` for a carrier."""

    mac: str
    waits: bool
    is_running: bool


def make(
    bridges: HostBridges,
    settings: Settings,
    pair: Pair,
    namespace: int,
    result: Result,
    made: Callable[[HostEnd], None],
) -> Attached:
    """The pod's interface, down, and its other end, a port of the bridge; `made` hears of it as soon as it is there.

    Raises:
        AttachmentError: the bridge cannot be had as it is wanted, the pod has such an interface, or the kernel refuses.
    """
    with at_home() as host:
        bridge = bridges.ensure(host, settings)
        extra = _gateway(host, bridges, bridge, settings, result)
        end = veth.make(host, namespace, pair._replace(master=bridge))
        made(end)
        port.set_up(host, end.index, end.name, settings)
        # the bridge's MAC follows its ports, unless it is pinned
        return Attached(_interface(host, settings.bridge), end, extra)


def configure(call: Call, settings: Settings, result: Result, index: int) -> End:
    """Address the pod's interface and set it up, as far as the network says so; `index` is that of its other end.

    Raises:
        AttachmentError: the kernel refuses something.
    """

    def inside() -> tuple[str, bool]:
        with Netlink.open() as pod:
            at, mac = addressing.index_and_mac(pod, call.netns, call.ifname)
            if settings.has_addresses:
                return mac, addressing.put(pod, at, call.ifname, result, _parameters(call.ifname, settings))
            if settings.raises_interface:
                pod.change_all([links.raising(at)])
            return mac, False

    mac, waits = netns.visit(call.netns, inside)
    if not settings.raises_interface:
        return End(mac, waits, is_running=True)
    with at_home() as host:
        return End(mac, waits, veth.is_running(host, index))


def mac_of(call: Call) -> str:
    """The MAC of the pod's interface."""
    with Netlink.open(call.netns) as pod:
        found = pod.mac(call.ifname)
    if found is None:
        raise AttachmentError(f"interface {call.ifname} was deleted by another program while it was set up")
    return found


def _gateway(host: Netlink, bridges: HostBridges, bridge: int, settings: Settings, result: Result) -> Interface | None:
    """Have the host be the gateway of the addresses, where it is to be; its interface in their VLAN, if it has one."""
    if not settings.is_gateway or not settings.has_addresses:
        return None
    name, index = settings.bridge, bridge
    if settings.vlan:
        name = bridges.ensure_vlan_interface(host, bridge, settings)
        index = index_of(host, name)
    bridges.ensure_addresses(host, index, name, gateways.addresses(result), force=settings.force_address)
    return _interface(host, name) if settings.vlan else None


def _interface(host: Netlink, name: str) -> Interface:
    return Interface(name, mac=host.mac(name) or "")


def _parameters(ifname: str, settings: Settings) -> dict[str, str]:
    """Without `enabledad` nobody waits until the kernel has looked for other holders of an IPv6 address."""
    dad = {"enhanced_dad": "1", "accept_dad": "1"} if settings.enabledad else {"accept_dad": "0"}
    of_ipv6 = {f"net/ipv6/conf/{ifname}/{key}": value for key, value in dad.items()}
    return of_ipv6 | {f"net/ipv4/conf/{ifname}/arp_notify": "1"}
