"""The addresses of static, through what runs drivers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plurimus.cni import result
from plurimus.cni.errors import AttachmentError, ConfigError
from plurimus.drivers import call
from plurimus.drivers.call import Call
from plurimus.drivers.static import Static

IPAM = {"type": "static", "addresses": [{"address": "10.0.0.5/24", "gateway": "10.0.0.1"}]}


def request(verb: str, ipam: object = IPAM, version: str = "1.0.0", **more: Any) -> Call:
    conf = {"cniVersion": version, "name": "net", "type": "macvlan", "ipam": ipam, **more}
    env = {"CNI_COMMAND": verb, "CNI_CONTAINERID": "pod", "CNI_IFNAME": "net1", "CNI_ARGS": "IP=fd00::5/64"}
    return call.read(env, json.dumps(conf).encode(), ())


async def test_the_addresses_are_told_in_the_version_of_the_configuration() -> None:
    made = await Static().add(request("ADD"))
    assert json.loads(result.encode(made, "1.0.0"))["ips"] == [
        {"address": "10.0.0.5/24", "gateway": "10.0.0.1"}, {"address": "fd00::5/64"}
    ]  # fmt: skip
    made = await Static().add(request("ADD", version="0.2.0"))
    assert json.loads(result.encode(made, "0.2.0")) == {
        "cniVersion": "0.2.0",
        "ip4": {"ip": "10.0.0.5/24", "gateway": "10.0.0.1"},
        "ip6": {"ip": "fd00::5/64"},
        "dns": {},
    }


async def test_check_compares_gateways_with_what_was_told() -> None:
    told = {"cniVersion": "1.0.0", "ips": [{"address": "10.0.0.5/24", "gateway": "10.0.0.1"}]}
    await Static().check(request("CHECK", prevResult=told))
    with pytest.raises(AttachmentError, match="Required prevResult missing"):
        await Static().check(request("CHECK"))
    told["ips"] = [{"address": "10.0.0.5/24", "gateway": "10.0.0.9"}]
    with pytest.raises(AttachmentError, match=r"static: Failed to match addr 10.0.0.5 on interface net1"):
        await Static().check(request("CHECK", prevResult=told))


async def test_delete_has_nothing_to_do_and_status_reads_the_configuration() -> None:
    await Static().delete(request("DEL", ipam="nonsense"))
    await Static().status(request("STATUS"))
    with pytest.raises(ConfigError, match=r"expected to be in CIDR notation, got: '10.0.0.5'"):
        await Static().status(request("STATUS", {"type": "static", "addresses": [{"address": "10.0.0.5"}]}))
