"""What a configuration of `sriov` asks for, checked before anything is touched.

Beyond the plugin: `mtu` has an effect; what is neither `on` nor `off`, a rate below the other, and a MAC that no
interface can have are refused.

RDMA spec section 1.1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import msgspec

from plurimus.adapters.sysfs import is_pci_address
from plurimus.cni import macs
from plurimus.cni.errors import ConfigError, RequestError
from plurimus.drivers.call import Call
from plurimus.wire.rtkinds import MOST_VLAN
from plurimus.wire.rtvfs import LINK_STATES, VLAN_PROTOCOLS, Aspect, VirtualFunction

T = TypeVar("T")

_MOST_QOS, _MOST_U32 = 7, 2**32 - 1
_LEAST_MTU, _MOST_MTU = 68, 65535
_SWITCH = {"on": True, "off": False}
_MAC = re.compile(r"([0-9a-f]{2}([:-])){5}[0-9a-f]{2}|([0-9a-f]{4}\.){2}[0-9a-f]{4}")


class _Runtime(msgspec.Struct, frozen=True):
    mac: str = ""


class _Keys(msgspec.Struct, frozen=True):
    """The keys as they stand in the configuration, None where they do not."""

    device_id: str = msgspec.field(default="", name="deviceID")
    vlan: int | None = None
    vlan_qos: int | None = msgspec.field(default=None, name="vlanQoS")
    vlan_proto: str | None = msgspec.field(default=None, name="vlanProto")
    mac: str = ""
    mtu: int = 0
    spoofchk: str = ""
    trust: str = ""
    link_state: str = ""
    min_tx_rate: int | None = None
    max_tx_rate: int | None = None
    runtime_config: _Runtime = msgspec.field(default=_Runtime(), name="runtimeConfig")


@dataclass(frozen=True, slots=True)
class Settings:
    """`device` is the PCI address of the VF; `mac` is empty and `mtu` 0 where they are left as they are.

    `aspects` are those to set through the PF, in the order of the plugin, with the values they have in `values`.
    """

    device: str
    mac: str
    mtu: int
    aspects: tuple[Aspect, ...]
    values: Mapping[str, object]

    def wanted(self, present: VirtualFunction) -> VirtualFunction:
        """What `present` is to become."""
        return replace(present, **self.values)  # type: ignore[arg-type]


def read(call: Call) -> Settings:
    """The settings of an ADD or CHECK.

    Raises:
        ConfigError: the network, the key, and what it may be.
        RequestError: the pod asks for a MAC that is none.
    """
    keys = call.settings(_Keys)
    subject = f"network configuration {call.network!r}"
    if not keys.device_id:
        raise ConfigError(
            f"{subject}: 'deviceID' is missing: the PCI address of a VF, which the network's resource name gives, "
            "or the configuration itself"
        )
    device = keys.device_id.lower()
    if not is_pci_address(device):
        raise ConfigError(f"{subject}: 'deviceID' is {keys.device_id!r}, expected a PCI address, as 0000:3b:02.1")
    values: dict[str, object] = {**_vlan(keys, subject), **_rates(keys, subject)}
    mac = _mac(keys, call, subject)
    if mac:
        values["mac"] = mac
    for key, text in (("spoofchk", keys.spoofchk), ("trust", keys.trust)):
        if text:
            values[key] = _one_of(subject, key, text, _SWITCH)
    if keys.link_state:
        states = {state: number for number, state in enumerate(LINK_STATES)}
        values["link_state"] = _one_of(subject, "link_state", keys.link_state, states)
    if keys.mtu:
        _within(subject, "mtu", keys.mtu, _LEAST_MTU, _MOST_MTU)
    order: tuple[tuple[Aspect, str], ...] = (
        ("vlan", "vlan"), ("mac", "mac"), ("rate", "min_rate"), ("spoofchk", "spoofchk"), ("trust", "trust"),
        ("link_state", "link_state"),
    )  # fmt: skip
    aspects = tuple(aspect for aspect, key in order if key in values)
    return Settings(device, mac, keys.mtu, aspects, values)


def _vlan(keys: _Keys, subject: str) -> dict[str, object]:
    if keys.vlan is None:
        for key, value in (("vlanQoS", keys.vlan_qos), ("vlanProto", keys.vlan_proto)):
            if value is not None:
                raise ConfigError(f"{subject}: {key!r} says nothing without 'vlan'; add it, or leave {key!r} out")
        return {}
    _within(subject, "vlan", keys.vlan, 0, MOST_VLAN)
    qos = keys.vlan_qos or 0
    _within(subject, "vlanQoS", qos, 0, _MOST_QOS)
    protocol = _one_of(subject, "vlanProto", (keys.vlan_proto or "802.1q").lower(), VLAN_PROTOCOLS)
    if not keys.vlan and qos:
        raise ConfigError(f"{subject}: 'vlanQoS' is {qos}, but 'vlan' is 0: a frame without a tag has no priority")
    if not keys.vlan and protocol != VLAN_PROTOCOLS["802.1q"]:
        raise ConfigError(f"{subject}: 'vlanProto' is 802.1ad, but 'vlan' is 0: a frame without a tag has no protocol")
    return {"vlan": keys.vlan, "qos": qos, "protocol": protocol}


def _rates(keys: _Keys, subject: str) -> dict[str, object]:
    if keys.min_tx_rate is None and keys.max_tx_rate is None:
        return {}
    least, most = keys.min_tx_rate or 0, keys.max_tx_rate or 0
    for key, value in (("min_tx_rate", least), ("max_tx_rate", most)):
        _within(subject, key, value, 0, _MOST_U32)
    if most and least > most:
        raise ConfigError(f"{subject}: 'min_tx_rate' is {least}, more than 'max_tx_rate', which is {most}")
    return {"min_rate": least, "max_rate": most}


def _mac(keys: _Keys, call: Call, subject: str) -> str:
    """The MAC in its one spelling: the pod's by capability, the pod's by CNI_ARGS, the configuration's."""
    asked = keys.runtime_config.mac or dict(call.args).get("MAC", "")
    text = (asked or keys.mac).lower()
    if not text:
        return ""
    error = RequestError if asked else ConfigError
    if not _MAC.fullmatch(text):
        raise error(
            f"{subject}: {macs.called(text, keys.mac.lower())} is none; expected six octets, as 02:00:00:00:00:01"
        )
    packed = bytes.fromhex(re.sub(r"[:.-]", "", text))
    if packed[0] & 1 or not any(packed):
        raise error(f"{subject}: MAC {text!r} cannot be that of an interface; it is that of a group, or all zeros")
    return packed.hex(":")


def _within(subject: str, key: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise ConfigError(f"{subject}: {key!r} is {value}, expected {least} to {most}")


def _one_of(subject: str, key: str, text: str, choices: Mapping[str, T]) -> T:
    if text not in choices:
        raise ConfigError(f"{subject}: {key!r} is {text!r}, expected one of {', '.join(choices)}")
    return choices[text]
