"""`vrf` inside the daemon, beside the plugin it stands for, in twin namespaces; many kernels lack it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from plurimus.adapters import netns, sysctls
from plurimus.cni.errors import AttachmentError
from plurimus.drivers import call
from plurimus.drivers.vrf import Vrf
from tests.node.snapshot import ip, ip_json, kernel
from tests.node.twins import OURS, THEIRS, ours, path, theirs, twins, variables


@pytest.fixture(autouse=True)
def pair() -> Iterator[None]:
    """Two namespaces that differ in nothing, each with net1, net2 and net3, addresses and routes."""
    with twins():
        for name in (OURS, THEIRS):
            for number in (1, 2, 3):
                port(name, number)
        yield


def port(name: str, number: int) -> None:
    ifname, mac = f"net{number}", f"02:00:00:00:00:0{number}"
    ip("link", "add", ifname, "index", str(100 + number), "address", mac, "type", "dummy", namespace=name)
    ip("link", "set", ifname, "addrgenmode", "none", "up", namespace=name)
    for words in (
        f"addr add 10.0.{number}.2/24 dev {ifname}",
        f"addr add fd0{number}::2/64 dev {ifname} nodad",
        f"route add 10.9{number}.0.0/16 via 10.0.{number}.1 dev {ifname}",
        f"route add 10.8{number}.0.0/16 dev {ifname}",
        f"-6 route add fd9{number}::/64 via fd0{number}::1 dev {ifname} metric 7",
        f"-6 route add fd8{number}::/64 dev {ifname}",
    ):
        ip(*words.split(), namespace=name)


def conf(vrfname: str = "blue", **more: Any) -> dict[str, Any]:
    previous = {"cniVersion": "1.0.0", "interfaces": [{"name": "net1", "sandbox": "pod"}]}
    return {"cniVersion": "1.0.0", "name": "rail", "type": "vrf", "vrfname": vrfname, "prevResult": previous, **more}


def state(name: str) -> dict[str, Any]:
    """What is in a namespace; the MAC of a VRF is any."""
    found = kernel(name)
    for link in found["links"].values():
        if link["kind"] == "vrf":
            del link["address"]
    return found


def tables(name: str = OURS) -> dict[str, int]:
    """The VRFs and their tables."""
    found = ip_json("-details", "link", "show", "type", "vrf", namespace=name)
    return {each["ifname"]: each["linkinfo"]["info_data"]["table"] for each in found}


@pytest.mark.parametrize("more", [{"table": 77}, {}], ids=["table", "any"])
@pytest.mark.parametrize("kept", ["0", "1"])
def test_links_addresses_routes_and_result_are_the_plugins(more: dict[str, Any], kept: str) -> None:
    """Plugins spec, variant 53; an interface that was made by a plugin keeps its IPv6 addresses."""
    for name in (OURS, THEIRS):
        for number in (1, 2):
            sysctls.write(path(name), {f"net/ipv6/conf/net{number}/keep_addr_on_down": kept})
    for ifname in ("net1", "net2"):
        assert ours(Vrf(), "ADD", conf(**more), ifname) == theirs("ADD", conf(**more), ifname)
        assert state(OURS) == state(THEIRS)
        ours(Vrf(), "CHECK", conf(**more), ifname)
    assert tables() == {"blue": more.get("table", 1)}
    moved = ip("route", "show", "table", str(more.get("table", 1)), namespace=OURS)
    assert "10.91.0.0/16 via 10.0.1.1 dev net1" in moved
    assert kernel(OURS)["addresses"]["net1"] == ["10.0.1.2/24", "fd01::2/64"]
    for ifname in ("net1", "net2"):
        ours(Vrf(), "DEL", conf(**more), ifname)
        theirs("DEL", conf(**more), ifname)
        assert state(OURS) == state(THEIRS)
    assert tables() == {}
    ours(Vrf(), "DEL", conf(**more))


@pytest.mark.parametrize("by_us", [True, False])
def test_one_deletes_what_the_other_made(by_us: bool) -> None:
    if by_us:
        ours(Vrf(), "ADD", conf())
        theirs("DEL", conf(), name=OURS)
    else:
        theirs("ADD", conf(), name=OURS)
        ours(Vrf(), "DEL", conf())
    assert tables() == {}
    assert "master" not in kernel(OURS)["links"]["net1"]


def test_a_table_is_free_where_no_vrf_rule_or_route_has_it() -> None:
    """The plugin only passes over those of other VRFs, and takes the kernel's own."""
    ip("rule", "add", "from", "10.0.3.2", "table", "1", namespace=OURS)
    ip("route", "add", "10.77.0.0/16", "dev", "net3", "table", "2", namespace=OURS)
    ours(Vrf(), "ADD", conf("blue"))
    ours(Vrf(), "ADD", conf("red"), "net2")
    assert tables() == {"blue": 3, "red": 4}


