"""CHECK: the result of the ADD, which the runtime gives back, compared with what is there.

Unlike the plugins, routes in tables of their own and routes with several next hops are understood.

Plugins spec section 1.7.
"""

from __future__ import annotations

from collections.abc import Callable

from plurimus.adapters import links
from plurimus.adapters.netlink import Netlink
from plurimus.cni.errors import AttachmentError, ConfigError
from plurimus.cni.result import Interface, Result
from plurimus.drivers import addressing
from plurimus.drivers.call import Call
from plurimus.drivers.threads import in_thread
from plurimus.wire.rtdetails import Details


def required(call: Call) -> Result:
    """The result of the ADD.

    Raises:
        ConfigError: the runtime did not give it.
    """
    if call.previous is None:
        raise ConfigError(
            f"network {call.network!r}: CHECK compares with the result of the ADD: 'prevResult' is missing"
        )
    return call.previous


def interface(call: Call) -> Interface:
    """The pod's interface in the result of the ADD.

    Raises:
        ConfigError: the runtime did not give it.
        AttachmentError: it has no such interface.
    """
    found = [each for each in required(call).interfaces if (each.name, each.sandbox) == (call.ifname, call.netns)]
    if not found:
        raise AttachmentError(f"network {call.network!r}: 'prevResult' has no interface {call.ifname} in {call.netns}")
    return found[-1]


def same_mac(wanted: Interface, found: Details) -> None:
    """Raise AttachmentError where the interface has another MAC than the result says, if it says one."""
    if wanted.mac and wanted.mac.lower() != found.link.mac:
        raise AttachmentError(f"interface {wanted.name} has the MAC {found.link.mac}, expected {wanted.mac}")


def there(netlink: Netlink, call: Call, kind: str) -> Details:
    """The pod's interface, of one `kind`, by a socket inside its namespace.

    Raises:
        AttachmentError: there is none, or it is something else.
    """
    found = links.details(netlink, call.ifname)
    if found is None:
        raise AttachmentError(f"interface {call.ifname} is not in {call.netns}")
    if found.link.kind != kind:
        raise AttachmentError(
            f"interface {call.ifname} is of the kind {found.link.kind or 'none'!r}, expected {kind!r}"
        )
    return found


async def check(call: Call, kind: str, differs: Callable[[Details], str]) -> None:
    """Compare the pod's interface, its MAC, addresses and routes with the result of the ADD.

    `differs` says what else is not as it was asked for; empty where all is.

    Raises:
        ConfigError: the runtime did not give the result.
        AttachmentError: the first difference.
    """
    wanted, result = interface(call), required(call)

    def work() -> None:
        with Netlink.open(call.netns) as netlink:
            found = there(netlink, call, kind)
            if difference := differs(found):
                raise AttachmentError(f"interface {call.ifname}: {difference}")
            same_mac(wanted, found)
            addressing.compare(netlink, call.netns, call.ifname, result)

    await in_thread(work)
