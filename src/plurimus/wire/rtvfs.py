"""Routing netlink: what a physical function has set for its virtual functions.

The kernel applies several settings in one request one after the other and stops at the first it refuses, so each is
a request by itself.

kernel: include/uapi/linux/if_link.h (IFLA_VF_*), do_setvfinfo and rtnl_fill_vfinfo in net/core/rtnetlink.c.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from plurimus.wire import rtnetlink as rt
from plurimus.wire.netlink import U32, WireError, attribute, attributes, each_attribute, split

LINK_STATES = ("auto", "enable", "disable")
"""By their numbers."""
VLAN_PROTOCOLS = {"802.1q": 0x8100, "802.1ad": 0x88A8}

Aspect = Literal["vlan", "mac", "rate", "spoofchk", "trust", "link_state"]
"""What is set by one request."""

_IFLA_VFINFO_LIST, _IFLA_VF_INFO = 22, 1
_MAC, _SPOOFCHK, _LINK_STATE, _RATE, _TRUST, _VLAN_LIST = 1, 4, 5, 6, 9, 12
_VLAN, _TX_RATE, _VLAN_INFO = 2, 3, 1
_WITH_VFS, _SKIP_STATS = 1 << 0, 1 << 3
_NESTED = 0x8000
_UNSUPPORTED = 0xFFFFFFFF
_MAC_FORM, _PAIR, _TRIPLE = struct.Struct("=I32s"), struct.Struct("=II"), struct.Struct("=III")
_VLAN_FORM, _VLAN_PAD = struct.Struct("=III2s"), bytes(2)
_MAC_SIZE = 6


@dataclass(frozen=True, slots=True)
class VirtualFunction:
    """The settings of the VF `index`; rates in Mbit/s, 0 for none; None for what its driver lacks."""

    index: int
    mac: str = ""
    vlan: int = 0
    qos: int = 0
    protocol: int = VLAN_PROTOCOLS["802.1q"]
    spoofchk: bool | None = None
    trust: bool | None = None
    link_state: int = 0
    min_rate: int = 0
    max_rate: int = 0

    def aspect(self, aspect: Aspect) -> tuple[object, ...]:
        """The values that are set together."""
        if aspect == "vlan":
            return self.vlan, self.qos, self.protocol
        if aspect == "rate":
            return self.min_rate, self.max_rate
        return (getattr(self, aspect),)


def get(pf: int) -> bytes:
    """RTM_GETLINK for the interface `pf` with its VFs."""
    wanted = U32.pack(_WITH_VFS | _SKIP_STATS)
    return rt.LINK.pack(0, 0, pf, 0, 0) + attribute(rt.IFLA_EXT_MASK, wanted)


def set_aspect(pf: int, wanted: VirtualFunction, aspect: Aspect) -> bytes:
    """RTM_SETLINK that gives the VF `wanted.index` this one aspect of `wanted`.

    Raises:
        WireError: `wanted` has no value for it.
    """
    inner = attribute(_IFLA_VF_INFO | _NESTED, _setting(wanted, aspect))
    return rt.LINK.pack(0, 0, pf, 0, 0) + attribute(_IFLA_VFINFO_LIST | _NESTED, inner)


def functions(payloads: Iterable[bytes]) -> list[VirtualFunction]:
    """The VFs in the RTM_NEWLINK of their PF.

    Raises:
        WireError: the kernel would not send that.
    """
    found = []
    for payload in payloads:
        _, told = split(rt.LINK, payload)
        entries = each_attribute(told.get(_IFLA_VFINFO_LIST, b""))
        found += [_function(entry) for kind, entry in entries if kind == _IFLA_VF_INFO]
    return found


def _function(entry: bytes) -> VirtualFunction:
    found = attributes(entry)
    index, mac = _fields(_MAC_FORM, found.get(_MAC, b""))
    _, vlan, qos = _fields(_TRIPLE, found.get(_VLAN, bytes(_TRIPLE.size)))
    protocol = VLAN_PROTOCOLS["802.1q"]
    for kind, value in each_attribute(found.get(_VLAN_LIST, b"")):
        if kind == _VLAN_INFO:
            _, vlan, qos, packed = _fields(_VLAN_FORM, value)
            protocol = int.from_bytes(packed, "big") or protocol
    _, legacy = _fields(_PAIR, found.get(_TX_RATE, bytes(_PAIR.size)))
    _, min_rate, max_rate = _fields(_TRIPLE, found.get(_RATE, _TRIPLE.pack(0, 0, legacy)))
    _, state = _fields(_PAIR, found.get(_LINK_STATE, bytes(_PAIR.size)))
    return VirtualFunction(
        index,
        mac=mac[:_MAC_SIZE].hex(":"),
        vlan=vlan,
        qos=qos,
        protocol=protocol,
        spoofchk=_switch(found.get(_SPOOFCHK, b"")),
        trust=_switch(found.get(_TRUST, b"")),
        link_state=state,
        min_rate=min_rate,
        max_rate=max_rate,
    )


def _switch(value: bytes) -> bool | None:
    if not value:
        return None
    _, setting = _fields(_PAIR, value)
    return None if setting == _UNSUPPORTED else bool(setting)


def _fields(form: struct.Struct, value: bytes) -> tuple[Any, ...]:
    if len(value) < form.size:
        raise WireError(f"{len(value)} bytes about a virtual function where {form.size} are the least")
    return form.unpack_from(value)


def _setting(wanted: VirtualFunction, aspect: Aspect) -> bytes:
    vf = wanted.index
    if aspect == "mac":
        return attribute(_MAC, _MAC_FORM.pack(vf, _packed(wanted.mac)))
    if aspect == "vlan":
        protocol = wanted.protocol.to_bytes(2, "big")
        entry = attribute(_VLAN_INFO, _VLAN_FORM.pack(vf, wanted.vlan, wanted.qos, protocol) + _VLAN_PAD)
        return attribute(_VLAN_LIST | _NESTED, entry)
    if aspect == "rate":
        return attribute(_RATE, _TRIPLE.pack(vf, wanted.min_rate, wanted.max_rate))
    if aspect == "link_state":
        return attribute(_LINK_STATE, _PAIR.pack(vf, wanted.link_state))
    kind, value = (_SPOOFCHK, wanted.spoofchk) if aspect == "spoofchk" else (_TRUST, wanted.trust)
    if value is None:
        raise WireError(f"no value for {aspect} of virtual function {vf}")
    return attribute(kind, _PAIR.pack(vf, value))


def _packed(mac: str) -> bytes:
    try:
        packed = bytes.fromhex(mac.replace(":", ""))
    except ValueError:
        packed = b""
    if len(packed) != _MAC_SIZE:
        raise WireError(f"{mac!r} is no MAC")
    return packed
