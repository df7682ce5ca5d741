"""Bridges of the host: made where there is none, with the addresses of their pods' gateways.

Several pods may want the same at once: what is to be changed is changed by one at a time in this process, and what
another process has done meanwhile is as good.

Plugins spec section 3.2, steps 2 and 7, and section 3.3.
"""

from __future__ import annotations

import errno
import secrets
import threading
from collections import defaultdict
from collections.abc import Sequence
from itertools import groupby
from typing import TypeVar

from plurimus.adapters import bridges, links, sysctls
from plurimus.adapters.netlink import Netlink, NetlinkError, Request
from plurimus.cni.errors import AttachmentError
from plurimus.drivers.bridge import vlaninterface
from plurimus.drivers.bridge.conf import Settings
from plurimus.drivers.bridge.gateways import conflicts
from plurimus.wire import rtkinds
from plurimus.wire import rtnetlink as rt
from plurimus.wire.rtdetails import Details
from plurimus.wire.rtkinds import NewLink

T = TypeVar("T")

KIND = "bridge"
FORWARDING = {4: "net/ipv4/ip_forward", 6: "net/ipv6/conf/all/forwarding"}
_LOCAL, _OCTETS = 0x02, 6


class HostBridges:
    """For threads in the host's namespace; `host` is always a socket there."""

    def __init__(self) -> None:
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._known: dict[str, int] = {}
        self._whole: dict[str, tuple[int, int]] = {}

    def ensure(self, host: Netlink, settings: Settings) -> int:
        """The index of the bridge, up; made where there is none.

        Raises:
            AttachmentError: something else has its name, or the kernel refuses it.
        """
        name = settings.bridge
        wanted = rt.IFF_UP | (bridges.IFF_PROMISC if settings.promisc else 0)
        index = self._index(host, settings)
        sysctls.write_here({f"net/ipv6/conf/{name}/accept_ra": "0"}, tolerant=True)
        missing = wanted & ~(host.flags(name) or 0)
        if missing:
            host.change_all([bridges.flags(index, missing)])
        return index

    def ensure_addresses(
        self, host: Netlink, index: int, name: str, wanted: Sequence[rt.IPInterface], *, force: bool
    ) -> None:
        """Have an interface have addresses, in families one after the other, and the host forward packets.

        The first address pins the interface's MAC: it no longer follows the ports of the bridge.

        Raises:
            AttachmentError: it has another address that cannot be beside it, and `force` does not say to delete that.
        """
        for family, group in groupby(wanted, lambda each: each.version):
            addresses = list(group)
            present = bridges.addresses(host, index, family)
            if any(each not in present for each in addresses):
                with self._locks[name]:
                    for each in addresses:
                        _add_address(host, index, name, each, force=force)
            sysctls.write_here({FORWARDING[family]: "1"})

    def ensure_vlan_interface(self, host: Netlink, bridge: int, settings: Settings) -> str:
        """The name of the host's interface in the VLAN of its pods, up.

        What once was seen whole is so for as long as it and the bridge have their indexes.
        """
        name = f"{settings.bridge}.{settings.vlan}"
        index = host.index(name)
        if index is None or self._whole.get(name) != (index, bridge):
            with self._locks[name]:
                index = vlaninterface.ensure(host, name, bridge, settings)
            self._whole[name] = index, bridge
        if not (host.flags(name) or 0) & rt.IFF_UP:
            host.change_all([links.raising(index)])
        return name

    def _index(self, host: Netlink, settings: Settings) -> int:
        """The index of the bridge; what once was seen to be a bridge is one for as long as it has its index."""
        name = settings.bridge
        index = host.index(name)
        if index is not None and self._known.get(name) == index:
            return index
        with self._locks[name]:
            found = links.details(host, name) or _made(host, settings)
        check_kind(found, name)
        self._known[name] = found.link.index
        return found.link.index


def check_kind(found: Details, name: str) -> None:
    """Raise AttachmentError where an interface is no bridge."""
    if found.link.kind != KIND:
        raise AttachmentError(
            f"failed to create bridge {name!r}: {name!r} already exists but is not a bridge; name another in 'bridge'"
        )


def _made(host: Netlink, settings: Settings) -> Details:
    """A new bridge.  One that will be a gateway is born with its MAC, which it then keeps."""
    name = settings.bridge
    link = NewLink(
        KIND,
        name,
        rtkinds.bridge(vlan_filtering=True) if settings.filters_vlans else b"",
        mtu=settings.mtu,
        mac=_random_mac() if settings.is_gateway and settings.has_addresses and not settings.vlan else b"",
    )
    try:
        _unless(errno.EEXIST, host, links.creation(link))
    except NetlinkError as error:
        raise error.about(f"failed to create bridge {name!r}: ") from error
    return _there(links.details(host, name), name)


def index_of(host: Netlink, name: str) -> int:
    """The index of an interface that was just made, or seen."""
    return _there(host.index(name), name)


def _add_address(host: Netlink, index: int, name: str, wanted: rt.IPInterface, *, force: bool) -> None:
    present = bridges.addresses(host, index, wanted.version)
    if wanted in present:
        return
    unwanted = conflicts(present, wanted)
    if unwanted and not force:
        raise AttachmentError(
            f"{name!r} already has an IP address different from {wanted}: {', '.join(map(str, unwanted))}; "
            "'forceAddress' would replace it"
        )
    for each in unwanted:
        _unless(errno.EADDRNOTAVAIL, host, bridges.no_address(index, each))
    # pinned first: whoever finds the address finds the MAC, too
    host.change_all(bridges.macs(host, index, _pinned(_there(host.mac(name), name))))
    _unless(errno.EEXIST, host, bridges.address(index, wanted))


def _pinned(mac: str) -> bytes:
    """The MAC, or another where a bridge that lost all its ports has none."""
    packed = bytes.fromhex(mac.replace(":", ""))
    return packed if any(packed) else _random_mac()


def _random_mac() -> bytes:
    """A MAC of one's own, as the kernel gives them."""
    made = bytearray(secrets.token_bytes(_OCTETS))
    made[0] = made[0] & ~1 | _LOCAL
    return bytes(made)


def _there(found: T | None, name: str) -> T:
    """What was just made, or seen."""
    if found is None:
        raise AttachmentError(f"interface {name!r} was deleted by another program meanwhile")
    return found


def _unless(number: int, host: Netlink, request: Request) -> None:
    """Have a request carried out; that the kernel refuses it with `number` is as good: it is so already."""
    (refused,) = host.batch([request])
    if refused is not None and refused.errno != number:
        raise refused
