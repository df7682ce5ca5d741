"""Routing netlink: what an interface is beyond its name and place, for those who compare it with what was asked for.

kernel: include/uapi/linux/{if,if_link}.h.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

from plurimus.wire import rtanswers, rtkinds
from plurimus.wire import rtnetlink as rt
from plurimus.wire.netlink import Attributes, WireError, attributes, number, text

OPERSTATE_UP = 6
_IFLA_OPERSTATE, _IFLA_IFALIAS, _IFLA_PROMISCUITY = 16, 20, 30
_IFF_PROMISC, _IFF_ALLMULTI = 0x100, 0x200
_MACVLAN_MODES = {value: name for name, value in rtkinds.MACVLAN_MODES.items()}
_IPVLAN_MODES = {value: name for name, value in rtkinds.IPVLAN_MODES.items()}


@dataclass(frozen=True, slots=True)
class Details:
    """An interface with what its kind has.

    `promiscuity` is how many want all frames, as a bridge of its ports; `mode` is that of a macvlan or ipvlan (a number
    where nobody here has a name for it), `vlan` a VLAN's ID, `table` a VRF's.
    """

    link: rt.Link
    txqlen: int = 0
    operstate: int = 0
    alias: str = ""
    promiscuity: int = 0
    mode: str = ""
    vlan: int | None = None
    table: int = 0
    filters_vlans: bool = False

    @property
    def is_running(self) -> bool:
        """Whether the kernel says that it can carry frames."""
        return self.operstate == OPERSTATE_UP

    @property
    def is_promiscuous(self) -> bool:
        """Whether it was set so by the administrator."""
        return bool(self.link.flags & _IFF_PROMISC)

    @property
    def takes_all_multicast(self) -> bool:
        return bool(self.link.flags & _IFF_ALLMULTI)


def details(payload: bytes) -> Details:
    """The content of RTM_NEWLINK.

    Raises:
        WireError: the kernel would not send that.
    """
    link, found = rtanswers.link_and_rest(payload)
    data = attributes(attributes(found.get(rt.IFLA_LINKINFO, b"")).get(rtkinds.IFLA_INFO_DATA, b""))
    return Details(
        link,
        txqlen=number(found, rtkinds.IFLA_TXQLEN),
        operstate=_small(found, _IFLA_OPERSTATE, rtkinds.U8) or 0,
        alias=text(found.get(_IFLA_IFALIAS, b"")),
        promiscuity=number(found, _IFLA_PROMISCUITY),
        mode=_mode(link.kind, data),
        vlan=_small(data, rtkinds.IFLA_VLAN_ID, rtkinds.U16) if link.kind == "vlan" else None,
        table=number(data, rtkinds.IFLA_VRF_TABLE) if link.kind == "vrf" else 0,
        filters_vlans=link.kind == "bridge" and bool(_small(data, rtkinds.IFLA_BR_VLAN_FILTERING, rtkinds.U8)),
    )


def each_details(payloads: Iterable[bytes]) -> list[Details]:
    return [details(payload) for payload in payloads]


def _mode(kind: str, data: Attributes) -> str:
    if kind == "macvlan" and rtkinds.IFLA_MACVLAN_MODE in data:
        mode = number(data, rtkinds.IFLA_MACVLAN_MODE)
        return _MACVLAN_MODES.get(mode, str(mode))
    if kind == "ipvlan" and (short := _small(data, rtkinds.IFLA_IPVLAN_MODE, rtkinds.U16)) is not None:
        return _IPVLAN_MODES.get(short, str(short))
    return ""


def _small(found: Attributes, kind: int, form: struct.Struct) -> int | None:
    """A number of fewer than 32 bits; None where there is none."""
    value = found.get(kind)
    if value is None:
        return None
    if len(value) != form.size:
        raise WireError(f"attribute {kind} has {len(value)} bytes, expected {form.size}")
    return int(form.unpack(value)[0])
