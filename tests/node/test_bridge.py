"""Pods on a bridge: what they get, whom they reach, and what is left of them; beside the plugin `bridge`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plurimus.adapters import netns
from plurimus.cni.errors import AttachmentError

from . import plugins
from .bridges import (
    BRIDGE,
    PODS,
    add,
    addresses,
    check,
    conf,
    delete,
    details,
    driver,
    executable,
    path,
    ping,
    pods,
    ports,
    sysctl,
    variables,
)  # fmt: skip
from .snapshot import ip, ip_json, kernel

pytestmark = pytest.mark.usefixtures("root", "node")

POD, OTHER = PODS
GATEWAY = conf("10.6.0.2/24", "fd06::2/64", isDefaultGateway=True)


@pytest.fixture
def node() -> Iterator[None]:
    with pods(*PODS):
        yield


def shape(result: Any) -> Any:
    """A result without what is different each time: MACs and the name of the host's end."""
    interfaces = [{**each, "mac": bool(each.get("mac"))} for each in result["interfaces"]]
    interfaces[1]["name"] = interfaces[1]["name"][:4] + str(len(interfaces[1]["name"]))
    return {**result, "interfaces": interfaces}


def inside(pod: str = POD) -> Any:
    """The pod without its MACs."""
    state = kernel(pod)
    return {**state, "links": {name: {**link, "address": ""} for name, link in state["links"].items()}}


@pytest.mark.parametrize(
    "given",
    [
        conf(),
        conf(mtu=1400),
        conf("10.6.0.2/24"),
        conf("10.6.0.2/24", isGateway=True),
        GATEWAY,
        conf("10.6.0.2/24", isDefaultGateway=True, enabledad=True, cniVersion="0.4.0"),
        conf(disableContainerInterface=True),
        conf("10.6.0.2/24", hairpinMode=True, portIsolation=True),
    ],
    ids=["l2", "mtu", "no gateway", "gateway", "dual stack", "dad", "down", "port"],
)  # fmt: skip
def test_result_pod_and_host_are_the_plugins(given: dict[str, Any]) -> None:
    theirs = executable("ADD", given)
    wanted, host, port = inside(), kernel(), details(theirs["interfaces"][1]["name"])
    executable("DEL", given)
    ip("link", "delete", BRIDGE)
    ours = add(given)
    assert shape(ours) == shape(theirs)
    assert inside() == wanted
    assert addresses(BRIDGE) == host["addresses"][BRIDGE]
    assert [route for route in kernel()["routes"] if route[1].get("dev") == BRIDGE] == [
        route for route in host["routes"] if route[1].get("dev") == BRIDGE
    ]
    now = details(ours["interfaces"][1]["name"])
    assert (now["mtu"], now.get("txqlen"), now["flags"], now["operstate"], now["master"]) == (
        port["mtu"], port.get("txqlen"), port["flags"], port["operstate"], port["master"],
    )  # fmt: skip
    for key in ("hairpin", "isolated", "state"):
        assert now["linkinfo"]["info_slave_data"][key] == port["linkinfo"]["info_slave_data"][key]
    check(given, ours)
    delete(given)
    assert ports() == []
    assert "eth0" not in kernel(POD)["links"]


def test_the_result_names_macs_that_are_there() -> None:
    result = add(GATEWAY)
    bridge, host, pod = result["interfaces"]
    assert details(BRIDGE)["address"] == bridge["mac"]
    assert details(host["name"])["address"] == host["mac"]
    assert details("eth0", POD)["address"] == pod["mac"]
    assert ports() == [host["name"]]


def test_pods_reach_each_other_their_gateway_and_by_it_the_world() -> None:
    add(GATEWAY)
    add(conf("10.6.0.3/24", "fd06::3/64", isDefaultGateway=True), OTHER)
    for target in ("10.6.0.1", "10.6.0.3", "fd06::1", "fd06::3"):
        assert ping(target, POD), target
    assert Path("/proc/sys/net/ipv4/ip_forward").read_text() == "1\n"
    assert Path("/proc/sys/net/ipv6/conf/all/forwarding").read_text() == "1\n"


def test_isolated_ports_reach_the_gateway_and_not_each_other() -> None:
    add(conf("10.6.0.2/24", isGateway=True, portIsolation=True))
    add(conf("10.6.0.3/24", isGateway=True, portIsolation=True), OTHER)
    assert ping("10.6.0.1", POD)
    assert not ping("10.6.0.3", POD, "-W", "1")


def test_parameters_of_the_kernel_are_the_plugins() -> None:
    host = add(GATEWAY)["interfaces"][1]["name"]
    assert sysctl("net/ipv6/conf/eth0/accept_dad", POD) == "0"
    assert sysctl("net/ipv4/conf/eth0/arp_notify", POD) == "1"
    assert sysctl("net/ipv6/conf/eth0/keep_addr_on_down", POD) == "1"
    for name in (host, BRIDGE):
        assert Path(f"/proc/sys/net/ipv6/conf/{name}/accept_ra").read_text() == "0\n"
    add(conf("10.6.0.3/24", isGateway=True, enabledad=True), OTHER)
    assert sysctl("net/ipv6/conf/eth0/accept_dad", OTHER) == "1"
    assert sysctl("net/ipv6/conf/eth0/enhanced_dad", OTHER) == "1"


