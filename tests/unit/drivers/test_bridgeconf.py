"""What a bridge network asks for, and what a bridge that is a gateway adds to IPAM's answer."""

from __future__ import annotations

import json
from ipaddress import ip_interface
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurimus.cni.errors import ConfigError, PlurimusError, RequestError
from plurimus.cni.result import DNS, IPConfig, Result, Route
from plurimus.drivers import call
from plurimus.drivers.bridge import conf, gateways
from plurimus.drivers.bridge.conf import Settings
from plurimus.drivers.deletion import asks

HOST_LOCAL = {"type": "host-local", "subnet": "10.6.0.0/24"}
VLANS = st.integers(1, 4094)


def read(*, of_runtime: str = "", **keys: Any) -> Settings:
    document = {"cniVersion": "1.0.0", "name": "net1", "type": "bridge", **keys}
    env = {"CNI_COMMAND": "ADD", "CNI_CONTAINERID": "pod", "CNI_NETNS": "/proc/1/ns/net", "CNI_IFNAME": "eth0",
           "CNI_ARGS": of_runtime}  # fmt: skip
    return conf.read(call.read(env, json.dumps(document).encode(), ()))


def test_a_network_without_keys_is_a_port_of_cni0() -> None:
    settings = read()
    assert settings.bridge == "cni0"
    assert not settings.has_addresses
    assert settings.raises_interface
    assert (settings.mtu, settings.mac, settings.vlan, settings.trunk) == (0, b"", 0, ())
    assert not any(
        (settings.is_gateway, settings.promisc, settings.hairpin, settings.isolated, settings.filters_vlans,
         settings.ip_masq, settings.macspoofchk, settings.enabledad, settings.keep_default_vlan)
    )  # fmt: skip


def test_keys_count_in_any_case_and_null_is_no_key() -> None:
    settings = read(BRIDGE="br7", isdefaultgateway=True, vlanTrunk=None, mtu=None, ipam=HOST_LOCAL)
    assert settings.bridge == "br7"
    assert (settings.is_gateway, settings.is_default_gateway, settings.filters_vlans) == (True, True, False)


def test_a_negative_mtu_is_the_kernels_choice() -> None:
    assert read(mtu=-5).mtu == 0


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"bridge": ""}, "'bridge' is empty; name a bridge"),
        ({"bridge": "br%d"}, "'bridge' is 'br%d', which contains %"),
        ({"hairpinMode": True, "promiscMode": True}, "cannot set hairpin mode and promiscuous mode at the same time"),
        ({"vlan": 4095}, r"invalid VLAN ID 4095 \(must be between 0 and 4094\)"),
        ({"vlan": -1}, "invalid VLAN ID -1"),
        ({"disableContainerInterface": True, "ipam": HOST_LOCAL}, "cannot use IPAM when 'disableContainerInterface'"),
        ({"mtu": 65536}, "'mtu' is 65536, expected up to 65535 bytes"),
        ({"mtu": "big"}, "mtu"),
        ({"isGateway": "yes"}, "isGateway"),
        ({"ipMasq": True, "ipMasqBackend": "foo", "ipam": HOST_LOCAL}, "'ipMasqBackend' is 'foo', expected one of"),
        ({"vlanTrunk": [{"maxID": 5}]}, "minID is missing"),
        ({"vlanTrunk": [{"minID": 5}]}, "maxID is missing"),
        ({"vlanTrunk": [{"minID": 9, "maxID": 5}]}, "minID 9 is greater than maxID 5"),
        ({"vlanTrunk": [{"minID": 0, "maxID": 5}]}, "minID is 0, expected 1 to 4094"),
        ({"vlanTrunk": [{"minID": 1, "maxID": 4095}]}, "maxID is 4095, expected 1 to 4094"),
        ({"vlanTrunk": [{"id": 0}]}, "id is 0, expected 1 to 4094"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_name(keys: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says) as refused:
        read(**keys)
    assert "network configuration 'net1'" in refused.value.msg
    assert refused.value.code == 7


def test_a_backend_counts_only_where_something_is_masqueraded() -> None:
    assert read(ipMasqBackend="foo", ipam=HOST_LOCAL).ip_masq is False
    assert read(ipMasq=True, ipMasqBackend="nftables", ipam=HOST_LOCAL).ip_masq_backend == "nftables"


@given(st.lists(st.one_of(VLANS, st.tuples(VLANS, VLANS).map(sorted)), max_size=8))
def test_a_trunk_is_all_vlans_of_its_items_ascending(items: list[Any]) -> None:
    trunk = [{"id": each} if isinstance(each, int) else {"minID": each[0], "maxID": each[1]} for each in items]
    ranges = [range(each, each + 1) if isinstance(each, int) else range(each[0], each[1] + 1) for each in items]
    settings = read(vlanTrunk=trunk)
    assert list(settings.trunk) == sorted({vlan for each in ranges for vlan in each})
    assert settings.filters_vlans


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ({"runtime": "02:00:00:00:00:01", "args": "02:00:00:00:00:02", "env": "02:00:00:00:00:03"}, 1),
        ({"args": "02:00:00:00:00:02", "env": "02:00:00:00:00:03"}, 2),
        ({"env": "02-00-00-00-00-03"}, 3),
        ({"runtime": "0200.0000.0004"}, 4),
    ],
)
def test_the_mac_is_the_capabilitys_then_the_arguments_then_the_runtimes(said: dict[str, str], wanted: int) -> None:
    keys: dict[str, Any] = {}
    if "runtime" in said:
        keys["runtimeConfig"] = {"mac": said["runtime"]}
    if "args" in said:
        keys["args"] = {"cni": {"mac": said["args"]}}
    env = f"IgnoreUnknown=1;MAC={said['env']}" if "env" in said else ""
    assert read(of_runtime=env, **keys).mac == bytes([2, 0, 0, 0, 0, wanted])


