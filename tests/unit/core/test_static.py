"""What a configuration of static comes to: which addresses count, and their gateways."""

from __future__ import annotations

from typing import Any

import pytest

from plurimus.cni import args, gojson
from plurimus.cni.errors import PlurimusError
from plurimus.cni.result import DNS, IPConfig, Result, Route
from plurimus.core import static

TWO = [{"address": "10.0.0.5/24", "gateway": "10.0.0.1"}, {"address": "FD00::5/64"}]


def made(ipam: dict[str, Any] | None = None, cni_args: str = "", version: str = "1.0.0", **conf: Any) -> Result:
    whole = {"name": "net", **({} if ipam is None else {"ipam": {"type": "static", **ipam}}), **conf}
    return static.made(gojson.convert(whole, static.Conf), args.parse_args(cni_args), version)


def test_the_configurations_addresses_routes_and_dns_are_told() -> None:
    found = made({"addresses": TWO, "routes": [{"dst": "0.0.0.0/0", "table": 0}], "dns": {"nameservers": ["1.1.1.1"]}})
    assert found.ips == (IPConfig("10.0.0.5/24", gateway="10.0.0.1"), IPConfig("fd00::5/64"))
    assert (found.routes, found.dns) == ((Route("0.0.0.0/0", table=0),), DNS(["1.1.1.1"]))


def test_no_address_is_no_error() -> None:
    assert made({}).ips == ()


def test_those_of_cni_args_come_behind_and_only_they_get_its_gateways() -> None:
    found = made({"addresses": TWO}, "IP=10.0.0.7/24, 10.2.0.7/16;GATEWAY=10.0.0.9, 10.0.0.8,fd00::1")
    assert found.ips == (IPConfig("10.0.0.5/24", gateway="10.0.0.1"), IPConfig("fd00::5/64"),
                         IPConfig("10.0.0.7/24", gateway="10.0.0.8"), IPConfig("10.2.0.7/16"))  # fmt: skip


def test_what_the_pod_asks_for_takes_the_place_of_all_others() -> None:
    asked = {"args": {"cni": {"ips": ["10.1.0.1/24", "10.1.0.2/24"]}}}
    assert [ip.address for ip in made({"addresses": TWO}, "IP=10.0.0.7/24", **asked).ips] == [
        "10.1.0.1/24",
        "10.1.0.2/24",
    ]
    found = made({"addresses": TWO}, "IP=10.0.0.7/24", **asked, runtimeConfig={"ips": ["10.3.0.1/24"]})
    assert found.ips == (IPConfig("10.3.0.1/24"),)


@pytest.mark.parametrize(
    ("ipam", "more", "problem"),
    [
        (None, {}, "IPAM config missing 'ipam' key"),
        ({"addresses": [{"address": "10.0.0.1"}]}, {},
         "the 'address' field is expected to be in CIDR notation, got: '10.0.0.1'"),
        ({"addresses": [{"address": "10.0.0.1/24", "gateway": "zz"}]}, {}, "invalid IP address: zz"),
        ({}, {"cni_args": "IP=10.0.0.1"}, "ARGS: error parsing value of IP: it is expected to be in CIDR notation"),
        ({}, {"cni_args": "GATEWAY=zz"}, "ARGS: error parsing value of GATEWAY: invalid gateway address"),
        ({}, {"cni_args": "MAC=02:00:00:00:00:01"}, 'ARGS: unknown args ["MAC"]'),
        ({}, {"args": {"cni": {"ips": ["x"]}}}, "an entry in the 'ips' field is NOT in CIDR notation, got: 'x'"),
        ({}, {"runtimeConfig": {"ips": ["x"]}}, "an entry in the 'ips' field is NOT in CIDR notation, got: 'x'"),
        ({"addresses": [{"address": "10.0.0.1/24"}, {"address": "10.0.0.2/24"}]}, {"version": "0.2.0"},
         "CNI version 0.2.0 does not support more than 1 address per family"),
        ({"routes": [{"dst": "x"}]}, {}, "invalid CIDR address: x"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_the_plugins_words(
    ipam: dict[str, Any] | None, more: dict[str, Any], problem: str
) -> None:
    with pytest.raises(PlurimusError) as refused:
        made(ipam, **more)
    assert (refused.value.msg, refused.value.code) == (problem, 999)


def test_a_gateway_that_was_told_otherwise_is_a_difference_and_a_missing_address_is_none() -> None:
    wanted = made({"addresses": TWO})
    assert static.difference(wanted, wanted) == ""
    assert static.difference(wanted, Result()) == ""
    assert static.difference(wanted, Result(ips=(IPConfig("10.0.0.5/24"),))) == "10.0.0.5"
