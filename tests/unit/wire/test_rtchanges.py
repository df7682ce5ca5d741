"""An interface is changed in one request, with pyroute2 as the other side."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from plurimus.wire import rtchanges
from plurimus.wire.netlink import WireError
from plurimus.wire.rtchanges import Change

from .test_rtlinks import NAMES
from .test_rtnetlink import decoded

ATTRIBUTES = {
    "mtu": "IFLA_MTU", "txqlen": "IFLA_TXQLEN", "master": "IFLA_MASTER", "alias": "IFLA_IFALIAS", "name": "IFLA_IFNAME",
    "namespace": "IFLA_NET_NS_FD",
}  # fmt: skip
FLAGS = {"up": 0x1, "promisc": 0x100, "allmulti": 0x200}
NUMBERS = st.none() | st.integers(0, 2**32 - 1)
SWITCHES = st.none() | st.booleans()


@given(
    st.builds(
        Change, mac=st.none() | st.binary(min_size=6, max_size=6), mtu=NUMBERS, txqlen=NUMBERS, master=NUMBERS,
        namespace=NUMBERS, promisc=SWITCHES, allmulti=SWITCHES, up=SWITCHES, alias=st.none() | NAMES,
        name=st.none() | NAMES,
    ),
)  # fmt: skip
def test_what_is_wanted_is_asked_for_and_nothing_else(wanted: Change) -> None:
    asked = decoded(ifinfmsg, rtchanges.change(7, wanted))
    flags = {key: getattr(wanted, key) for key in FLAGS}
    assert (asked["index"], asked["change"]) == (7, sum(FLAGS[key] for key in FLAGS if flags[key] is not None))
    assert asked["flags"] == sum(FLAGS[key] for key in FLAGS if flags[key])
    found = dict(asked["attrs"])
    values = {name: getattr(wanted, key) for key, name in ATTRIBUTES.items()}
    values["IFLA_ADDRESS"] = None if wanted.mac is None else wanted.mac.hex(":")
    assert found == {name: value for name, value in values.items() if value is not None}


def test_an_empty_alias_is_none() -> None:
    assert decoded(ifinfmsg, rtchanges.change(7, Change(alias=""))).get_attr("IFLA_IFALIAS") == ""


@pytest.mark.parametrize(
    "wanted", [Change(name=""), Change(name="x" * 16), Change(alias="a\0b"), Change(alias="é" * 128)]
)
def test_what_no_interface_can_be_called_is_refused(wanted: Change) -> None:
    with pytest.raises(WireError, match="cannot be the"):
        rtchanges.change(7, wanted)