@pytest.mark.parametrize("mac", ["zz", "02:00:00:00:00", "01:00:00:00:00:01", "00:00:00:00:00:00"])
def test_a_mac_that_is_none_is_the_pods_error(mac: str) -> None:
    with pytest.raises(RequestError, match="MAC"):
        read(runtimeConfig={"mac": mac})


def result(*ips: IPConfig, routes: tuple[Route, ...] = ()) -> Result:
    return Result("1.0.0", (), ips, routes)


def test_addresses_without_a_gateway_get_the_first_of_their_network() -> None:
    made = gateways.completed(
        result(IPConfig("10.6.0.5/24"), IPConfig("fd06::5/64", gateway="fd06::77"), IPConfig("10.7.1.1/16")),
        read(isGateway=True, ipam=HOST_LOCAL),
    )
    assert [(ip.gateway, ip.interface) for ip in made.ips] == [("10.6.0.1", 2), ("fd06::77", 2), ("10.7.0.1", 2)]
    assert made.routes == ()
    assert gateways.addresses(made) == [ip_interface(each) for each in ("10.6.0.1/24", "10.7.0.1/16", "fd06::77/64")]


def test_without_a_gateway_addresses_stay_as_ipam_gave_them() -> None:
    made = gateways.completed(result(IPConfig("10.6.0.5/24")), read(ipam=HOST_LOCAL))
    assert made.ips == (IPConfig("10.6.0.5/24", interface=2),)


@pytest.mark.parametrize(
    ("routes", "added"),
    [
        ((), [Route("0.0.0.0/0", gw="10.6.0.1"), Route("::/0", gw="fd06::1")]),
        ((Route("0.0.0.0/0"),), [Route("::/0", gw="fd06::1")]),
        ((Route("0.0.0.0/0", gw="10.6.0.9"), Route("::/0")), []),
        ((Route("10.9.0.0/16"),), [Route("0.0.0.0/0", gw="10.6.0.1"), Route("::/0", gw="fd06::1")]),
    ],
)
def test_each_family_gets_a_default_route_unless_it_has_one(routes: tuple[Route, ...], added: list[Route]) -> None:
    """Plugins spec, case 6: a default route without a gateway is one, too."""
    ips = (IPConfig("10.6.0.5/24"), IPConfig("10.7.0.5/24"), IPConfig("fd06::5/64"))
    made = gateways.completed(result(*ips, routes=routes), read(isDefaultGateway=True, ipam=HOST_LOCAL))
    assert list(made.routes) == [*routes, *added]


def test_a_network_of_one_address_has_no_room_for_a_gateway() -> None:
    with pytest.raises(PlurimusError, match=r"10\.6\.0\.5/32 has no gateway"):
        gateways.completed(result(IPConfig("10.6.0.5/32")), read(isGateway=True, ipam=HOST_LOCAL))


@pytest.mark.parametrize(
    ("present", "wanted", "unwanted"),
    [
        (["10.6.0.1/24"], "10.6.0.1/24", []),
        (["10.9.0.1/24", "10.6.0.1/24"], "10.6.0.1/24", []),
        (["10.6.0.1/16"], "10.6.0.1/24", ["10.6.0.1/16"]),
        (["10.9.0.1/24"], "10.6.0.1/24", ["10.9.0.1/24"]),
        (["fe80::1/64", "fd07::1/64"], "fd06::1/64", []),
        (["fe80::1/64", "fd06::9/64", "fd06::/16"], "fd06::1/64", ["fd06::9/64", "fd06::/16"]),
    ],
)
def test_a_bridge_has_one_ipv4_address_and_ipv6_networks_that_do_not_overlap(
    present: list[str], wanted: str, unwanted: list[str]
) -> None:
    found = gateways.conflicts([ip_interface(each) for each in present], ip_interface(wanted))
    assert found == [ip_interface(each) for each in unwanted]


@pytest.mark.parametrize(
    ("dns", "wanted"),
    [
        ({}, DNS(["10.0.0.53"])),
        ({"nameservers": None}, DNS(["10.0.0.53"])),
        ({"domain": ""}, DNS(["10.0.0.53"])),
        ({"nameservers": []}, DNS()),
        ({"search": ["a.example"]}, DNS(search=["a.example"])),
        ({"domain": "a.example"}, DNS(domain="a.example")),
    ],
)
def test_dns_of_the_network_is_instead_of_ipams(dns: dict[str, Any], wanted: DNS) -> None:
    assert read(dns=dns).dns.instead_of(DNS(["10.0.0.53"])) == wanted


@pytest.mark.parametrize("keys", [{"ipMasq": True}, {"IPMASQ": True}, {"ipMasq": "yes", "vlan": 9999}])
def test_a_deletion_reads_nothing_but_what_is_to_be_deleted(keys: dict[str, Any]) -> None:
    document = {"cniVersion": "1.0.0", "name": "net1", "type": "bridge", **keys}
    request = call.read({"CNI_COMMAND": "DEL"}, json.dumps(document).encode(), ())
    assert asks(request, "ipMasq")
    assert not asks(request, "macspoofchk")
