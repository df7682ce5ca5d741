"""Bridges that know of VLANs: the driver of `bridge` beside the plugin, and frames that stay in their VLAN."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.node import plugins
from tests.node.bridges import (
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
    ping,
    pods,
    ports,
    variables,
)  # fmt: skip
from tests.node.snapshot import ip, ip_json, kernel, run

POD, OTHER = PODS
RANGE = {"minID": 100, "maxID": 103}
NETWORKS: dict[str, dict[str, Any]] = {
    "vlan": conf(vlan=100),
    "vlan and default": conf(vlan=100, preserveDefaultVlan=True),
    "trunk": conf(vlanTrunk=[RANGE, {"id": 7}, {"id": 200}]),
    "trunk and vlan": conf(vlan=50, vlanTrunk=[RANGE]),
    "trunk with the default": conf(vlanTrunk=[{"minID": 1, "maxID": 3}]),
    "trunk and default": conf(vlanTrunk=[RANGE], preserveDefaultVlan=True),
    "everything": conf(vlan=4094, vlanTrunk=[{"minID": 1, "maxID": 4093}]),
    "empty trunk": conf(vlanTrunk=[]),
    "gateway": conf("10.6.0.2/24", "fd06::2/64", vlan=100, isDefaultGateway=True),
    "gateway and default": conf("10.6.0.2/24", vlan=100, isGateway=True, preserveDefaultVlan=True),
    "hairpin": conf(vlan=100, hairpinMode=True, portIsolation=True),
}


@pytest.fixture(autouse=True)
def node() -> Iterator[None]:
    with pods(*PODS):
        yield


def vlans(link: str) -> list[dict[str, Any]]:
    """What a port is in: `vlan`, `vlanEnd` of a range, `flags`."""
    found = json.loads(run("bridge", "-json", "vlan", "show", "dev", link) or "[]")
    return [entry for each in found for entry in each["vlans"]]


def seen(result: Any, pod: str = POD) -> dict[str, Any]:
    """What an attachment is, without names and MACs that are different each time."""
    interfaces = result["interfaces"]
    host = interfaces[1]["name"]
    port = details(host)["linkinfo"]["info_slave_data"]
    found = {
        "interfaces": [each["name"] if at != 1 else "HOST" for at, each in enumerate(interfaces)],
        "rest": {key: value for key, value in result.items() if key != "interfaces"},
        "filtering": details(BRIDGE)["linkinfo"]["info_data"]["vlan_filtering"],
        "vlans": vlans(host),
        "port": {key: port[key] for key in ("hairpin", "isolated", "state")},
        "bridge": addresses(BRIDGE),
        "routes": kernel(pod)["routes"],
    }
    if len(interfaces) > 3:
        name = interfaces[3]["name"]
        (peer,) = (link for link in ip_json("link", "show") if link.get("link") == name)
        found |= {
            "gateway": addresses(name), "up": "UP" in details(name)["flags"], "mtu": details(name)["mtu"],
            "queues": [details(each).get("txqlen") for each in (name, peer["ifname"])],
            "gateway's vlans": vlans(peer["ifname"]), "master": peer["master"],
        }  # fmt: skip
        assert details(name)["address"] == interfaces[3]["mac"]
    return found


def clean() -> None:
    for link in kernel()["links"]:
        if link == BRIDGE or link.startswith(f"{BRIDGE}."):
            ip("link", "delete", link)


@pytest.mark.parametrize("given", NETWORKS.values(), ids=NETWORKS)
def test_vlans_of_ports_are_the_plugins(given: dict[str, Any]) -> None:
    """Plugins spec, cases 18 to 22."""
    wanted = seen(executable("ADD", given))
    executable("DEL", given)
    clean()
    ours = add(given)
    assert seen(ours) == wanted
    assert wanted["filtering"] == 1
    check(given, ours)
    delete(given)
    assert "eth0" not in kernel(POD)["links"]


def test_frames_stay_in_their_vlan() -> None:
    add(conf("10.6.0.2/24", vlan=100))
    add(conf("10.6.0.3/24", vlan=100), OTHER)
    assert ping("10.6.0.3", POD)
    delete(conf("10.6.0.3/24", vlan=100), OTHER)
    add(conf("10.6.0.3/24", vlan=200), OTHER)
    assert not ping("10.6.0.3", POD, "-W", "2")


def test_the_hosts_interface_is_the_gateway_of_its_vlan_alone() -> None:
    given = conf("10.6.0.2/24", vlan=100, isDefaultGateway=True)
    name = add(given)["interfaces"][3]["name"]
    assert name == f"{BRIDGE}.100"
    assert ping("10.6.0.1", POD)
    # the second pod of the VLAN, and one of another, use what is there
    add(conf("10.6.0.3/24", vlan=100, isDefaultGateway=True), OTHER)
    assert ping("10.6.0.1", OTHER)
    assert ping("10.6.0.3", POD)
    delete(conf("10.6.0.3/24", vlan=100, isDefaultGateway=True), OTHER)
    add(conf("10.7.0.3/24", vlan=200, isDefaultGateway=True), OTHER)
    assert ping("10.7.0.1", OTHER)
    assert (addresses(name), addresses(f"{BRIDGE}.200"), addresses(BRIDGE)) == (["10.6.0.1/24"], ["10.7.0.1/24"], [])
    assert len(ports()) == 4


def test_a_trunk_carries_the_tagged_frames_of_its_vlans() -> None:
    add(conf(vlanTrunk=[RANGE]))
    add(conf("10.6.0.3/24", vlan=102), OTHER)
    ip("link", "add", "link", "eth0", "name", "eth0.102", "type", "vlan", "id", "102", namespace=POD)
    ip("addr", "add", "10.6.0.2/24", "dev", "eth0.102", namespace=POD)
    ip("link", "set", "eth0.102", "up", namespace=POD)
    assert ping("10.6.0.3", POD)


def test_a_vlan_that_is_in_the_trunk_too_stays_the_untagged_one() -> None:
    """The plugin has its frames tagged then, and drops what has no tag."""
    host = add(conf(vlan=102, vlanTrunk=[RANGE]))["interfaces"][1]["name"]
    flags = {each["vlan"]: each.get("flags", []) for each in vlans(host)}
    assert flags[102] == ["PVID", "Egress Untagged"]
    assert [vlan for vlan, marks in flags.items() if marks] == [102]


@pytest.mark.parametrize("added_by", ["driver", "executable"])
def test_one_deletes_what_the_other_made(added_by: str) -> None:
    given = conf("10.6.0.2/24", vlan=100, isDefaultGateway=True)
    result = add(given) if added_by == "driver" else executable("ADD", given)
    check(given, result)
    executable("CHECK", {**given, "prevResult": result})
    if added_by == "driver":
        executable("DEL", given)
    else:
        delete(given)
    assert "eth0" not in kernel(POD)["links"]


HALVES = {
    "no port": [],
    "in the default VLAN": [f"ip link set half master {BRIDGE}"],
    "in no VLAN": [f"ip link set half master {BRIDGE}", "bridge vlan del dev half vid 1"],
}
GATED = conf("10.6.0.2/24", vlan=100, isDefaultGateway=True)
ITS_VLAN = {"vlan": 100, "flags": ["PVID", "Egress Untagged"]}


def half_made(commands: list[str]) -> None:
    """What somebody leaves who is killed while the host's interface in VLAN 100 is made."""
    ip("link", "add", BRIDGE, "type", "bridge", "vlan_filtering", "1")
    ip("link", "add", f"{BRIDGE}.100", "type", "veth", "peer", "name", "half")
    for command in commands:
        run(*command.split())


