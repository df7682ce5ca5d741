"""Addresses and routes of a result on a real interface, and what neighbours hear of them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plurimus.adapters import netns, sysctls
from plurimus.cni.errors import AttachmentError
from plurimus.cni.result import Result, parse
from plurimus.drivers import addressing
from plurimus.drivers.announce import announce

from .pods import PEER, POD, ip, ip_json, two_interfaces

pytestmark = pytest.mark.usefixtures("root")
ETH_P_ALL = 3


@pytest.fixture(autouse=True)
def pod(root: None) -> Iterator[None]:
    with two_interfaces():
        ip("addr", "flush", "dev", "net1")
        ip("link", "set", "net1", "down")
        yield


def result(**content: Any) -> Result:
    return parse({"cniVersion": "1.1.0", **content}, default_version="1.1.0")


def routes(family: int, *argv: str) -> list[dict[str, Any]]:
    return ip_json(f"-{family}", "route", "show", *argv)


async def test_addresses_and_routes_are_those_of_the_result() -> None:
    made = result(
        ips=[{"address": "10.56.0.2/16", "gateway": "10.56.0.1"}, {"address": "fd56::2/64"}],
        routes=[
            {"dst": "0.0.0.0/0"},
            {"dst": "10.99.0.0/16", "gw": "10.56.0.9", "mtu": 1400, "advmss": 1300, "priority": 7},
            {"dst": "10.98.0.0/16", "table": 101},
            {"dst": "10.97.0.0/16", "scope": 253},
        ],
    )
    await addressing.configure(POD, "net1", made)
    (link,) = ip_json("addr", "show", "net1")
    assert {(each["local"], each["prefixlen"], each.get("broadcast")) for each in link["addr_info"]} >= {
        ("10.56.0.2", 16, "10.56.255.255"), ("fd56::2", 64, None)
    }  # fmt: skip
    assert "UP" in link["flags"]
    (default,) = routes(4, "default")
    assert (default["gateway"], default["dev"]) == ("10.56.0.1", "net1")
    (metric,) = routes(4, "10.99.0.0/16")
    assert (metric["gateway"], metric["metric"], metric["metrics"]) == ("10.56.0.9", 7, [{"mtu": 1400, "advmss": 1300}])
    (other,) = routes(4, "table", "101")
    assert (other["dst"], other["gateway"]) == ("10.98.0.0/16", "10.56.0.1")
    (on_link,) = routes(4, "10.97.0.0/16")
    assert (on_link["scope"], on_link.get("gateway")) == ("link", None)
    await addressing.check(POD, "net1", made)
    ip("route", "delete", "10.97.0.0/16")
    ip("route", "add", "10.97.0.0/16", "dev", "net1", "table", "200")  # as sbr does
    await addressing.check(POD, "net1", made)
    ip("route", "delete", "10.98.0.0/16", "table", "101")
    ip("route", "add", "10.98.0.0/16", "via", "10.56.0.1", "dev", "net1", "table", "200")
    with pytest.raises(AttachmentError, match=r"has not the route to 10\.98\.0\.0/16 by net1"):
        await addressing.check(POD, "net1", made)
    ip("route", "add", "10.98.0.0/16", "via", "10.56.0.1", "dev", "net1", "table", "101")
    ip("route", "delete", "10.97.0.0/16", "table", "200")
    with pytest.raises(AttachmentError, match=r"has not the route to 10\.97\.0\.0/16 by net1"):
        await addressing.check(POD, "net1", made)
    ip("addr", "delete", "fd56::2/64", "dev", "net1")
    with pytest.raises(AttachmentError, match="has not the address fd56::2/64"):
        await addressing.check(POD, "net1", made)


async def test_parameters_are_set_and_those_the_kernel_does_not_have_are_passed_over() -> None:
    wanted = addressing.notifying("net1") | {"net/ipv4/conf/net1/nothing": "1"}
    await addressing.configure(POD, "net1", result(ips=[{"address": "10.56.0.2/16"}]), parameters=wanted)
    paths = [Path("/proc/sys", key) for key in addressing.notifying("net1")]
    assert netns.visit(POD, lambda: [path.read_text() for path in paths]) == ["1\n", "1\n"]
    assert "UP" in ip_json("link", "show", "net1")[0]["flags"]


async def test_addresses_of_other_interfaces_of_the_result_are_not_looked_for() -> None:
    interfaces = [{"name": "net1", "sandbox": POD}, {"name": "net2", "sandbox": POD}]
    await addressing.check(
        POD, "net2", result(interfaces=interfaces, ips=[{"address": "10.56.0.2/16", "interface": 0}])
    )
    with pytest.raises(AttachmentError, match=r"net1 in .* has not the address 10\.56\.0\.2/16"):
        await addressing.check(
            POD, "net1", result(interfaces=interfaces, ips=[{"address": "10.56.0.2/16", "interface": 0}])
        )


async def test_routes_wait_for_an_ipv6_address_that_has_a_gateway() -> None:
    made = result(ips=[{"address": "fd56::2/64", "gateway": "fd56::1"}], routes=[{"dst": "::/0"}])
    await addressing.configure(POD, "net1", made)
    (link,) = ip_json("addr", "show", "net1")
    (address,) = [each for each in link["addr_info"] if each["local"] == "fd56::2"]
    assert not address.get("tentative")
    assert [route["gateway"] for route in routes(6, "default")] == ["fd56::1"]


async def test_nobody_waits_for_those_that_wait_for_the_kernel_to_know_their_address() -> None:
    """There are more of them than threads; the kernel asks a thousand times, a second each."""
    sysctls.write(POD, {"net/ipv6/conf/net1/dad_transmits": "1000"})
    slow = [result(ips=[{"address": f"fd56::{n:x}/64", "gateway": "fd56::1"}]) for n in range(2, 20)]
    waiting = [asyncio.create_task(addressing.configure(POD, "net1", each)) for each in slow]
    while sum(len(link["addr_info"]) for link in ip_json("-6", "addr", "show", "net1", "tentative")) < len(slow):
        await asyncio.sleep(0.01)
    await addressing.configure(POD, "net2", result(ips=[{"address": "10.57.0.2/16"}]))
    assert [task for task in waiting if task.done()] == []
    for task in waiting:
        task.cancel()
    ends = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(end) for end in ends] == [asyncio.CancelledError] * len(slow)


async def test_an_address_somebody_else_has_is_an_error() -> None:
    ip("addr", "add", "fd56::2/64", "dev", "peer1", "nodad", namespace=PEER)
    made = result(ips=[{"address": "fd56::2/64", "gateway": "fd56::1"}])
    with pytest.raises(AttachmentError, match="address fd56::2/64 of net1: somebody else on the link has it"):
        await addressing.configure(POD, "net1", made)


async def test_ipv6_is_switched_on_where_an_address_needs_it() -> None:
    sysctls.write(POD, {"net/ipv6/conf/net1/disable_ipv6": "1"})
    await addressing.configure(POD, "net1", result(ips=[{"address": "fd56::2/64"}]))
    assert "fd56::2" in [each["local"] for each in ip_json("addr", "show", "net1")[0]["addr_info"]]


@pytest.mark.parametrize(
    "content",
    [{"ips": [{"address": "10.56.0.2/16"}] * 2}, {"ips": [], "routes": [{"dst": "10.9.0.0/16", "gw": "10.8.0.1"}]}],
)
async def test_what_the_kernel_refuses_is_said(content: dict[str, Any]) -> None:
    with pytest.raises(AttachmentError, match=r"adding (address|route)"):
        await addressing.configure(POD, "net1", result(**content))
    with pytest.raises(AttachmentError, match="interface net9"):
        await addressing.configure(POD, "net9", result(ips=[{"address": "10.56.0.2/16"}]))


async def test_neighbours_hear_where_an_address_is() -> None:
    made = result(ips=[{"address": "10.56.0.2/16"}, {"address": "fd56::2/64", "gateway": "fd56::1"}])
    await addressing.configure(POD, "net1", made)
    mac = ip_json("link", "show", "net1")[0]["address"]

    def listen() -> socket.socket:
        door = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        door.bind(("peer1", ETH_P_ALL))
        door.settimeout(20)
        return door

    with netns.visit(PEER, listen) as door:
        await announce(POD, "net1", mac, made)
        packed = bytes.fromhex(mac.replace(":", ""))
        wanted = {
            "arp": b"\xff" * 6 + packed + bytes.fromhex("0806000108000604 0001") + packed + bytes([10, 56, 0, 2]),
            "advertisement": bytes.fromhex("3333 00000001") + packed + bytes.fromhex("86dd"),
        }
        heard: set[str] = set()
        while heard != set(wanted):
            frame = door.recv(2048)
            heard |= {name for name, start in wanted.items() if frame.startswith(start)}


async def test_what_has_no_address_or_no_ethernet_is_not_announced() -> None:
    await announce("/run/netns/nowhere", "net1", "02:00:00:00:00:01", result())
    await announce("/run/netns/nowhere", "net1", "00:" * 19 + "01", result(ips=[{"address": "10.56.0.2/16"}]))
    await announce("/run/netns/nowhere", "net1", "02:00:00:00:00:01", result(ips=[{"address": "10.56.0.2/16"}]))
