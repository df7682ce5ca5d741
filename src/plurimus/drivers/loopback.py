"""The loopback interface of a pod, set up; stands for `loopback`.

Plugins spec section 2.
"""

from __future__ import annotations

from plurimus.adapters import links, netns
from plurimus.adapters.netlink import Netlink
from plurimus.cni.errors import AttachmentError
from plurimus.cni.result import Interface, IPConfig, Result
from plurimus.drivers.call import Call, Driver
from plurimus.drivers.threads import in_thread
from plurimus.wire import rtnetlink as rt

_NAME, _MAC = "lo", "00:00:00:00:00:00"


class Loopback(Driver):
    """The name of the interface in the call does not matter: there is one."""

    async def add(self, call: Call) -> Result:
        addresses = await in_thread(lambda: netns.visit(call.netns, _raise))
        if call.previous is not None:
            return call.previous
        first = {address.version: address for address in reversed(addresses)}
        ips = tuple(IPConfig(str(first[version]), interface=0) for version in (4, 6) if version in first)
        return Result(call.cni_version, (Interface(_NAME, mac=_MAC, sandbox=call.netns),), ips)

    async def delete(self, call: Call) -> None:
        def work() -> None:
            if not call.netns or netns.is_gone(call.netns):
                return
            with Netlink.open(call.netns) as door:
                links.set_up(door, _there(door).index, up=False)

        await in_thread(work)

    async def check(self, call: Call) -> None:
        def work() -> None:
            with Netlink.open(call.netns) as door:
                if not _there(door).is_up:
                    raise AttachmentError(f"loopback interface is down in {call.netns}")

        await in_thread(work)


def _raise() -> list[rt.IPInterface]:
    """Set the interface up; its addresses, which the kernel gives it then.  Inside the namespace."""
    with Netlink.open() as door:
        link = _there(door)
        if not link.is_up:
            links.set_up(door, link.index, up=True)
        addresses = [each.address for each in door.addresses() if each.index == link.index]
        strange = next((each for each in addresses if not each.ip.is_loopback), None)
        if strange is None:
            return addresses
        if not link.is_up:
            links.set_up(door, link.index, up=False)
        raise AttachmentError(f'loopback interface found with non-loopback address "{strange}"; remove it')


def _there(door: Netlink) -> rt.Link:
    link = door.link(_NAME)
    if link is None:
        raise AttachmentError(f"the network namespace has no interface {_NAME!r}")
    return link