@pytest.mark.parametrize("commands", HALVES.values(), ids=HALVES)
def test_a_gateway_that_was_left_half_made_is_finished_by_the_next_pod(commands: list[str]) -> None:
    half_made(commands)
    add(GATED)
    assert (details("half")["master"], vlans("half")) == (BRIDGE, [ITS_VLAN])
    assert ping("10.6.0.1", POD)


def test_pods_that_come_at_once_all_finish_a_gateway_that_was_left_half_made() -> None:
    half_made([])

    async def work() -> None:
        second = conf("10.6.0.3/24", vlan=100, isDefaultGateway=True)
        given = {POD: GATED, OTHER: second}
        await asyncio.gather(
            *(plugins.answer(driver(), variables("ADD", pod, "eth0"), each) for pod, each in given.items())
        )

    asyncio.run(work())
    assert (details("half")["master"], vlans("half")) == (BRIDGE, [ITS_VLAN])
    for pod in PODS:
        assert ping("10.6.0.1", pod)


def test_a_gateway_joins_its_bridge_again_where_that_was_made_anew() -> None:
    by = driver()
    add(GATED, by=by)
    ip("link", "delete", BRIDGE)
    add(conf("10.6.0.3/24", vlan=100, isDefaultGateway=True), OTHER, by=by)
    assert ping("10.6.0.1", OTHER)


def test_the_default_vlan_is_kept_where_a_half_made_gateway_is_finished() -> None:
    half_made([f"ip link set half master {BRIDGE}"])
    add(GATED | {"preserveDefaultVlan": True})
    assert vlans("half") == [{"vlan": 1, "flags": ["Egress Untagged"]}, ITS_VLAN]


@pytest.mark.parametrize(
    "commands",
    [
        [f"ip link add link {BRIDGE} name {BRIDGE}.100 type vlan id 100"],
        [
            f"ip link add {BRIDGE}.100 type veth peer name half",
            "ip link add hub type bridge",
            "ip link set half master hub",
        ],
        [f"ip link add {BRIDGE}.100 type veth peer name half netns {OTHER}"],
    ],
    ids=["a VLAN's device", "a port of another bridge", "an end in another namespace"],
)  # fmt: skip
def test_an_interface_of_that_name_that_is_somebody_elses_is_used_as_it_is(commands: list[str]) -> None:
    """As the plugin does."""
    ip("link", "add", BRIDGE, "type", "bridge", "vlan_filtering", "1")
    for command in commands:
        run(*command.split())
    before = details(f"{BRIDGE}.100")
    result = add(GATED)
    after = details(f"{BRIDGE}.100")
    assert result["interfaces"][3]["mac"] == after["address"] == before["address"]
    assert after["linkinfo"] == before["linkinfo"]
    assert addresses(f"{BRIDGE}.100") == ["10.6.0.1/24"]
    if "hub" in kernel()["links"]:
        assert details("half")["master"] == "hub"
