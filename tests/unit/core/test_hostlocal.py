"""What a configuration of host-local asks for, and whose a lease is."""

from __future__ import annotations

from typing import Any

import pytest

from plurimus.cni import args, gojson
from plurimus.cni.errors import ConfigError, PlurimusError
from plurimus.cni.result import DNS, Route
from plurimus.core import hostlocal
from plurimus.core.hostlocal import Request

A, B, C = "10.0.0.0/24", "10.1.0.0/24", "fd00::/64"


def request(ipam: dict[str, Any] | None, cni_args: str = "", version: str = "1.0.0", **conf: Any) -> Request:
    whole = {"name": "net", **({} if ipam is None else {"ipam": {"type": "host-local", **ipam}}), **conf}
    return hostlocal.request(gojson.convert(whole, hostlocal.Conf), args.parse_args(cni_args), version)


def subnets(found: Request) -> list[str]:
    return [str(each) for each in found.sets]


def test_sets_come_from_the_runtime_then_the_bare_keys_then_ranges() -> None:
    found = request({"subnet": A, "ranges": [[{"subnet": B}], [{"subnet": C}]]},
                    runtimeConfig={"ipRanges": [[{"subnet": "10.2.0.0/30"}]]})  # fmt: skip
    assert subnets(found) == ["10.2.0.1-10.2.0.2", "10.0.0.1-10.0.0.254", "10.1.0.1-10.1.0.254",
                              "fd00::1-fd00::ffff:ffff:ffff:ffff"]  # fmt: skip


def test_the_bare_keys_count_with_a_subnet_alone_and_keys_match_as_in_go() -> None:
    found = request({"rangeStart": "10.0.0.9", "gateway": "10.0.0.8", "Ranges": [[{"SUBNET": B}]]})
    assert subnets(found) == ["10.1.0.1-10.1.0.254"]


def test_addresses_asked_for_add_up_in_one_order_each_once() -> None:
    asked = {"args": {"cni": {"ips": ["10.0.0.5", "fd00:0::1"]}}}
    more = {"ips": ["10.0.0.5/24", "::ffff:10.0.0.7"]}
    found = request({"subnet": A}, "IgnoreUnknown=1;IP=10.0.0.9/8;FOO=x", **asked, runtimeConfig=more)
    assert found.wanted == ("10.0.0.9", "10.0.0.5", "fd00::1", "10.0.0.7")


def test_routes_are_kept_with_all_they_have() -> None:
    routes = [{"dst": "10.9.8.7/8", "gw": "10.0.0.1", "mtu": 1400, "advmss": 9, "priority": 5, "table": 0, "scope": 0}]
    found = request({"subnet": A, "routes": routes, "resolvConf": "/etc/resolv.conf"})
    assert found.routes == (Route("10.9.8.7/8", "10.0.0.1", 1400, 9, 5, 0, 0),)
    assert found.resolv_conf == "/etc/resolv.conf"


