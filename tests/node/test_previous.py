"""What CHECK compares with the result of the ADD, on real interfaces."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from plurimus.cni.errors import AttachmentError, ConfigError
from plurimus.drivers import call, previous
from plurimus.drivers.call import Call
from plurimus.wire.rtdetails import Details

from .pods import POD, ip, ip_json, two_interfaces

pytestmark = pytest.mark.usefixtures("root")


@pytest.fixture(autouse=True)
def pod(root: None) -> Iterator[None]:
    with two_interfaces():
        yield


def check(result: dict[str, Any] | None, ifname: str = "net1") -> Call:
    env = {"CNI_COMMAND": "CHECK", "CNI_CONTAINERID": "c1", "CNI_NETNS": POD, "CNI_IFNAME": ifname}
    conf = {"cniVersion": "1.1.0", "name": "mynet"} | ({} if result is None else {"prevResult": result})
    return call.read(env, json.dumps(conf).encode(), ())


def made(**content: Any) -> dict[str, Any]:
    """The result of an ADD that made net1."""
    mac = ip_json("link", "show", "net1")[0]["address"]
    interfaces = [{"name": "veth1"}, {"name": "net1", "mac": mac.upper(), "sandbox": POD}]
    ips = [{"address": "10.0.1.2/24", "interface": 1}]
    return {"cniVersion": "1.1.0", "interfaces": interfaces, "ips": ips, **content}


def same(found: Details) -> str:
    return ""


async def test_what_is_as_it_was_made_passes() -> None:
    await previous.check(check(made()), "veth", same)


async def test_routes_in_tables_and_routes_with_several_next_hops_are_found() -> None:
    ip("route", "add", "10.9.0.0/16", "via", "10.0.1.1", "table", "101")
    for gateway in ("fd01::1", "fd01::9"):
        ip("-6", "route", "append", "fd99::/64", "via", gateway, "dev", "net1")
    routes = [{"dst": "10.9.0.0/16", "gw": "10.0.1.1", "table": 101}, {"dst": "fd99::/64", "gw": "fd01::9"}]
    await previous.check(check(made(routes=routes)), "veth", same)


async def test_what_differs_is_said() -> None:
    with pytest.raises(AttachmentError, match="interface net1 is of the kind 'veth', expected 'macvlan'"):
        await previous.check(check(made()), "macvlan", same)
    with pytest.raises(AttachmentError, match="interface net1: its mode is wrong"):
        await previous.check(check(made()), "veth", lambda found: "its mode is wrong")
    ip("link", "set", "net1", "address", "02:00:00:00:00:77")
    interfaces = [{"name": "net1", "mac": "02:00:00:00:00:88", "sandbox": POD}]
    with pytest.raises(AttachmentError, match=r"has the MAC .*, expected 02:00:00:00:00:88"):
        await previous.check(check({"interfaces": interfaces}), "veth", same)


@pytest.mark.parametrize("other", [{"name": "net9", "sandbox": POD}, {"name": "net1", "sandbox": "/run/netns/other"}])
async def test_the_interface_must_be_in_the_result(other: dict[str, str]) -> None:
    with pytest.raises(AttachmentError, match="'prevResult' has no interface net1 in"):
        await previous.check(check({"interfaces": [other]}), "veth", same)


async def test_without_the_result_or_the_interface_there_is_nothing_to_compare() -> None:
    with pytest.raises(ConfigError, match=r"network 'mynet': CHECK compares .*'prevResult' is missing"):
        await previous.check(check(None), "veth", same)
    with pytest.raises(AttachmentError, match="interface net9 is not in"):
        await previous.check(check({"interfaces": [{"name": "net9", "sandbox": POD}]}, "net9"), "veth", same)
