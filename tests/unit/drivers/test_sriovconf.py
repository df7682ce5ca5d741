"""Configurations of `sriov`: what they ask for, and what is refused before anything is touched."""

from __future__ import annotations

from typing import Any

import pytest

from plurimus.cni.args import parse_args
from plurimus.cni.errors import ConfigError, RequestError
from plurimus.drivers.call import Call
from plurimus.drivers.sriov import conf as sriovconf
from plurimus.drivers.sriov.conf import Settings
from plurimus.wire.rtvfs import VirtualFunction

VF = VirtualFunction(1, "00:00:00:00:00:00", spoofchk=True, trust=False)
CONFIG, NODE, POD = "02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03"


def read(args: str = "", **conf: Any) -> Settings:
    document = {"name": "rail", "deviceID": "0000:01:10.1", **conf}
    return sriovconf.read(Call("ADD", args=parse_args(args), conf=document))


def wanted(**conf: Any) -> VirtualFunction:
    return read(**conf).wanted(VF)


def test_a_vf_without_settings_is_left_as_it_is() -> None:
    settings = read()
    assert (settings.device, settings.mac, settings.mtu, settings.aspects) == ("0000:01:10.1", "", 0, ())
    assert settings.wanted(VF) == VF
    nothing = {"vlan": None, "vlanQoS": None, "vlanProto": None, "min_tx_rate": None, "max_tx_rate": None}
    assert read(**nothing, spoofchk="", trust="", link_state="", mac="").aspects == ()


def test_vlan_0_is_a_setting_and_has_the_usual_priority_and_protocol() -> None:
    assert read(vlan=0).aspects == ("vlan",)
    assert wanted(vlan=0).aspect("vlan") == (0, 0, 0x8100)
    assert wanted(vlan=4094, vlanQoS=7, vlanProto="802.1AD").aspect("vlan") == (4094, 7, 0x88A8)
    assert read(VLAN=5, vlanqos=1).wanted(VF).aspect("vlan") == (5, 1, 0x8100)


def test_one_rate_alone_has_the_other_be_0() -> None:
    assert wanted(min_tx_rate=10).aspect("rate") == (10, 0)
    assert wanted(max_tx_rate=10).aspect("rate") == (0, 10)
    assert wanted(min_tx_rate=10, max_tx_rate=20).aspect("rate") == (10, 20)


def test_switches_and_link_states_are_understood() -> None:
    assert wanted(spoofchk="off", trust="on").aspect("trust") == (True,)
    assert wanted(spoofchk="off").spoofchk is False
    assert [wanted(link_state=state).link_state for state in ("auto", "enable", "disable")] == [0, 1, 2]


def test_the_mac_is_the_pods_by_capability_else_by_arguments_else_the_configurations() -> None:
    everyone = {"mac": CONFIG, "runtimeConfig": {"mac": POD}}
    assert read(f"MAC={NODE}", **everyone).mac == POD
    assert read(f"MAC={NODE}", mac=CONFIG).mac == NODE
    assert read("", mac=CONFIG).mac == CONFIG
    assert read("", mac=CONFIG).aspects == ("mac",)


@pytest.mark.parametrize("text", ["02:00:00:00:00:AB", "02-00-00-00-00-ab", "0200.0000.00AB"])
def test_a_mac_has_one_spelling(text: str) -> None:
    assert read(mac=text).mac == "02:00:00:00:00:ab"
    assert wanted(mac=text).mac == "02:00:00:00:00:ab"


@pytest.mark.parametrize(
    ("conf", "problem"),
    [
        ({"deviceID": ""}, "'deviceID' is missing"),
        ({"deviceID": "../0000:01:10.1"}, "expected a PCI address"),
        ({"vlan": -1}, "'vlan' is -1, expected 0 to 4094"),
        ({"vlan": 4095}, "'vlan' is 4095, expected 0 to 4094"),
        ({"vlan": "100"}, r"\$.vlan"),
        ({"vlan": 5, "vlanQoS": 8}, "'vlanQoS' is 8, expected 0 to 7"),
        ({"vlanQoS": 3}, "'vlanQoS' says nothing without 'vlan'"),
        ({"vlanProto": "802.1q"}, "'vlanProto' says nothing without 'vlan'"),
        ({"vlan": 0, "vlanQoS": 3}, "'vlan' is 0"),
        ({"vlan": 0, "vlanProto": "802.1ad"}, "'vlan' is 0"),
        ({"vlan": 5, "vlanProto": "802.1x"}, "'vlanProto' is '802.1x', expected one of 802.1q, 802.1ad"),
        ({"spoofchk": "yes"}, "'spoofchk' is 'yes', expected one of on, off"),
        ({"trust": "true"}, "'trust' is 'true', expected one of on, off"),
        ({"link_state": "up"}, "'link_state' is 'up', expected one of auto, enable, disable"),
        ({"min_tx_rate": -1}, "'min_tx_rate' is -1"),
        ({"max_tx_rate": 2**32}, "'max_tx_rate' is 4294967296"),
        ({"min_tx_rate": 20, "max_tx_rate": 10}, "'min_tx_rate' is 20, more than 'max_tx_rate', which is 10"),
        ({"mtu": 67}, "'mtu' is 67, expected 68 to 65535"),
        ({"mac": "02:00:00:00:00"}, "MAC '02:00:00:00:00' is none"),
        ({"mac": "02:00:00:00:00:00:00:01"}, "is none; expected six octets"),
        ({"mac": "01:00:00:00:00:01"}, "cannot be that of an interface"),
        ({"mac": "00:00:00:00:00:00"}, "cannot be that of an interface"),
    ],
)
def test_what_a_configuration_cannot_say_is_refused_with_key_and_network(conf: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=rf"network configuration 'rail': .*{problem}"):
        read(**conf)


def test_a_mac_the_pod_asks_for_is_the_pods_fault() -> None:
    with pytest.raises(RequestError, match="the MAC that is asked for is none"):
        read("MAC=nonsense")