def test_vrfs_of_one_pod_made_at_once_have_tables_of_their_own() -> None:
    async def all_at_once() -> None:
        driver = Vrf()
        given = {f"net{number}": conf(f"vrf{number}") for number in (1, 2, 3)}
        requests = [
            call.read(variables("ADD", OURS, ifname, {}), json.dumps(each).encode(), ())
            for ifname, each in given.items()
        ]
        await asyncio.gather(*(driver.add(request) for request in requests))

    asyncio.run(all_at_once())
    assert sorted(tables().values()) == [1, 2, 3]
    for number in (1, 2, 3):
        assert kernel(OURS)["links"][f"net{number}"]["master"] == f"vrf{number}"


def test_what_cannot_be_is_refused_and_nothing_done() -> None:
    ours(Vrf(), "ADD", conf("blue", table=77))
    before = kernel(OURS)
    for given, ifname, says in (
        (conf("blue", table=78), "net2", "VRF blue already exist with different routing table 77"),
        (conf("net3"), "net2", "Netlink net3 is not a VRF but dummy"),
        (conf("red"), "net1", "interface net1 has already a master set: blue"),
        (conf("red"), "net7", "interface net7 is not in the sandbox"),
    ):
        with pytest.raises(AttachmentError, match=says):
            ours(Vrf(), "ADD", given, ifname)
    assert kernel(OURS) == before


def test_deletion_succeeds_whatever_is_gone_and_leaves_what_is_anothers() -> None:
    """The plugin fails without the interface, and leaves the VRF."""
    for ifname in ("net1", "net2"):
        ours(Vrf(), "ADD", conf(), ifname)
    ip("link", "delete", "net1", namespace=OURS)
    ours(Vrf(), "DEL", conf())
    assert kernel(OURS)["links"]["net2"]["master"] == "blue"
    ours(Vrf(), "DEL", conf("red"), "net2")
    assert kernel(OURS)["links"]["net2"]["master"] == "blue"
    ip("link", "delete", "net2", namespace=OURS)
    for _ in range(2):
        ours(Vrf(), "DEL", conf(), "net2")
        assert tables() == {}
    netns.delete(path(OURS))
    ours(Vrf(), "DEL", conf())
    ours(Vrf(), "DEL", conf(), name="")


def test_check_wants_the_interface_in_the_vrf() -> None:
    ours(Vrf(), "ADD", conf(table=77))
    with pytest.raises(AttachmentError, match="different routing table 77"):
        ours(Vrf(), "CHECK", conf(table=78))
    ip("link", "set", "net1", "nomaster", namespace=OURS)
    with pytest.raises(AttachmentError, match="failed to find net1 associated to vrf blue"):
        ours(Vrf(), "CHECK", conf(table=77))
    ip("link", "delete", "blue", namespace=OURS)
    with pytest.raises(AttachmentError, match="the sandbox has no VRF blue"):
        ours(Vrf(), "CHECK", conf(table=77))