@pytest.mark.parametrize(
    ("ipam", "more", "problem"),
    [
        (None, {}, "IPAM config missing 'ipam' key"),
        ({}, {}, "no IP ranges specified"),
        ({"subnet": "zz"}, {}, "invalid CIDR address: zz"),
        ({"subnet": A, "routes": [{"dst": "zz"}]}, {}, "invalid CIDR address: zz"),
        ({"subnet": A, "routes": [{"dst": A, "gw": "zz"}]}, {}, "invalid IP address: zz"),
        ({"subnet": A}, {"args": {"cni": {"ips": ["zz"]}}}, "invalid IP address zz"),
        ({"subnet": A}, {"args": {"cni": {"ips": ["10.0.0.1/33"]}}}, "invalid IP address 10.0.0.1/33"),
        ({"subnet": A}, {"runtimeConfig": {"ips": [""]}}, "cannot understand ip: it is empty"),
        ({"subnet": A}, {"cni_args": "IP=zz"}, "ARGS: error parsing value of IP: invalid IP address"),
        ({"subnet": A}, {"cni_args": "FOO=1;ip=10.0.0.2;IP=10.0.0.2"}, 'ARGS: unknown args ["FOO" "ip"]'),
        ({"subnet": A}, {"cni_args": "FOO=1;IgnoreUnknown=FALSE"}, 'ARGS: unknown args ["FOO"]'),
        ({"subnet": A}, {"cni_args": "IgnoreUnknown=Yes"},
         "ARGS: error parsing value of IgnoreUnknown: boolean unmarshal error: invalid input"),
        ({"subnet": A, "ranges": [[{"subnet": "10.0.0.128/25"}]]}, {}, "range set 0 overlaps with 1"),
        ({"subnet": A, "ranges": [[{"subnet": A}]]}, {"version": "0.2.0"},
         "CNI version 0.2.0 does not support more than 1 address per family"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_the_plugins_words(
    ipam: dict[str, Any] | None, more: dict[str, Any], problem: str
) -> None:
    with pytest.raises(PlurimusError) as refused:
        request(ipam, **more)
    assert (refused.value.msg, refused.value.code) == (problem, 999)


def test_an_address_of_each_family_is_fine_in_every_version() -> None:
    assert len(request({"ranges": [[{"subnet": A}], [{"subnet": C}]]}, version="0.2.0").sets) == 2


@pytest.mark.parametrize(
    ("ipam", "path"),
    [
        ({}, "/var/lib/cni/networks"),
        ({"dataDir": ""}, "/var/lib/cni/networks"),
        ({"DATADIR": "/run/x"}, "/run/x"),
        (None, "/var/lib/cni/networks"),
    ],
)
def test_the_folder_of_leases_is_known_whatever_else_is_wrong(ipam: object, path: str) -> None:
    assert hostlocal.data_dir({"ipam": ipam}) == path
    if isinstance(ipam, dict):
        assert hostlocal.data_dir({"ipam": {**ipam, "ranges": "nonsense"}}) == path


@pytest.mark.parametrize("data_dir", ["relative/path", "..", 7, ["/x"], "/a\0b"])
def test_a_folder_that_is_no_absolute_path_is_refused(data_dir: object) -> None:
    with pytest.raises(ConfigError, match=r"'net': 'dataDir' is .*expected an? (absolute )?path"):
        hostlocal.data_dir({"name": "net", "ipam": {"dataDir": data_dir}})


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", ".hidden", "-x", "a b", "a\n"])
def test_a_network_whose_name_is_none_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"missing network name|invalid characters found in network name"):
        hostlocal.check_network(name)


LONG = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("content", "stale"),
    [
        (b"pod\r\nnet1", False),
        (b"pod\r\nnet2", True),
        (b"gone\r\nnet1", True),
        (LONG.encode(), True),
        (b"pod", False),
        (b"gone", False),
        (b"kept for the printer", False),
        (b"kept for\r\nthe printer", False),
        (b"", False),
        (b"pod\nnet2", False),
        (b"\xff\r\nnet1", False),
    ],
)
def test_gc_takes_what_is_certainly_a_lease_of_none_that_lives(content: bytes, stale: bool) -> None:
    """A bare word may be anybody's note to keep an address free."""
    assert hostlocal.is_stale(content, {("pod", "net1"), ("other", "net2")}) is stale


def test_gc_keeps_a_lease_without_interface_as_long_as_its_container_lives() -> None:
    assert not hostlocal.is_stale(LONG.encode(), {(LONG, "net7")})


def test_a_resolv_conf_is_read_line_by_line() -> None:
    text = (
        "# nameserver 1.1.1.1\nnameserver 10.0.0.1 10.0.0.9\n;x y\nnameserver\n  nameserver fd00::1\r\n"
        "domain a.example\ndomain b.example c\nsearch a b\nsearch c\noptions ndots:5 edns0\nsortlist x\n"
    )
    assert hostlocal.nameservers(text) == DNS(["10.0.0.1", "fd00::1"], "b.example", ["a", "b", "c"],
                                              ["ndots:5", "edns0"])  # fmt: skip
    assert hostlocal.nameservers("") == DNS()
