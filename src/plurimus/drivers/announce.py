"""Neighbours are told where the addresses of a new interface are.

RDMA spec section 1.3, step 10.
"""

from __future__ import annotations

import asyncio
import ipaddress

from plurimus.adapters import announcing, links
from plurimus.adapters.netlink import Netlink
from plurimus.cni.errors import PlurimusError
from plurimus.cni.result import Result
from plurimus.drivers.threads import in_thread

_FIRST_PAUSE, _GROWTH, _PATIENCE = 0.002, 1.5, 0.2
_OCTETS = 6


async def announce(netns: str, ifname: str, mac: str, result: Result) -> None:
    """Send one packet for each address, once the interface is up or 0.2 s have gone; no failure is reported.

    Only where the hardware address is one of Ethernet.
    """
    addresses = [ipaddress.ip_interface(ip.address).ip for ip in result.ips]
    if not addresses or len(mac.split(":")) != _OCTETS:
        return
    try:
        pause, waited = _FIRST_PAUSE, 0.0
        while waited < _PATIENCE and not await in_thread(lambda: _is_running(netns, ifname)):
            await asyncio.sleep(pause)
            waited, pause = waited + pause, pause * _GROWTH
        await in_thread(lambda: announcing.send(netns, ifname, mac, addresses))
    except PlurimusError:
        return


def _is_running(netns: str, ifname: str) -> bool:
    with Netlink.open(netns) as netlink:
        return any(device.is_running for device in links.devices(netlink) if device.name == ifname)
