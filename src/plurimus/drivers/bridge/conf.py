"""The keys of a bridge network, checked.

Plugins spec section 3.1.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from plurimus.cni import args
from plurimus.cni.errors import ConfigError
from plurimus.drivers import lower
from plurimus.drivers.call import Call
from plurimus.drivers.dns import DnsKeys
from plurimus.drivers.ipam import Ipam
from plurimus.drivers.masquerade.masquerade import check_backend
from plurimus.wire.rtkinds import MOST_VLAN

KEYS = (
    "bridge", "isGateway", "isDefaultGateway", "forceAddress", "ipMasq", "ipMasqBackend", "mtu", "hairpinMode",
    "promiscMode", "vlan", "vlanTrunk", "preserveDefaultVlan", "macspoofchk", "enabledad",
    "disableContainerInterface", "portIsolation",
)  # fmt: skip
_DEFAULT_BRIDGE = "cni0"


class _Trunk(msgspec.Struct, frozen=True):
    min_id: int | None = msgspec.field(default=None, name="minID")
    max_id: int | None = msgspec.field(default=None, name="maxID")
    id: int | None = None


class _Mac(msgspec.Struct, frozen=True):
    mac: str = ""


class _Args(msgspec.Struct, frozen=True):
    cni: _Mac = _Mac()


class _Keys(msgspec.Struct, frozen=True, rename="camel"):
    bridge: str = _DEFAULT_BRIDGE
    is_gateway: bool = False
    is_default_gateway: bool = False
    force_address: bool = False
    ip_masq: bool = False
    ip_masq_backend: str = ""
    mtu: int = 0
    hairpin_mode: bool = False
    promisc_mode: bool = False
    vlan: int = 0
    vlan_trunk: list[_Trunk] | None = None
    preserve_default_vlan: bool = False
    macspoofchk: bool = False
    enabledad: bool = False
    disable_container_interface: bool = False
    port_isolation: bool = False
    dns: DnsKeys = DnsKeys()
    args: _Args = _Args()
    runtime_config: _Mac = _Mac()


@dataclass(frozen=True, slots=True)
class Settings:
    """What an ADD or CHECK asks for; `mtu` and `mac` are 0 and empty where the kernel chooses.

    `trunk` are the VLANs with tags, `filters_vlans` is whether a bridge that is made is to know of VLANs at all.
    """

    bridge: str
    has_addresses: bool
    is_gateway: bool
    is_default_gateway: bool
    force_address: bool
    ip_masq: bool
    ip_masq_backend: str
    mtu: int
    mac: bytes
    hairpin: bool
    promisc: bool
    isolated: bool
    vlan: int
    trunk: tuple[int, ...]
    filters_vlans: bool
    keep_default_vlan: bool
    macspoofchk: bool
    enabledad: bool
    raises_interface: bool
    dns: DnsKeys = field(default_factory=DnsKeys)


def read(call: Call) -> Settings:
    """The settings of a call.

    Raises:
        ConfigError: the network, the key, and what it may be.
        RequestError: the pod asks for a MAC that is none.
    """
    keys = call.settings(_Keys)
    subject = f"network configuration {call.network!r}"
    has_addresses = bool(Ipam.kind(call))
    mac = keys.runtime_config.mac or keys.args.cni.mac or dict(call.args).get("MAC", "")
    _refuse(keys, subject, has_addresses=has_addresses)
    return Settings(
        bridge=keys.bridge,
        has_addresses=has_addresses,
        is_gateway=keys.is_gateway or keys.is_default_gateway,
        is_default_gateway=keys.is_default_gateway,
        force_address=keys.force_address,
        ip_masq=keys.ip_masq,
        ip_masq_backend=keys.ip_masq_backend,
        mtu=max(keys.mtu, 0),
        mac=lower.asked_mac(call, mac, own=""),
        hairpin=keys.hairpin_mode,
        promisc=keys.promisc_mode,
        isolated=keys.port_isolation,
        vlan=keys.vlan,
        trunk=_trunk(keys.vlan_trunk or [], subject),
        filters_vlans=keys.vlan != 0 or keys.vlan_trunk is not None,
        keep_default_vlan=keys.preserve_default_vlan,
        macspoofchk=keys.macspoofchk,
        enabledad=keys.enabledad,
        raises_interface=not keys.disable_container_interface,
        dns=keys.dns,
    )


def _refuse(keys: _Keys, subject: str, *, has_addresses: bool) -> None:
    if not keys.bridge:
        raise ConfigError(f"{subject}: 'bridge' is empty; name a bridge, or leave the key out for {_DEFAULT_BRIDGE!r}")
    if problem := args.ifname_problem(keys.bridge):
        raise ConfigError(f"{subject}: 'bridge' is {keys.bridge!r}, which {problem}")
    if keys.hairpin_mode and keys.promisc_mode:
        raise ConfigError(
            f"{subject}: cannot set hairpin mode and promiscuous mode at the same time; leave out 'hairpinMode' or "
            "'promiscMode'"
        )
    if not 0 <= keys.vlan <= MOST_VLAN:
        raise ConfigError(f"{subject}: invalid VLAN ID {keys.vlan} (must be between 0 and {MOST_VLAN})")
    if keys.disable_container_interface and has_addresses:
        raise ConfigError(
            f"{subject}: cannot use IPAM when 'disableContainerInterface' is set: an interface that is down has no use "
            "for addresses; leave out one of the two"
        )
    if keys.mtu > lower.MOST_MTU:
        raise ConfigError(f"{subject}: 'mtu' is {keys.mtu}, expected up to {lower.MOST_MTU} bytes")
    if keys.ip_masq and has_addresses:
        check_backend(subject, keys.ip_masq_backend)


def _trunk(items: list[_Trunk], subject: str) -> tuple[int, ...]:
    """The VLANs of all items, ascending."""
    found: set[int] = set()
    for item in items:
        least, most = item.min_id, item.max_id
        if (least is None) != (most is None):
            missing = "minID" if least is None else "maxID"
            raise ConfigError(
                f"{subject}: 'vlanTrunk': minID and maxID should be configured simultaneously, {missing} is missing"
            )
        for key, value in (("minID", least), ("maxID", most), ("id", item.id)):
            if value is not None and not 1 <= value <= MOST_VLAN:
                raise ConfigError(f"{subject}: 'vlanTrunk': {key} is {value}, expected 1 to {MOST_VLAN}")
        if least is not None and most is not None:
            if least > most:
                raise ConfigError(f"{subject}: 'vlanTrunk': minID {least} is greater than maxID {most}")
            found.update(range(least, most + 1))
        if item.id is not None:
            found.add(item.id)
    return tuple(sorted(found))
