"""A port of a bridge: how frames leave by it, and in which VLANs it is.

Plugins spec section 3.2, step 4.
"""

from __future__ import annotations

from collections.abc import Collection

from plurimus.adapters import bridges
from plurimus.adapters.netlink import Netlink, NetlinkError
from plurimus.drivers.bridge.conf import Settings

_DEFAULT_VLAN = 1


def set_up(host: Netlink, index: int, name: str, settings: Settings) -> None:
    """Set a new port as the network wants it; what a port is anyway needs no request.

    Raises:
        NetlinkError: the kernel refuses something.
    """
    if settings.hairpin or settings.isolated:
        try:
            host.change_all([bridges.port(index, hairpin=settings.hairpin, isolated=settings.isolated)])
        except NetlinkError as error:
            raise error.about(f"interface {name!r}: ") from error
    if settings.vlan or settings.trunk:
        join(host, index, name, settings.vlan, settings.trunk, keep_default=settings.keep_default_vlan)


def join(host: Netlink, index: int, name: str, vlan: int, trunk: Collection[int], *, keep_default: bool) -> None:
    """Put a port into `vlan` (0: the default one) for frames without a tag, and into those of `trunk` for the others.

    Raises:
        NetlinkError: the kernel refuses it; one without VLAN filtering does.
    """
    untagged = vlan or _DEFAULT_VLAN
    leaving = [] if keep_default else [bridges.no_vlans(index)]
    joining = bridges.vlans(index, untagged, [each for each in trunk if each != untagged])
    try:
        host.change_all([*leaving, joining])
    except NetlinkError as error:
        raise error.about(f"failed to setup vlan tag on interface {name!r}: ") from error
