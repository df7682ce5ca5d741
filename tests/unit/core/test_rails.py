"""Which rail each attachment is on, and what is said where that is not as it should be."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurimus.cni import conf
from plurimus.core import rails
from plurimus.core.plan import Attachment
from plurimus.core.rails import Function, Physical, Rails, Seat

NODE = [Physical(f"0000:{bus}:00.0", (f"ens{number}",), 2) for number, bus in enumerate(("18", "3b", "5e", "86"), 1)]
RAILS = rails.of_node(NODE, {})


def seat(number: int, rail: int | None, *, at: Rails = RAILS, resource: str = "", given: Any = (), **ipam: Any) -> Seat:
    """`net<number>` with a device of rail<rail>; None: a device that is not there."""
    config = conf.parse({"cniVersion": "1.0.0", "name": f"n{number}", "type": "sriov", "ipam": ipam})
    device = f"0000:{'ff' if rail is None else NODE[rail].address[5:7]}:00.{number}"
    attachment = Attachment(
        f"net{number}", config, f"default/n{number}", device_id=device, resource_name=resource or f"x.io/r{rail}"
    )
    function = None if rail is None else Function(device, NODE[rail].address)
    return rails.seat(attachment, function, at, given)


def test_rails_are_the_functions_with_virtual_ones_by_address() -> None:
    physicals = [*reversed(NODE), Physical("0000:00:03.0", ("eno1",))]
    found = rails.of_node(physicals, {})
    assert found.names == {each.address: f"rail{number}" for number, each in enumerate(NODE)}
    assert found.label("0000:3b:00.0") == "ens2 0000:3b:00.0"
    assert found.label("0000:ff:00.0") == "0000:ff:00.0"


def test_the_administrator_names_rails_by_address_or_interface() -> None:
    found = rails.of_node(NODE, {"ens4": "a", "0000:5E:00.0": "b", "ens1": "b", "ens9": "c"})
    assert found.names == {"0000:86:00.0": "a", "0000:5e:00.0": "b", "0000:18:00.0": "b"}
    assert [found.place(rail) for rail in "ab"] == [0, 1]
    assert found.warnings == ("'rails' names 'ens9' for c, but this node has no such physical function",)


@given(st.permutations(range(4)), st.integers(1, 4))
def test_one_attachment_on_each_rail_in_their_order_is_as_it_should_be(order: list[int], count: int) -> None:
    configured = {NODE[at].address: f"r{at}" for at in order}
    node = rails.of_node(NODE, configured)
    seats = [
        seat(number, at, at=node, type="host-local", subnet=f"10.{number}.0.0/16")
        for number, at in enumerate(order[:count], 1)
    ]
    assert [each.rail for each in seats] == [f"r{at}" for at in order[:count]]
    assert rails.warnings(seats, node) == []


def test_two_attachments_on_one_rail_while_others_are_free_are_told() -> None:
    seats = [seat(1, 0), seat(2, 0), seat(3, 2)]
    (text,) = rails.warnings(seats, RAILS)
    assert text.startswith("net1 and net2 are all on rail0, while the pod has nothing on rail1 and rail3;")


def test_two_attachments_on_one_rail_where_none_is_free_are_fine() -> None:
    node = rails.of_node(NODE[:1], {})
    assert rails.warnings([seat(1, 0, at=node), seat(2, 0, at=node)], node) == []


def test_interfaces_in_another_order_than_their_rails_are_told_once() -> None:
    (text,) = rails.warnings([seat(1, 0), seat(2, 3), seat(3, 2), seat(4, 1)], RAILS)
    assert text.startswith("net2 is on rail3 and net3 on rail2: interfaces are not in the order of the rails;")


def test_a_resource_with_devices_of_several_rails_is_told_wherever_they_are_used() -> None:
    seats = [seat(1, 0, resource="x.io/vf"), seat(2, 1, resource="x.io/vf")]
    (text,) = rails.warnings(seats, RAILS)
    assert text.startswith("resource x.io/vf has devices of rail0 and rail1, so kubelet decides")
    (text,) = rails.warnings(seats[:1], RAILS, [seat(9, 3, resource="x.io/vf"), seat(8, 2)])
    assert text.startswith("resource x.io/vf has devices of rail0 and rail3, so kubelet decides")


def test_a_subnet_of_two_rails_is_told_by_configuration_and_by_addresses() -> None:
    wide = {"type": "whereabouts", "range": "10.56.0.0/16"}
    narrow = {"type": "host-local", "ranges": [[{"subnet": "fd00::/64"}], [{"subnet": "10.56.7.0/24"}]]}
    (text,) = rails.warnings([seat(1, 0, **wide), seat(2, 1, **narrow)], RAILS)
    assert text.startswith("net1 on rail0 and net2 on rail1 share addresses of 10.56.0.0/16;")
    assert rails.warnings([seat(1, 0, **wide), seat(2, 1, given=["10.57.0.2/16"], **narrow)], RAILS) == []
    (text,) = rails.warnings([seat(1, 0, given=["fd01::1/64"]), seat(2, 1, given=["fd01::2/64"])], RAILS)
    assert "share addresses of fd01::/64" in text


@pytest.mark.parametrize("ipam", [{"range": "x"}, {"ranges": 3}, {"addresses": [{}]}])
def test_addresses_that_are_malformed_are_the_ipam_plugins_to_refuse(ipam: dict[str, Any]) -> None:
    assert rails.warnings([seat(1, 0, type="x", **ipam), seat(2, 1, type="x", **ipam)], RAILS) == []


def test_a_device_that_is_not_there_or_of_no_rail_is_told() -> None:
    node = rails.of_node(NODE, {"ens1": "a"})
    missing, other = rails.warnings([seat(1, None, at=node), seat(2, 1, at=node)], node)
    assert missing.startswith("net1: this node has no device 0000:ff:00.1;")
    assert other == "net2: device 0000:3b:00.2 is of ens2 0000:3b:00.0, which is no rail of this node"


def test_a_device_the_pod_names_itself_counts() -> None:
    config = conf.parse({"cniVersion": "1.0.0", "name": "n", "type": "host-device"})
    assert rails.device_of(Attachment("net1", config, "n", capability_args={"deviceID": "x"})) == "x"
    assert rails.device_of(Attachment("net1", config, "n")) == ""
