"""Whatever a plugin prints is a result or an AttachmentError, and what a version can carry survives it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plurimus.cni.errors import AttachmentError
from plurimus.cni.result import Result, dump, encode, parse, printed

from .strategies import attempt, near, prefixes, results, torn, values, written

SEVEN = ("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0")
TOP = ("cniVersion", "CNIVERSION", "interfaces", "ips", "routes", "dns", "ip4", "ip6")
INSIDE = ("name", "mac", "mtu", "sandbox", "address", "interface", "gateway", "version", "ip", "routes", "dst", "gw",
          "table", "nameservers", "search")  # fmt: skip

inside = near(INSIDE, prefixes | st.sampled_from(["10.0.0.1", "", 0]))
documents = near(TOP, inside | st.lists(inside | prefixes, max_size=2) | st.sampled_from(SEVEN))


@settings(max_examples=60)
@given(torn | written(values | documents), st.sampled_from(SEVEN))
def test_any_bytes_are_a_result_or_an_attachment_error(stdout: bytes, version: str) -> None:
    """Spec section 1.4."""
    result = attempt(lambda: parse(stdout, default_version=version), AttachmentError)
    if isinstance(result, AttachmentError):
        assert result.code in (1, 6)
    else:
        assert result.cni_version in SEVEN
        assert parse(encode(result, "1.1.0"), default_version="").ips == result.ips


def carried(result: Result, version: str) -> dict[str, Any]:
    """`result` written in `version`, as a plugin would find it."""
    read: dict[str, Any] = json.loads(encode(result, version))
    assert read == dump(result, version)
    return read


@pytest.mark.parametrize("version", SEVEN)
@settings(max_examples=40)
@given(result=results(least_ips=1))
def test_what_a_version_carries_survives_being_written_and_read(version: str, result: Result) -> None:
    """F7.  Spec section 1.4."""
    first = carried(result, version)
    again = parse(json.dumps(first).encode(), default_version="")
    assert again.cni_version == version
    assert carried(again, version) == first


@settings(max_examples=40)
@given(results())
def test_the_newest_version_carries_everything(result: Result) -> None:
    """F7, F86.  Spec section 1.4."""
    assert parse(encode(result, "1.1.0"), default_version="") == result


@pytest.mark.parametrize("version", ["0.3.0", "0.3.1", "0.4.0"])
@settings(max_examples=40)
@given(result=results())
def test_through_0_x_and_back_only_details_of_interfaces_are_lost(version: str, result: Result) -> None:
    """F7.  Spec section 1.4."""
    back = parse(dump(parse(dump(result, version), default_version=""), "1.1.0"), default_version="")
    assert (back.ips, back.routes, back.dns) == (result.ips, result.routes, result.dns)
    assert [(link.name, link.mac, link.sandbox) for link in back.interfaces] == [
        (link.name, link.mac, link.sandbox) for link in result.interfaces
    ]
    assert all((link.mtu, link.socket_path, link.pci_id) == (0, "", "") for link in back.interfaces)


@settings(max_examples=40)
@given(results(least_ips=1), st.sampled_from(["0.1.0", "0.2.0"]))
def test_the_oldest_versions_keep_the_first_address_of_each_family(result: Result, version: str) -> None:
    """F7.  Spec section 1.4."""
    back = parse(dump(result, version), default_version="")
    families = [":" in ip.address for ip in result.ips]
    firsts = [result.ips[families.index(family)] for family in (False, True) if family in families]
    assert [(ip.address, ip.gateway) for ip in back.ips] == [(ip.address, ip.gateway) for ip in firsts]
    kept = [route for family in (False, True) for route in result.routes
            if (":" in route.dst) is family and family in families]  # fmt: skip
    assert [(route.dst, route.gw) for route in back.routes] == [(route.dst, route.gw) for route in kept]
    assert back.interfaces == ()


@pytest.mark.parametrize("version", [*SEVEN, "", "9.9.9"])
@settings(max_examples=40)
@given(result=results())
def test_what_is_not_printed_is_what_would_be_read(version: str, result: Result) -> None:
    """A plugin inside the daemon gives what its executable would have."""
    read = attempt(lambda: parse(encode(result, version), default_version=version), AttachmentError)
    given = attempt(lambda: printed(result, version), AttachmentError)
    assert given == read or (isinstance(read, AttachmentError) and str(given) == str(read))
