"""What plugins print, read: every version, every spelling of an address, and all that is malformed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plurimus.cni.errors import AttachmentError
from plurimus.cni.result import DNS, Interface, IPConfig, Result, Route, canonical_cidr, canonical_ip, dump, parse

SEVEN = ("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0")


def read(document: Any, *, default_version: str = "1.0.0") -> Result:
    return parse(json.dumps(document).encode(), default_version=default_version)


def refused(document: Any, *, default_version: str = "1.0.0") -> AttachmentError:
    with pytest.raises(AttachmentError) as caught:
        read(document, default_version=default_version)
    return caught.value


@pytest.mark.parametrize("version", ["0.1.0", "0.2.0"])
def test_the_oldest_versions_have_an_entry_per_family(version: str) -> None:
    """F7.  Spec section 1.4."""
    document = {
        "cniVersion": version,
        "ip4": {
            "ip": "10.0.0.2/24", "gateway": "10.0.0.1", "routes": [{"dst": "0.0.0.0/0", "gw": "10.0.0.1", "mtu": 9}],
        },
        "ip6": {"ip": "fd00::2/64", "routes": [{"dst": "::/0"}]},
        "dns": {"nameservers": ["10.0.0.10"], "domain": "d", "search": ["s"], "options": ["o"]},
    }  # fmt: skip
    assert read(document) == Result(
        version,
        ips=(IPConfig("10.0.0.2/24", gateway="10.0.0.1"), IPConfig("fd00::2/64")),
        routes=(Route("0.0.0.0/0", "10.0.0.1", mtu=9), Route("::/0")),
        dns=DNS(["10.0.0.10"], "d", ["s"], ["o"]),
    )


@pytest.mark.parametrize("version", ["0.3.0", "0.3.1", "0.4.0"])
def test_the_middle_versions_have_interfaces_and_name_the_family(version: str) -> None:
    """F7.  Spec section 1.4."""
    document = {
        "cniVersion": version,
        "interfaces": [{"name": "eth0", "mac": "02:00:00:00:00:01", "sandbox": "/run/netns/pod"}, {"name": "veth0"}],
        "ips": [
            {"version": "4", "address": "10.0.0.2/24", "gateway": "10.0.0.1", "interface": 0},
            {"version": "6", "address": "fd00::2/64"},
        ],
        "routes": [{"dst": "0.0.0.0/0", "gw": "10.0.0.1"}],
        "dns": {},
    }
    assert read(document) == Result(
        version,
        (Interface("eth0", "02:00:00:00:00:01", sandbox="/run/netns/pod"), Interface("veth0")),
        (IPConfig("10.0.0.2/24", 0, "10.0.0.1"), IPConfig("fd00::2/64")),
        (Route("0.0.0.0/0", "10.0.0.1"),),
    )


@pytest.mark.parametrize("version", ["1.0.0", "1.1.0"])
def test_the_newest_versions_tell_everything(version: str) -> None:
    """F7, F86.  Spec section 1.4."""
    link = {"name": "eth0", "mac": "m", "mtu": 9000, "sandbox": "/s", "socketPath": "/sock", "pciID": "0000:00:01.0"}
    route = {"dst": "10.1.0.0/16", "gw": "10.0.0.1", "mtu": 1, "advmss": 2, "priority": 3, "table": 0, "scope": 4}
    document = {"cniVersion": version, "interfaces": [link], "routes": [route], "dns": {"domain": "d"}}
    assert read(document) == Result(
        version,
        (Interface("eth0", "m", 9000, "/s", "/sock", "0000:00:01.0"),),
        (),
        (Route("10.1.0.0/16", "10.0.0.1", 1, 2, 3, 0, 4),),
        DNS(domain="d"),
    )


@pytest.mark.parametrize("version", SEVEN)
@pytest.mark.parametrize("document", [{}, {"cniVersion": ""}, {"cniVersion": None}, None])
def test_a_result_without_version_has_that_of_its_configuration(version: str, document: object) -> None:
    """F7.  Spec section 1.4: `null` counts as an empty object."""
    assert read(document, default_version=version) == Result(version)


def test_a_result_of_nobody_is_of_the_oldest_version() -> None:
    """Spec section 1.4."""
    assert parse(None, default_version="") == Result("0.1.0")


def test_an_own_version_wins_over_that_of_the_configuration() -> None:
    """F7.  Spec section 1.4."""
    assert read({"CNIVersion": "0.2.0", "ip4": {"ip": "10.0.0.2/24"}}, default_version="1.1.0").cni_version == "0.2.0"


@pytest.mark.parametrize("label", ["7.0.0", "1.1", "0.5.0", "latest"])
def test_a_result_of_an_unknown_version_is_refused_and_named(label: str) -> None:
    """F7.  Spec section 1.4."""
    for error in (refused({"cniVersion": label}), refused({}, default_version=label)):
        assert error.code == 1
        assert f"{label!r}" in error.msg
        assert "1.1.0" in error.msg


@pytest.mark.parametrize("label", [0, 1, False, True, [], {}, ["1.0.0"]])
def test_a_version_is_text(label: object) -> None:
    """Spec section 0, rule 2."""
    error = refused({"cniVersion": label})
    assert error.code == 6
    assert "$.cniVersion" in error.msg


@pytest.mark.parametrize("stdout", [b"", b"{", b"[]", b'"x"', b"1", b"{} {}", b"\xff", b"NaN", b"[" * 9999])
def test_what_is_no_json_object_cannot_be_decoded(stdout: bytes) -> None:
    with pytest.raises(AttachmentError, match="the result is malformed: ") as caught:
        parse(stdout, default_version="1.0.0")
    assert caught.value.code == 6


def test_keys_match_in_any_case_and_others_are_dropped() -> None:
    """Spec section 0, rules 1 and 2."""
    document = {"Interfaces": [{"NAME": "eth0", "PCIid": "x", "vendor": 1}], "IPS": [{"Address": "10.0.0.2/8"}], "y": 2}
    assert read(document) == Result("1.0.0", (Interface("eth0", pci_id="x"),), (IPConfig("10.0.0.2/8"),))


def test_null_leaves_the_default() -> None:
    """Spec section 0, rule 2."""
    nothing = {"interfaces": None, "ips": None, "routes": None, "dns": None}
    assert read(nothing) == Result("1.0.0")
    inside = {"ips": [{"address": "10.0.0.2/8", "interface": None, "gateway": None}], "dns": {"search": None}}
    assert read(inside) == Result("1.0.0", ips=(IPConfig("10.0.0.2/8"),))
    assert read({"ip4": None, "ip6": None}, default_version="0.2.0") == Result("0.2.0")


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"interfaces": {}}, "$.interfaces"),
        ({"interfaces": [None]}, "$.interfaces[0]"),
        ({"interfaces": [{}]}, "$.interfaces[0]"),
        ({"interfaces": [{"name": 1}]}, "$.interfaces[0].name"),
        ({"interfaces": [{"name": "a", "mtu": "9"}]}, "$.interfaces[0].mtu"),
        ({"ips": [{}]}, "$.ips[0]"),
        ({"ips": [{"address": "10.0.0.2/8", "interface": "0"}]}, "$.ips[0].interface"),
        ({"ips": [{"address": "10.0.0.2/8", "interface": True}]}, "$.ips[0].interface"),
        ({"routes": [{"gw": "10.0.0.1"}]}, "$.routes[0]"),
        ({"routes": [{"dst": "::/0", "table": 1.5}]}, "$.routes[0].table"),
        ({"dns": []}, "$.dns"),
        ({"dns": {"search": "x"}}, "$.dns.search"),
    ],
)
def test_a_wrong_type_is_malformed_and_its_place_is_named(document: dict[str, object], path: str) -> None:
    """Spec section 0, rule 2."""
    error = refused(document)
    assert error.code == 6
    assert f"`{path}`" in error.msg


@pytest.mark.parametrize(
    ("written", "spelled"),
    [
        ("10.0.0.5/8", "10.0.0.5/8"),
        ("FD00:0:0::0005/64", "fd00::5/64"),
        ("::0/0", "::/0"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("::ffff:10.0.0.5/120", "10.0.0.5/24"),
        ("::ffff:0.0.0.0/96", "0.0.0.0/0"),
        ("::ffff:10.0.0.5/64", "10.0.0.5/0"),
        ("::1.2.3.4/128", "::102:304/128"),
        ("10.0.0.5/032", "10.0.0.5/32"),
    ],
)
def test_a_prefix_has_one_spelling_and_keeps_its_host_part(written: str, spelled: str) -> None:
    """S43.  Spec section 0, rule 4: IPv4-mapped IPv6 counts as IPv4."""
    document = {"ips": [{"address": written}], "routes": [{"dst": written}]}
    assert dump(read(document), "1.0.0") == {
        "cniVersion": "1.0.0", "ips": [{"address": spelled}], "routes": [{"dst": spelled}],
    }  # fmt: skip
    assert canonical_cidr(spelled) == spelled


@pytest.mark.parametrize(
    ("written", "spelled"),
    [("10.0.0.1", "10.0.0.1"), ("FE80::0:1", "fe80::1"), ("::ffff:10.0.0.1", "10.0.0.1"), ("", ""), (None, "")],
)
def test_a_gateway_has_one_spelling_or_is_none(written: str | None, spelled: str) -> None:
    """Spec section 0, rule 4."""
    result = read({"ips": [{"address": "10.0.0.5/8", "gateway": written}], "routes": [{"dst": "::/0", "gw": written}]})
    assert (result.ips[0].gateway, result.routes[0].gw) == (spelled, spelled)
    assert ("gateway" in dump(result, "1.0.0")["ips"][0]) == bool(spelled)
    assert canonical_ip(spelled) == spelled


NO_ADDRESS = ("<nil>", "x", "10.0.0", "010.0.0.1", "10.0.0.256", "fe80::1%eth0", "fd00:::1", "10.0.0.1 ")
NO_PREFIX = ("", *(f"{address}/8" for address in NO_ADDRESS), "10.0.0.1", "10.0.0.1/", "10.0.0.1/33", "10.0.0.1/-1",
             "10.0.0.1/24/1", "10.0.0.1/255.0.0.0", "fd00::1/129", "10.0.0.1/٨", "/8", "<nil>")  # fmt: skip


@pytest.mark.parametrize("text", NO_PREFIX)
def test_what_is_no_address_with_a_prefix_length_is_malformed(text: str) -> None:
    """Spec section 0, rule 4."""
    for document in ({"ips": [{"address": text}]}, {"routes": [{"dst": text}]}):
        assert refused(document).code == 6
    assert refused({"ip4": {"ip": text}}, default_version="0.2.0").code == 6


@pytest.mark.parametrize("text", [*NO_ADDRESS, "10.0.0.1/24"])
def test_what_is_no_address_is_no_gateway(text: str) -> None:
    """Spec section 0, rule 4."""
    for document in ({"ips": [{"address": "10.0.0.2/8", "gateway": text}]}, {"routes": [{"dst": "::/0", "gw": text}]}):
        assert refused(document).code == 6
