"""The VFs of a PF: what is asked and what is understood, with pyroute2 as the other side."""

from __future__ import annotations

import contextlib
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from plurimus.wire import rtvfs
from plurimus.wire.netlink import WireError, attribute
from plurimus.wire.rtnetlink import LINK
from plurimus.wire.rtvfs import Aspect, VirtualFunction

from .test_rtnetlink import decoded, encoded

PF, RATE = 7, st.integers(0, 2**32 - 1)
MACS = st.binary(min_size=6, max_size=6).map(lambda packed: packed.hex(":"))
FUNCTIONS = st.builds(
    VirtualFunction,
    st.integers(0, 255),
    mac=MACS,
    vlan=st.integers(0, 4094),
    qos=st.integers(0, 7),
    protocol=st.sampled_from([0x8100, 0x88A8]),
    spoofchk=st.none() | st.booleans(),
    trust=st.none() | st.booleans(),
    link_state=st.integers(0, 2),
    min_rate=RATE,
    max_rate=RATE,
)
ASPECTS: tuple[Aspect, ...] = get_args(Aspect)


def settings(wanted: VirtualFunction) -> dict[Aspect, tuple[str, Any]]:
    """Each aspect as pyroute2 writes it."""
    vf = {"vf": wanted.index}
    vlan = {**vf, "vlan": wanted.vlan, "qos": wanted.qos}
    return {
        "mac": ("IFLA_VF_MAC", {**vf, "mac": wanted.mac}),
        "vlan": ("IFLA_VF_VLAN_LIST", {"attrs": [("IFLA_VF_VLAN_INFO", {**vlan, "proto": wanted.protocol})]}),
        "rate": ("IFLA_VF_RATE", {**vf, "min_tx_rate": wanted.min_rate, "max_tx_rate": wanted.max_rate}),
        "spoofchk": ("IFLA_VF_SPOOFCHK", {**vf, "spoofchk": int(bool(wanted.spoofchk))}),
        "trust": ("IFLA_VF_TRUST", {**vf, "trust": int(bool(wanted.trust))}),
        "link_state": ("IFLA_VF_LINK_STATE", {**vf, "link_state": wanted.link_state}),
    }


def of_the_kernel(*functions: list[tuple[str, Any]]) -> bytes:
    """An answer about a PF whose VFs have these attributes."""
    vfs = [("IFLA_VF_INFO", {"attrs": attributes}) for attributes in functions]
    return encoded(ifinfmsg, {"family": 0, "index": PF, "attrs": [("IFLA_VFINFO_LIST", {"attrs": vfs})]})


def said(value: bool | None) -> int:
    return 0xFFFFFFFF if value is None else int(value)


@given(FUNCTIONS, st.sampled_from(ASPECTS))
def test_a_request_sets_one_aspect_of_one_function(wanted: VirtualFunction, aspect: Aspect) -> None:
    if wanted.aspect(aspect) == (None,):
        with pytest.raises(WireError, match=aspect):
            rtvfs.set_aspect(PF, wanted, aspect)
        return
    message = decoded(ifinfmsg, rtvfs.set_aspect(PF, wanted, aspect))
    assert message["index"] == PF
    ((name, listed),) = message["attrs"]
    ((inner_name, inner),) = listed["attrs"]
    assert (name, inner_name) == ("IFLA_VFINFO_LIST", "IFLA_VF_INFO")
    ((kind, value),) = inner["attrs"]
    expected_kind, expected = settings(wanted)[aspect]
    assert kind == expected_kind
    if aspect == "vlan":
        ((_, value),) = value["attrs"]
        ((_, expected),) = expected["attrs"]
    assert {key: value[key] for key in expected} == expected


@given(st.lists(FUNCTIONS, max_size=4))
def test_what_the_kernel_says_of_functions_is_understood(wanted: list[VirtualFunction]) -> None:
    told = []
    for each in wanted:
        known = settings(each)
        vlan = {"vf": each.index, "vlan": each.vlan, "qos": each.qos}
        told.append([
            known["mac"], ("IFLA_VF_VLAN", vlan), known["vlan"], known["rate"], known["link_state"],
            ("IFLA_VF_SPOOFCHK", {"vf": each.index, "spoofchk": said(each.spoofchk)}),
            ("IFLA_VF_TRUST", {"vf": each.index, "trust": said(each.trust)}),
        ])  # fmt: skip
    assert rtvfs.functions([of_the_kernel(*told)]) == wanted


def test_an_older_kernel_says_vlan_and_rate_in_one_way_only() -> None:
    told = [
        ("IFLA_VF_MAC", {"vf": 1, "mac": "02:00:00:00:00:01"}),
        ("IFLA_VF_VLAN", {"vf": 1, "vlan": 100, "qos": 3}),
        ("IFLA_VF_TX_RATE", {"vf": 1, "tx_rate": 500}),
    ]
    (found,) = rtvfs.functions([of_the_kernel(told)])
    assert (found.vlan, found.qos, found.protocol, found.min_rate, found.max_rate) == (100, 3, 0x8100, 0, 500)
    assert (found.spoofchk, found.trust) == (None, None)


def test_a_pf_without_functions_has_none() -> None:
    assert rtvfs.functions([encoded(ifinfmsg, {"family": 0, "index": PF, "attrs": []})]) == []


def test_the_functions_are_asked_for_without_statistics() -> None:
    message = decoded(ifinfmsg, rtvfs.get(PF))
    assert message["index"] == PF
    assert message.get_attr("IFLA_EXT_MASK") == 1 | 8


@given(st.binary(max_size=200))
def test_bytes_that_are_no_answer_are_an_error_or_understood(data: bytes) -> None:
    for payload in (data, LINK.pack(0, 0, PF, 0, 0) + attribute(22, attribute(1, data))):
        with contextlib.suppress(WireError):
            rtvfs.functions([payload])


def test_a_function_cannot_get_what_is_no_mac() -> None:
    with pytest.raises(WireError, match="no MAC"):
        rtvfs.set_aspect(PF, VirtualFunction(0, mac="02:00"), "mac")
