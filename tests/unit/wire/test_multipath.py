"""Routes with several next hops."""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurimus.wire import rtanswers, rtrequests
from plurimus.wire.netlink import WireError, attribute, attributes
from plurimus.wire.rtnetlink import Route

HOPS = [("10.0.1.1", 2), ("10.0.2.1", 3), ("10.0.3.1", 4)]
WHOLE = Route(4, None, priority=50, scope=0)
PREFSRC = attribute(7, ipaddress.ip_address("10.0.1.9").packed)


def hop(gateway: str, oif: int, *, flags: int = 0, weight: int = 0) -> bytes:
    inner = attribute(5, ipaddress.ip_address(gateway).packed)
    return struct.pack("=HBBi", 8 + len(inner), flags, weight, oif) + inner


def shared(hops: list[bytes]) -> bytes:
    return rtrequests.new_route(WHOLE) + PREFSRC + attribute(9, b"".join(hops))


def each(gateway: str, oif: int) -> Route:
    return replace(WHOLE, gateway=ipaddress.ip_address(gateway), oif=oif)


@given(st.lists(st.sampled_from(HOPS), min_size=1, max_size=5))
def test_every_next_hop_is_a_route(hops: list[tuple[str, int]]) -> None:
    assert list(rtanswers.routes(shared([hop(*one) for one in hops]))) == [each(*one) for one in hops]


@pytest.mark.parametrize("gone", HOPS)
def test_a_route_without_one_of_its_next_hops_keeps_all_else(gone: tuple[str, int]) -> None:
    payload = shared([hop(*one, flags=0x14, weight=one[1]) for one in HOPS])
    rest = rtanswers.without_hop(payload, each(*gone))
    assert rest is not None
    kept = [one for one in HOPS if one != gone]
    assert list(rtanswers.routes(rest)) == [each(*one) for one in kept]
    # ONLINK (4) stays, LINKDOWN (16) is the kernel's own
    assert attributes(rest[12:])[9] == b"".join(hop(*one, flags=4, weight=one[1]) for one in kept)
    assert PREFSRC in rest


@pytest.mark.parametrize(
    "other",
    [each("10.0.9.1", 2), each("10.0.1.1", 3), replace(each(*HOPS[0]), priority=51), replace(each(*HOPS[0]), table=9)],
)
def test_a_route_is_not_shared_by_what_is_none_of_its_next_hops(other: Route) -> None:
    assert rtanswers.without_hop(shared([hop(*one) for one in HOPS]), other) is None


def test_a_route_with_one_next_hop_is_not_shared() -> None:
    assert rtanswers.without_hop(shared([hop(*HOPS[0])]), each(*HOPS[0])) is None
    assert rtanswers.without_hop(rtrequests.new_route(each(*HOPS[0])), each(*HOPS[0])) is None


@pytest.mark.parametrize("length", [0, 7, 200])
def test_an_impossible_next_hop_is_refused(length: int) -> None:
    damaged = struct.pack("=H", length) + hop(*HOPS[0])[2:]
    with pytest.raises(WireError, match="next hop"):
        list(rtanswers.routes(shared([damaged])))


@given(st.binary(max_size=60))
def test_no_next_hops_raise_anything_but_wire_error(data: bytes) -> None:
    try:
        list(rtanswers.routes(shared([data])))
        rtanswers.without_hop(shared([data]), each(*HOPS[0]))
    except WireError:
        return