def test_the_pods_mac_and_the_promiscuous_bridge_are_as_asked_for() -> None:
    given = conf("10.6.0.2/24", promiscMode=True, runtimeConfig={"mac": "02:00:00:00:00:77"})
    result = add(given)
    assert details("eth0", POD)["address"] == result["interfaces"][2]["mac"] == "02:00:00:00:00:77"
    assert "PROMISC" in details(BRIDGE)["flags"]
    check(given, result)
    ip("link", "set", BRIDGE, "promisc", "off")
    with pytest.raises(AttachmentError, match=f"bridge '{BRIDGE}' is not promiscuous any more"):
        check(given, result)


@pytest.mark.parametrize("added_by", ["driver", "executable"])
@pytest.mark.parametrize("given", [conf(), GATEWAY], ids=["l2", "gateway"])
def test_one_deletes_what_the_other_made(given: dict[str, Any], added_by: str) -> None:
    result = add(given) if added_by == "driver" else executable("ADD", given)
    check(given, result)
    if added_by == "driver" and "ipam" in given:
        executable("CHECK", {**given, "prevResult": result})
    if added_by == "driver":
        executable("DEL", given)
    else:
        delete(given)
    assert ports() == []
    assert list(kernel(POD)["links"]) == ["lo"]


def test_a_bridge_is_shared_with_pods_of_the_plugin() -> None:
    theirs = executable("ADD", GATEWAY)
    ours = add(conf("10.6.0.3/24", "fd06::3/64", isDefaultGateway=True), OTHER)
    assert ours["interfaces"][0] == theirs["interfaces"][0]
    assert ping("10.6.0.2", OTHER)
    executable("CHECK", {**GATEWAY, "prevResult": theirs})


def test_a_bridge_keeps_the_mac_it_had_as_a_gateway() -> None:
    mac = add(GATEWAY)["interfaces"][0]["mac"]
    delete(GATEWAY)
    add(conf("10.6.0.3/24", "fd06::3/64", isGateway=True, runtimeConfig={"mac": "02:00:00:00:00:01"}), OTHER)
    assert details(BRIDGE)["address"] == mac


def test_a_bridge_without_a_mac_gets_one_as_a_gateway() -> None:
    """Plugins spec, case 30: there the first ADD fails."""
    add(conf())
    delete(conf())
    assert details(BRIDGE)["address"] == "00:00:00:00:00:00"
    mac = add(GATEWAY)["interfaces"][0]["mac"]
    assert mac == details(BRIDGE)["address"] != "00:00:00:00:00:00"
    delete(GATEWAY)
    assert details(BRIDGE)["address"] == mac


def test_another_address_of_the_bridge_is_replaced_only_by_force() -> None:
    add(GATEWAY)
    before = kernel(OTHER)
    second = conf("10.8.0.2/24", "fd08::2/64", isGateway=True)
    with pytest.raises(AttachmentError, match=r"'br7' already has an IP address different from 10\.8\.0\.1/24"):
        add(second, OTHER)
    assert kernel(OTHER) == before
    assert len(ports()) == 1
    add({**second, "forceAddress": True}, OTHER)
    assert sorted(addresses(BRIDGE)) == ["10.8.0.1/24", "fd06::1/64", "fd08::1/64"]


def test_a_default_route_of_ipam_without_a_gateway_leads_to_the_bridge() -> None:
    """Plugins spec, case 6: there it fails."""
    given = conf(isDefaultGateway=True, ipam={
        "type": "static", "addresses": [{"address": "10.6.0.2/24"}], "routes": [{"dst": "0.0.0.0/0"}],
    })  # fmt: skip
    result = add(given)
    assert result["routes"] == [{"dst": "0.0.0.0/0"}]
    (route,) = ip_json("route", "show", "default", namespace=POD)
    assert route["gateway"] == "10.6.0.1"
    check(given, result)


def test_something_else_of_the_bridges_name_is_refused() -> None:
    ip("link", "add", BRIDGE, "type", "veth", "peer", "name", "br7-peer")
    with pytest.raises(AttachmentError, match="'br7' already exists but is not a bridge"):
        add(GATEWAY)
    with pytest.raises(AttachmentError, match="'br7' already exists but is not a bridge"):
        plugins.ours(driver(), variables("STATUS", "", ""), GATEWAY)
    assert list(kernel(POD)["links"]) == ["lo"]


def test_a_bridge_made_anew_under_the_same_name_is_used() -> None:
    by = driver()
    for _ in range(2):
        add(GATEWAY, by=by)
        assert addresses(BRIDGE) == ["10.6.0.1/24", "fd06::1/64"]
        delete(GATEWAY, by=by)
        ip("link", "delete", BRIDGE)
    ip("link", "add", BRIDGE, "type", "veth", "peer", "name", "br7-peer")
    with pytest.raises(AttachmentError, match="not a bridge"):
        add(GATEWAY, by=by)


@pytest.mark.parametrize("gone", ["interface", "bridge", "namespace", "nothing told", "everything"])
def test_a_deletion_succeeds_whatever_is_gone(gone: str) -> None:
    add(GATEWAY)
    if gone in ("interface", "everything"):
        ip("link", "delete", "eth0", namespace=POD)
    if gone in ("bridge", "everything"):
        ip("link", "delete", BRIDGE)
    if gone in ("namespace", "everything"):
        netns.delete(path(POD))
    for _ in range(2):
        delete(
            {**GATEWAY, "vlan": 9999, "hairpinMode": True, "promiscMode": True}, "" if gone == "nothing told" else POD
        )
    if gone not in ("nothing told", "namespace"):
        assert [link for link in kernel()["links"] if link.startswith("veth")] == []
