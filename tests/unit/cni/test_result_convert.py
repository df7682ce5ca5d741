"""One result in each of the seven versions, and each turned into every other (F7; spec section 1.4)."""

from __future__ import annotations

from typing import Any

import pytest

from plurimus.cni.errors import AttachmentError, PlurimusError
from plurimus.cni.result import DNS, Interface, IPConfig, Result, Route, dump, encode, parse

OLD, MIDDLE, NEW = ("0.1.0", "0.2.0"), ("0.3.0", "0.3.1", "0.4.0"), ("1.0.0", "1.1.0")
SEVEN = OLD + MIDDLE + NEW

WHOLE = Result(
    "1.1.0",
    (Interface("veth<0>", "02:00:00:00:00:01"), Interface("eth0", "02:00:00:00:00:02", 1400, "/s", "/sock", "0:1.0")),
    (
        IPConfig("10.0.0.2/24", 1, "10.0.0.1"),
        IPConfig("10.0.1.2/24", 1),
        IPConfig("fd00::2/64", 0, "fe80::1"),
        IPConfig("fd01::2/64"),
    ),
    (
        Route("0.0.0.0/0", "10.0.0.1", 1400, 1360, 5, 0, 253),
        Route("::/0"),
        Route("10.9.0.0/16", priority=7),
    ),
    DNS(["10.0.0.10"], "cluster.local", ["a.b"], ["ndots:5"]),
)
DNS_IN_ORDER = {"nameservers": ["10.0.0.10"], "domain": "cluster.local", "search": ["a.b"], "options": ["ndots:5"]}

OLD_FROM_ANY = {
    "ip4": {
        "ip": "10.0.0.2/24",
        "gateway": "10.0.0.1",
        "routes": [{"dst": "0.0.0.0/0", "gw": "10.0.0.1"}, {"dst": "10.9.0.0/16"}],
    },
    "ip6": {"ip": "fd00::2/64", "gateway": "fe80::1", "routes": [{"dst": "::/0"}]},
    "dns": DNS_IN_ORDER,
}
ROUTES = [
    {"dst": "0.0.0.0/0", "gw": "10.0.0.1", "mtu": 1400, "advmss": 1360, "priority": 5, "table": 0, "scope": 253},
    {"dst": "::/0"},
    {"dst": "10.9.0.0/16", "priority": 7},
]
ROUTES_FROM_OLD = [{"dst": "0.0.0.0/0", "gw": "10.0.0.1"}, {"dst": "10.9.0.0/16"}, {"dst": "::/0"}]
LINKS_OF_MIDDLE = [
    {"name": "veth<0>", "mac": "02:00:00:00:00:01"},
    {"name": "eth0", "mac": "02:00:00:00:00:02", "sandbox": "/s"},
]
IPS = [
    {"interface": 1, "address": "10.0.0.2/24", "gateway": "10.0.0.1"},
    {"interface": 1, "address": "10.0.1.2/24"},
    {"interface": 0, "address": "fd00::2/64", "gateway": "fe80::1"},
    {"address": "fd01::2/64"},
]
IPS_FROM_OLD = [{"address": "10.0.0.2/24", "gateway": "10.0.0.1"}, {"address": "fd00::2/64", "gateway": "fe80::1"}]


def with_family(ips: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"version": "4" if "." in ip["address"] else "6", **ip} for ip in ips]


EXPECTED: dict[tuple[tuple[str, ...], tuple[str, ...]], dict[str, Any]] = {
    (OLD, OLD): OLD_FROM_ANY,
    (OLD, MIDDLE): {"ips": with_family(IPS_FROM_OLD), "routes": ROUTES_FROM_OLD, "dns": DNS_IN_ORDER},
    (OLD, NEW): {"ips": IPS_FROM_OLD, "routes": ROUTES_FROM_OLD, "dns": DNS_IN_ORDER},
    (MIDDLE, OLD): OLD_FROM_ANY,
    (MIDDLE, MIDDLE): {
        "interfaces": LINKS_OF_MIDDLE, "ips": with_family(IPS), "routes": ROUTES, "dns": DNS_IN_ORDER,
    },
    (MIDDLE, NEW): {"interfaces": LINKS_OF_MIDDLE, "ips": IPS, "routes": ROUTES, "dns": DNS_IN_ORDER},
    (NEW, OLD): OLD_FROM_ANY,
    (NEW, MIDDLE): {
        "interfaces": LINKS_OF_MIDDLE, "ips": with_family(IPS), "routes": ROUTES, "dns": DNS_IN_ORDER,
    },
    (NEW, NEW): {
        "interfaces": [
            LINKS_OF_MIDDLE[0], {**LINKS_OF_MIDDLE[1], "mtu": 1400, "socketPath": "/sock", "pciID": "0:1.0"},
        ],
        "ips": IPS,
        "routes": ROUTES,
        "dns": DNS_IN_ORDER,
    },
}  # fmt: skip
PAIRS = [
    pytest.param(source, target, expected, id=f"{source}-to-{target}")
    for (sources, targets), expected in EXPECTED.items()
    for source in sources
    for target in targets
]


@pytest.mark.parametrize(("source", "target", "expected"), PAIRS)
def test_every_version_becomes_every_other(source: str, target: str, expected: dict[str, Any]) -> None:
    """F7, F86.  Spec section 1.4."""
    result = parse(dump(WHOLE, source), default_version="")
    assert result.cni_version == source
    assert dump(result, target) == {"cniVersion": target, **expected}


@pytest.mark.parametrize("target", MIDDLE + NEW)
def test_an_empty_result_says_its_version_and_in_0_x_that_it_has_no_dns(target: str) -> None:
    """F86.  Spec section 1.4."""
    assert dump(Result("1.1.0"), target) == {"cniVersion": target} | ({"dns": {}} if target in MIDDLE else {})


