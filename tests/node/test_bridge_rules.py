"""Rules of the packet filter about pods on a bridge: masquerading and MACs; GC and STATUS."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plurimus.adapters import netns
from plurimus.adapters.hostprograms import HostPrograms
from plurimus.cni.errors import AttachmentError, ConfigError
from plurimus.drivers.bridge.driver import Bridge
from plurimus.drivers.nft import Nft
from plurimus.drivers.spoofcheck import SpoofCheck

from . import firewall, plugins
from .bridges import BRIDGE, PODS, add, conf, delete, driver, executable, ipam, path, ping, pods, ports, variables
from .snapshot import ip, kernel

pytestmark = pytest.mark.usefixtures("root", "node")

POD, OTHER = PODS
WORLD = "bridge-world"
SPOOFED = "02:00:00:00:00:99"


@pytest.fixture
def node() -> Iterator[None]:
    """Beyond the node there is a world that knows no way to its pods."""
    with pods(*PODS, WORLD):
        ip("link", "add", "world0", "type", "veth", "peer", "name", "node0", "netns", WORLD)
        ip("addr", "add", "192.0.2.1/24", "dev", "world0")
        ip("addr", "add", "192.0.2.2/24", "dev", "node0", namespace=WORLD)
        ip("link", "set", "world0", "up")
        ip("link", "set", "node0", "up", namespace=WORLD)
        yield


def masquerading(backend: str, address: str = "10.6.0.2/24") -> dict[str, Any]:
    return conf(address, isDefaultGateway=True, ipMasq=True, ipMasqBackend=backend)


def rules() -> list[str]:
    return [*firewall.iptables(), *firewall.masquerading(), *spoofing()]


def spoofing() -> list[str]:
    """But for the hook that stays."""
    return [line for line in firewall.nft("bridge", "nat") if "cni-br-iface" in line or "macspoofchk" in line]


def collect(given: dict[str, Any], *alive: str) -> None:
    """GC of the network, with eth0 of these pods alive."""
    valid = [{"containerID": pod, "ifname": "eth0"} for pod in alive]
    env = variables("GC", "", "")
    plugins.ours(driver(), env, {**given, "cniVersion": "1.1.0", "cni.dev/valid-attachments": valid})


@pytest.mark.parametrize("backend", ["iptables", "nftables"])
def test_only_a_masqueraded_pod_reaches_the_world(backend: str) -> None:
    add(masquerading(backend))
    add(conf("10.6.0.3/24", isDefaultGateway=True), OTHER)
    assert ping("192.0.2.2", POD)
    assert not ping("192.0.2.2", OTHER, "-W", "1")
    assert ping("10.6.0.3", POD)
    delete(masquerading(backend))
    assert rules() == []


@pytest.mark.parametrize("backend", ["iptables", "nftables"])
@pytest.mark.parametrize("gone", ["interface", "namespace", "nothing told"])
def test_masquerading_ends_whatever_is_gone(backend: str, gone: str) -> None:
    """Plugins spec, section 19, number 9."""
    add(masquerading(backend))
    assert rules() != []
    if gone == "interface":
        ip("link", "delete", "eth0", namespace=POD)
    if gone == "namespace":
        netns.delete(path(POD))
    given, env = masquerading(backend), variables("DEL", POD, "eth0")
    for _ in range(2):
        plugins.ours(driver(), env | ({"CNI_NETNS": ""} if gone == "nothing told" else {}), given)
    assert rules() == []


@pytest.mark.parametrize("backend", ["iptables", "nftables"])
def test_two_interfaces_of_a_pod_are_masqueraded_each_by_itself(backend: str) -> None:
    """Plugins spec, cases 12 and 13."""
    add(masquerading(backend))
    alone = rules()
    second = masquerading(backend, "10.6.0.9/24") | {"isDefaultGateway": False, "isGateway": True}
    add(second, ifname="net1")
    delete(second, ifname="net1")
    assert rules() == alone
    assert ping("192.0.2.2", POD)


def test_a_pod_is_kept_to_its_mac() -> None:
    given = conf("10.6.0.2/24", isDefaultGateway=True, macspoofchk=True)
    add(given)
    assert ping("10.6.0.1", POD)
    ip("link", "set", "eth0", "address", SPOOFED, namespace=POD)
    assert not ping("10.6.0.1", POD, "-W", "1")
    delete(given)
    assert rules() == []


def test_rules_about_a_mac_are_the_plugins_and_either_deletes_the_others() -> None:
    """Plugins spec, case 25."""
    mac = {"runtimeConfig": {"mac": "02:00:00:00:00:01"}}
    given = conf("10.6.0.2/24", macspoofchk=True, **mac)
    host = executable("ADD", given)["interfaces"][1]["name"]
    wanted = [line.replace(host, "HOST") for line in spoofing()]
    delete(given)
    assert spoofing() == []
    host = add(given)["interfaces"][1]["name"]
    assert [line.replace(host, "HOST") for line in spoofing()] == wanted
    assert len(wanted) == 6
    executable("DEL", given)
    assert spoofing() == []


def test_interfaces_with_strange_names_get_rules_about_their_macs() -> None:
    given = conf(macspoofchk=True)
    add(given, ifname='a"b;{#}')
    assert len(spoofing()) > 0
    delete(given, ifname='a"b;{#}')
    assert spoofing() == []


def test_garbage_is_collected_and_what_lives_stays() -> None:
    given = masquerading("nftables") | {"macspoofchk": True}
    other = masquerading("iptables", "10.6.0.3/24") | {"macspoofchk": True}
    add(other, OTHER)
    of_other = rules()
    add(given)
    everything = rules()
    collect(given, POD, OTHER)
    assert rules() == everything
    netns.delete(path(POD))
    subprocess.run(["ip", "link", "delete", ports()[-1]], capture_output=True, check=False)
    collect({**given, "name": "net2"}, OTHER)
    assert len(firewall.masquerading()) == 1
    collect(given, OTHER)
    assert rules() == of_other
    plugins.ours(driver(), variables("GC", "", ""), given)
    assert rules() == of_other


def test_rules_of_an_add_that_comes_during_gc_stay() -> None:
    """Its interface may be missing among those that were seen, and its network need not be the one GC is about."""
    check = SpoofCheck(Nft(HostPrograms(Path("/"))))

    async def links() -> set[str]:
        await check.add("late", "net1", "vethlate", SPOOFED)
        return set()

    async def work() -> None:
        await check.add("gone", "net1", "vethgone", SPOOFED)
        await check.collect(set(), links)

    asyncio.run(work())
    left = spoofing()
    assert any("late" in line for line in left)
    assert not any("gone" in line for line in left)
    asyncio.run(check.remove("late", "net1"))
    assert spoofing() == []


def test_status_says_what_an_add_would_fail_of() -> None:
    def status(*lacking: str, **more: Any) -> None:
        by = Bridge(Path("/"), ipam(), programs=firewall.Without(*lacking))
        plugins.ours(by, variables("STATUS", "", ""), conf("10.6.0.2/24", **more) | {"cniVersion": "1.1.0"})

    status(macspoofchk=True, ipMasq=True)
    with pytest.raises(ConfigError, match="invalid VLAN ID 5000"):
        status(vlan=5000)
    with pytest.raises(AttachmentError, match='failed to find plugin "nowhere"'):
        status(ipam={"type": "nowhere"})
    with pytest.raises(AttachmentError, match="'macspoofchk' needs the program 'nft'") as refused:
        status("nft", macspoofchk=True)
    assert refused.value.code == 50
    for backend, program in (("iptables", "iptables-restore"), ("nftables", "nft")):
        with pytest.raises(AttachmentError, match=f"'ipMasq' by {backend} is not possible on this node"):
            status(program, ipMasq=True, ipMasqBackend=backend)
    assert BRIDGE not in kernel()["links"]
