"""What a result says about its routes: whether one is a default route, and where it leads."""

from __future__ import annotations

import pytest

from plurimus.cni.result import IPConfig, Result, Route, parse

V4, V6 = IPConfig("10.0.0.2/24", gateway="10.0.0.1"), IPConfig("fd00::2/64", gateway="fe80::1")
V4_LATER, V4_WITHOUT = IPConfig("10.1.0.2/24", gateway="10.1.0.1"), IPConfig("10.2.0.2/24")


@pytest.mark.parametrize(
    ("dst", "family"),
    [
        ("0.0.0.0/0", 4),
        ("::/0", 6),
        ("::ffff:0.0.0.0/96", 4),
        ("0.0.0.0/1", None),
        ("10.0.0.0/8", None),
        ("::/1", None),
    ],
)
def test_a_default_route_is_one_of_its_family(dst: str, family: int | None) -> None:
    """S43."""
    (route,) = parse({"routes": [{"dst": dst}]}, default_version="1.0.0").routes
    assert route.default_family() == family


@pytest.mark.parametrize(
    ("route", "ips", "expected"),
    [
        pytest.param(Route("0.0.0.0/0", "10.0.0.9"), (V4,), "10.0.0.9", id="its-own"),
        pytest.param(Route("0.0.0.0/0", "10.0.0.9", scope=253), (V4,), "10.0.0.9", id="its-own-whatever-the-scope"),
        pytest.param(Route("0.0.0.0/0"), (V6, V4), "10.0.0.1", id="that-of-an-address-of-its-family"),
        pytest.param(Route("::/0"), (V4, V6), "fe80::1", id="of-the-other-family"),
        pytest.param(Route("10.9.0.0/16"), (V4_WITHOUT, V4_LATER, V4), "10.1.0.1", id="the-first-there-is"),
        pytest.param(Route("0.0.0.0/0", scope=0), (V4,), "10.0.0.1", id="scope-universe"),
        pytest.param(Route("0.0.0.0/0", scope=253), (V4,), "", id="scope-link"),
        pytest.param(Route("0.0.0.0/0"), (V6, V4_WITHOUT), "", id="no-address-with-a-gateway"),
        pytest.param(Route("::/0"), (), "", id="no-address"),
    ],
)
def test_a_route_leads_to_its_gateway_or_to_that_of_an_address(
    route: Route, ips: tuple[IPConfig, ...], expected: str
) -> None:
    """CNI spec, "Success": `gw`."""
    assert Result(ips=ips, routes=(route,)).next_hop(route) == expected
