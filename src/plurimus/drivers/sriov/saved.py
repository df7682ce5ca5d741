"""What a VF was before a pod got it, in the form of the plugin's files.

The plugin reads what is written here, and what it wrote is read here.  One key more, `plurimus`, says what the plugin
does not keep: whose the VF is.

RDMA spec sections 1.5 and 1.8.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from plurimus.adapters.sysfs import is_pci_address
from plurimus.cni import gojson
from plurimus.drivers.sriov.conf import Settings
from plurimus.wire.rtvfs import LINK_STATES, VLAN_PROTOCOLS, Aspect, VirtualFunction

_OURS = "plurimus"


@dataclass(frozen=True, slots=True)
class Saved:
    """A VF in use: whose it is, and what it was.

    `netns` is empty where the plugin wrote this, and `identity`, which is that of the namespace, None.  `home`, `mac`,
    `mtu` and `alternatives` are those of its interface on the host; `home` is empty for a VF without one, which a
    userspace driver has.  `original` is what its PF had set, `changed` what of it is restored; `physical` is the name
    of the PF's interface.
    """

    container_id: str
    ifname: str
    device: str
    physical: str
    original: VirtualFunction
    changed: frozenset[Aspect] = frozenset()
    netns: str = ""
    network: str = ""
    home: str = ""
    mac: str = ""
    mtu: int = 0
    alternatives: tuple[str, ...] = ()
    identity: tuple[int, int] | None = None

    @property
    def userspace(self) -> bool:
        return not self.home

    @property
    def owner(self) -> tuple[str, str]:
        return self.container_id, self.ifname


class _Original(msgspec.Struct, frozen=True, rename="pascal"):
    host_if_name: str = msgspec.field(default="", name="HostIFName")
    spoof_chk: bool = False
    trust: bool = False
    admin_mac: str = msgspec.field(default="", name="AdminMAC")
    effective_mac: str = msgspec.field(default="", name="EffectiveMAC")
    vlan: int = 0
    vlan_qos: int = msgspec.field(default=0, name="VlanQoS")
    vlan_proto: int = 0
    min_tx_rate: int = 0
    max_tx_rate: int = 0
    link_state: int = 0
    mtu: int = msgspec.field(default=0, name="MTU")


class _Owner(msgspec.Struct, frozen=True, rename="camel"):
    container_id: str = msgspec.field(default="", name="containerID")
    ifname: str = ""
    netns: str = ""
    alternatives: list[str] = []
    identity: tuple[int, int] | None = None


class _File(msgspec.Struct, frozen=True):
    """The plugin's file, the keys of it that are read; an aspect was changed where its key has a value.

    Releases before 2.3 have no `OrigVfState` but the three keys after it, and take what they do not save for unset.
    """

    device: str = msgspec.field(name="deviceID")
    physical: str = msgspec.field(default="", name="Master")
    index: int = msgspec.field(default=0, name="VFID")
    original: _Original | None = msgspec.field(default=None, name="OrigVfState")
    home: str = msgspec.field(default="", name="HostIFNames")
    admin_mac: str = msgspec.field(default="", name="adminMAC")
    effective_mac: str = msgspec.field(default="", name="effectiveMAC")
    name: str = ""
    vlan: int | None = None
    min_tx_rate: int | None = None
    max_tx_rate: int | None = None
    spoofchk: str = ""
    trust: str = ""
    link_state: str = ""
    plurimus: _Owner = _Owner()


def encode(saved: Saved, settings: Settings, conf: dict[str, Any]) -> bytes:
    """The file of `saved`; `conf` is the configuration it was made by, of which little is kept.

    Releases of the plugin before 2.3 read what they need at the top.
    """
    original, values = saved.original, settings.values
    document: dict[str, Any] = {key: conf[key] for key in ("cniVersion", "name", "type") if key in conf}
    ipam = conf.get("ipam")
    document["ipam"] = {"type": ipam.get("type", "")} if isinstance(ipam, dict) else {}
    document |= {
        "deviceID": saved.device, "Master": saved.physical, "VFID": original.index, "MAC": settings.mac,
        "MTU": saved.mtu, "runtimeConfig": {}, "DPDKMode": saved.userspace, "ContIFNames": saved.ifname,
        "HostIFNames": saved.home, "adminMAC": original.mac, "effectiveMAC": saved.mac,
        "vlan": values.get("vlan"), "vlanQoS": values.get("qos"), "vlanProto": _protocol(values.get("protocol")),
        "min_tx_rate": values.get("min_rate"), "max_tx_rate": values.get("max_rate"),
    }  # fmt: skip
    for key in ("spoofchk", "trust"):
        if key in values:
            document[key] = "on" if values[key] else "off"
    if "link_state" in values:
        document["link_state"] = LINK_STATES[int(str(values["link_state"]))]
    document["OrigVfState"] = msgspec.to_builtins(
        _Original(
            saved.home, bool(original.spoofchk), bool(original.trust), original.mac, saved.mac, original.vlan,
            original.qos, original.protocol, original.min_rate, original.max_rate, original.link_state, saved.mtu,
        )
    )  # fmt: skip
    owner = _Owner(saved.container_id, saved.ifname, saved.netns, list(saved.alternatives), saved.identity)
    document[_OURS] = msgspec.to_builtins(owner)
    return gojson.encode(document).encode()


def decode(content: bytes, name: str) -> Saved:
    """What a file called `name` says, whichever of both wrote it.

    Raises:
        ValueError: it is no such file.
    """
    found = gojson.convert(gojson.decode_object(content), _File)
    if not is_pci_address(found.device):
        raise ValueError(f"deviceID is {found.device!r}, expected a PCI address")
    before = found.original
    if before is None:
        before = _Original(found.home, True, False, found.admin_mac, found.effective_mac)
    function = VirtualFunction(
        found.index, before.admin_mac, before.vlan, before.vlan_qos, before.vlan_proto or VLAN_PROTOCOLS["802.1q"],
        before.spoof_chk, before.trust, before.link_state, before.min_tx_rate, before.max_tx_rate,
    )  # fmt: skip
    container_id, _, ifname = name.partition("-")
    rates = found.min_tx_rate is not None or found.max_tx_rate is not None
    vlan = found.vlan if found.original is None else found.vlan is not None
    given: dict[Aspect, object] = {
        "vlan": vlan, "rate": rates, "spoofchk": found.spoofchk, "trust": found.trust, "link_state": found.link_state,
        "mac": before.admin_mac,
    }  # fmt: skip
    return Saved(
        found.plurimus.container_id or container_id,
        found.plurimus.ifname or ifname,
        found.device,
        found.physical,
        function,
        frozenset(aspect for aspect, value in given.items() if value),
        found.plurimus.netns,
        found.name,
        before.host_if_name,
        before.effective_mac,
        before.mtu,
        tuple(found.plurimus.alternatives),
        found.plurimus.identity,
    )


def _protocol(number: object) -> str | None:
    return next((name for name, value in VLAN_PROTOCOLS.items() if value == number), None)
