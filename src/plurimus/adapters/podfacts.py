"""What there is of one interface of a pod: the link, its addresses, its kernel parameters, where its packets go.

Everything is read, nothing changed.

kernel: rtnetlink(7), Documentation/networking/ip-sysctl.rst.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from plurimus.adapters import netns, rules
from plurimus.adapters.netlink import Netlink
from plurimus.core.preflight import Found, IPAddress

_IFF_RUNNING = 0x40
_DAD_FAILED, _TENTATIVE = 0x08, 0x40
_PARAMETERS = ("arp_ignore", "arp_announce", "rp_filter")
"""Those of which the kernel takes the larger of the interface's own and that of all."""


def look(namespace: str, ifname: str, towards: Mapping[IPAddress, IPAddress]) -> Found:
    """The interface as it is now; `towards` has for each of its addresses one that packets could go to.

    Raises:
        AttachmentError: the namespace or the kernel cannot be asked.
    """
    with Netlink.open(namespace) as door:
        link = door.link(ifname)
        if link is None:
            return Found(exists=False)
        names = {each.index: each.name for each in door.links()}
        return Found(
            up=link.is_up,
            running=bool(link.flags & _IFF_RUNNING),
            mac=link.mac,
            mtu=link.mtu,
            addresses={
                str(each.address): _trouble(each.flags) for each in door.addresses() if each.index == link.index
            },
            parameters=netns.visit(namespace, lambda: _parameters(ifname)),
            leaves={
                str(source): names.get(rules.leaves_by(door, source, destination) or 0, "")
                for source, destination in towards.items()
            },
        )


def own_macs(namespace: str) -> dict[str, str]:
    """The names of the pod's interfaces by their MACs."""
    with Netlink.open(namespace) as door:
        return {each.mac: each.name for each in door.links() if each.mac}


def mtu(ifname: str) -> int:
    """The MTU of an interface of the host; 0 where there is none of that name."""
    with Netlink.open() as door:
        link = door.link(ifname)
        return link.mtu if link else 0


def _trouble(flags: int) -> str:
    if flags & _DAD_FAILED:
        return "is somebody else's: the kernel found a duplicate"
    return "is still being checked for duplicates" if flags & _TENTATIVE else ""


def _parameters(ifname: str) -> dict[str, int]:
    """The values that take effect; a parameter this kernel does not have is left out."""
    folder = Path("/proc/sys/net/ipv4/conf")
    found = {}
    for name in _PARAMETERS:
        try:
            found[name] = max(int((folder / which / name).read_text()) for which in ("all", ifname))
        except (OSError, ValueError):
            continue
    return found
