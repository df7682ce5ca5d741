"""CHECK of a bridge network: bridge, both ends of the veth, addresses and routes, as the ADD told of them.

Unlike the plugin's, it needs no IPAM.  The MAC of a bridge that is no gateway is not compared, since it follows the
ports; nor is it an error that another network has set the bridge promiscuous.

Plugins spec section 3.6.
"""

from __future__ import annotations

from plurimus.adapters import links
from plurimus.adapters.netlink import Netlink
from plurimus.cni.errors import AttachmentError
from plurimus.cni.result import Interface, Result
from plurimus.drivers import addressing, previous, veth
from plurimus.drivers.bridge.conf import Settings
from plurimus.drivers.bridge.host import check_kind
from plurimus.drivers.call import Call
from plurimus.wire.rtdetails import Details


def check(call: Call, settings: Settings) -> None:
    """Compare, from a thread in the host's namespace.

    Raises:
        ConfigError: the runtime did not give the result.
        AttachmentError: the first difference.
    """
    result, wanted = previous.required(call), previous.interface(call)
    with Netlink.open(call.netns) as pod, Netlink.open() as host:
        bridge = _bridge(host, result, settings)
        end = previous.there(pod, call, veth.KIND)
        previous.same_mac(wanted, end)
        _host_end(host, result, bridge, end)
        if settings.raises_interface and not end.link.is_up:
            raise AttachmentError(f"interface {call.ifname} is down")
        if settings.has_addresses:
            addressing.compare(pod, call.netns, call.ifname, result)


def _bridge(host: Netlink, result: Result, settings: Settings) -> Details:
    name = settings.bridge
    wanted = [each for each in result.interfaces if each.name == name and not each.sandbox]
    if not wanted:
        raise AttachmentError(f"'prevResult' has no bridge {name!r} on the host")
    found = links.details(host, name)
    if found is None:
        raise AttachmentError(f"bridge {name!r} is not there any more")
    check_kind(found, name)
    if settings.is_gateway and settings.has_addresses:
        previous.same_mac(wanted[0], found)
    if settings.promisc and not found.is_promiscuous:
        raise AttachmentError(f"bridge {name!r} is not promiscuous any more")
    return found


def _host_end(host: Netlink, result: Result, bridge: Details, end: Details) -> None:
    """Raise unless an interface of the result is the other end of the pod's, and a port of the bridge."""
    for each in result.interfaces:
        if each.sandbox or each.name == bridge.link.name:
            continue
        found = links.details(host, each.name)
        if found is not None and found.link.kind == veth.KIND and found.link.index == end.link.parent:
            _port(each, found, bridge)
            return
    raise AttachmentError(f"the host's end of {end.link.name} is none of the interfaces in 'prevResult'")


def _port(wanted: Interface, found: Details, bridge: Details) -> None:
    if found.link.master != bridge.link.index:
        raise AttachmentError(f"interface {found.link.name} is no port of bridge {bridge.link.name!r}")
    previous.same_mac(wanted, found)