@pytest.mark.parametrize("target", OLD)
@pytest.mark.parametrize("source", [*MIDDLE, *NEW, ""])
def test_a_result_without_address_has_no_oldest_form(source: str, target: str) -> None:
    """F7.  Spec section 1.4."""
    with pytest.raises(AttachmentError, match="cannot convert: no valid IP addresses"):
        dump(Result(source, WHOLE.interfaces, (), WHOLE.routes), target)


@pytest.mark.parametrize("target", OLD)
@pytest.mark.parametrize("source", OLD)
def test_between_the_oldest_only_the_label_changes(source: str, target: str) -> None:
    """Spec section 1.4: a result without address, and a route with more than a gateway, stay what they are."""
    assert dump(parse(None, default_version=source), target) == {"cniVersion": target, "dns": {}}
    entry = {"ip": "10.0.0.2/24", "routes": [{"dst": "10.9.0.0/16", "mtu": 1400}]}
    result = parse({"cniVersion": source, "ip4": entry}, default_version="")
    assert dump(result, target) == {"cniVersion": target, "ip4": entry, "dns": {}}


def test_the_oldest_form_drops_routes_of_a_family_without_address() -> None:
    """F7.  Spec section 1.4."""
    result = Result("1.0.0", ips=(IPConfig("fd00::2/64"),), routes=(Route("0.0.0.0/0", "10.0.0.1"), Route("fd01::/64")))
    assert dump(result, "0.2.0") == {
        "cniVersion": "0.2.0", "ip6": {"ip": "fd00::2/64", "routes": [{"dst": "fd01::/64"}]}, "dns": {},
    }  # fmt: skip


def test_no_version_to_write_means_the_oldest() -> None:
    """Spec section 1.4."""
    assert dump(WHOLE, "")["cniVersion"] == "0.1.0"


@pytest.mark.parametrize("target", ["7.0.0", "1.1", "latest"])
def test_an_unknown_version_cannot_be_written_and_both_are_named(target: str) -> None:
    """F7.  Spec section 1.4."""
    with pytest.raises(PlurimusError, match=r"1\.1\.0") as caught:
        dump(WHOLE, target)
    assert caught.value.code == 1
    assert f"{target!r}" in str(caught.value)


SHORT = Result(
    "1.1.0",
    (Interface("a<&>\u2028é", "02:00:00:00:00:01", 1400, "/s"),),
    (IPConfig("10.0.0.2/24", 0, "10.0.0.1"),),
    (Route("0.0.0.0/0", table=0),),
    DNS(search=['"\\\t']),
)


def test_the_oldest_text_is_the_reference_librarys() -> None:
    """Spec section 1.4: 4 spaces, no newline at the end, characters escaped as Go does."""
    assert encode(SHORT, "0.2.0").decode() == (
        '{\n    "cniVersion": "0.2.0",\n    "ip4": {\n        "ip": "10.0.0.2/24",\n'
        '        "gateway": "10.0.0.1",\n        "routes": [\n            {\n                "dst": "0.0.0.0/0"\n'
        '            }\n        ]\n    },\n    "dns": {\n        "search": [\n            "\\"\\\\\\t"\n'
        "        ]\n    }\n}"
    )


def test_the_middle_text_is_the_reference_librarys() -> None:
    """Spec section 1.4."""
    assert encode(SHORT, "0.4.0").decode() == (
        '{\n    "cniVersion": "0.4.0",\n    "interfaces": [\n        {\n'
        '            "name": "a\\u003c\\u0026\\u003e\\u2028é",\n            "mac": "02:00:00:00:00:01",\n'
        '            "sandbox": "/s"\n        }\n    ],\n    "ips": [\n        {\n            "version": "4",\n'
        '            "interface": 0,\n            "address": "10.0.0.2/24",\n            "gateway": "10.0.0.1"\n'
        '        }\n    ],\n    "routes": [\n        {\n            "dst": "0.0.0.0/0",\n            "table": 0\n'
        '        }\n    ],\n    "dns": {\n        "search": [\n            "\\"\\\\\\t"\n        ]\n    }\n}'
    )


def test_the_newest_text_is_the_reference_librarys() -> None:
    """Spec section 1.4: the library takes these results through a map, which sorts their keys."""
    assert encode(SHORT, "1.1.0").decode() == (
        '{\n    "cniVersion": "1.1.0",\n    "dns": {\n        "search": [\n            "\\"\\\\\\t"\n'
        '        ]\n    },\n    "interfaces": [\n        {\n'
        '            "mac": "02:00:00:00:00:01",\n            "mtu": 1400,\n'
        '            "name": "a\\u003c\\u0026\\u003e\\u2028é",\n            "sandbox": "/s"\n        }\n    ],\n'
        '    "ips": [\n        {\n            "address": "10.0.0.2/24",\n            "gateway": "10.0.0.1",\n'
        '            "interface": 0\n        }\n    ],\n    "routes": [\n        {\n            "dst": "0.0.0.0/0",\n'
        '            "table": 0\n        }\n    ]\n}'
    )


@pytest.mark.parametrize(
    ("target", "text"),
    [("0.4.0", '{\n    "cniVersion": "0.4.0",\n    "dns": {}\n}'), ("1.0.0", '{\n    "cniVersion": "1.0.0"\n}')],
)
def test_an_empty_result_is_printed_as_the_reference_library_does(target: str, text: str) -> None:
    """F86.  Spec section 1.4."""
    assert encode(Result("1.1.0"), target).decode() == text
