"""Devices that the annotation names, by container or by ID, and devices of several sources (F35, S8, S9)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurimus.cni.errors import RequestError
from plurimus.core import devices
from plurimus.core.delegate import Delegate
from plurimus.core.devices import Allocation, Held
from tests.allocations import allocation

from .builders import delegate

VF, OTHER = "example.com/vf", "example.com/other"
A, B, C = "0000:03:00.1", "0000:03:00.2", "0000:0a:00.3"
SF = "mlx5_core.sf.4"
TWO = allocation(loader={VF: ["l1", "l2"]}, trainer={VF: ["t1", "t2"]})


def wanting(*wants: dict[str, Any], resource: str = VF) -> list[Delegate]:
    return [delegate(f"net{index}", wants=each, resource_name=resource) for index, each in enumerate(wants)]


def assigned(delegates: Sequence[Delegate], found: Allocation) -> list[str]:
    return [each.device_id for each in devices.assign(delegates, found, pod="pod-ns/pod")]


def refused(delegates: Sequence[Delegate], found: Allocation) -> str:
    with pytest.raises(RequestError) as caught:
        assigned(delegates, found)
    return caught.value.msg


def test_a_network_gets_a_device_of_the_container_it_names() -> None:
    assert assigned(wanting({"container": "trainer"}, {}, {"container": "loader"}), TWO) == ["t1", "l2", "l1"]
    assert assigned(wanting({}, {"container": "trainer"}, {"container": "trainer"}), TWO) == ["l1", "t1", "t2"]


def test_a_network_gets_the_device_it_names_and_no_other_does() -> None:
    assert assigned(wanting({}, {}, {"deviceID": "l1"}), TWO) == ["l2", "t1", "l1"]
    assert assigned(wanting({"container": "loader"}, {"deviceID": "l1", "container": "loader"}), TWO) == ["l2", "l1"]


def test_a_pci_address_is_named_in_any_case_and_other_ids_exactly() -> None:
    assert assigned(wanting({"deviceID": C.upper()}), allocation({VF: [B, C]})) == [C]
    assert assigned(wanting({"deviceID": "a"}), allocation({VF: ["A", "a"]})) == ["a"]
    assert "names device 'X'" in refused(wanting({"deviceID": "X"}), allocation({VF: ["x", B]}))


def test_a_device_the_pod_does_not_have_is_refused_with_those_it_has() -> None:
    """S9."""
    text = refused(wanting({"deviceID": "x9"}), TWO)
    assert text == (
        f"network 'pod-ns/net0' names device 'x9' of '{VF}': pod pod-ns/pod has l1, l2, t1, t2 of that resource; "
        "name a device the pod has and no other network, or leave 'deviceID' out"
    )
    assert "names device 't1' of container 'loader' of" in refused(
        wanting({"deviceID": "t1", "container": "loader"}), TWO
    )
    assert "pod pod-ns/pod has none of that resource" in refused(wanting({"deviceID": "x9"}, resource=OTHER), TWO)


def test_a_device_that_two_networks_name_is_refused() -> None:
    """S8."""
    text = refused(wanting({"deviceID": "t1"}, {"deviceID": "t1"}), TWO)
    assert "network 'pod-ns/net1' names device 't1'" in text
    assert "t1 is of network 'pod-ns/net0'" in text


def test_a_container_with_too_few_devices_is_named_with_both_counts() -> None:
    """S9."""
    text = refused(wanting({"container": "trainer"}, {"container": "trainer"}, {"container": "trainer"}), TWO)
    assert f"'pod-ns/net2' needs a device of '{VF}': pod pod-ns/pod has 2 allocated to container 'trainer' and" in text
    assert "asks for 3" in text
    text = refused(wanting({"container": "writer"}), TWO)
    assert "has 0 allocated to container 'writer' and asks for 1" in text
    assert f"request {VF} in the resources of that container" in text


def test_a_container_named_for_a_network_without_a_resource_is_refused() -> None:
    text = refused(wanting({"container": "trainer"}, resource=""), TWO)
    assert "network 'pod-ns/net0': the pod asks for a device of container 'trainer', but the network takes none" in text


def test_a_device_named_for_a_network_without_a_resource_goes_to_no_other() -> None:
    """S8, F35."""
    named = delegate("named", wants={"deviceID": A})
    assert assigned([*wanting({}), named], allocation({VF: [A, B]})) == [B, ""]


def test_what_the_kernel_names_is_one_device_whatever_the_resource() -> None:
    """S8: two sources may tell the same function under two names; other IDs mean something within their resource."""
    both = [*wanting({}), *wanting({}, resource=OTHER)]
    assert assigned(both, allocation({VF: [A], OTHER: [A, B]})) == [A, B]
    assert assigned(both, allocation({VF: [SF], OTHER: [SF, A]})) == [SF, A]
    assert assigned(both, allocation({VF: ["0"], OTHER: ["0"]})) == ["0", "0"]
    text = refused(both, allocation({VF: [A], OTHER: [A]}))
    assert f"{A} is of network 'pod-ns/net0'" in text


def test_a_device_of_a_claim_that_containers_share_goes_to_the_one_that_has_no_other() -> None:
    shared = Allocation((Held(VF, ("s",), ("loader", "trainer")), Held(VF, ("l",), ("loader",))))
    assert assigned(wanting({"container": "loader"}, {"container": "trainer"}), shared) == ["l", "s"]


def test_why_devices_of_claims_are_of_no_use_is_in_the_error() -> None:
    """S9."""
    found = Allocation(unusable=("claim ns/c: no attribute", "claim ns/d: no slice"))
    assert refused(wanting({}), found).endswith("; claim ns/c: no attribute; claim ns/d: no slice")


NAMES = ("loader", "trainer")
HELD = st.builds(
    Held,
    st.sampled_from([VF, OTHER]),
    st.lists(st.sampled_from([A, B, C, "x", "y"]), max_size=3).map(tuple),
    st.lists(st.sampled_from(NAMES), unique=True).map(tuple),
)
WANTS = st.fixed_dictionaries(
    {}, optional={"container": st.sampled_from(NAMES), "deviceID": st.sampled_from([A, B, C, "x", "y"])}
)


@given(st.lists(HELD, max_size=5), st.lists(st.tuples(WANTS, st.sampled_from([VF, OTHER])), max_size=4))
def test_devices_are_assigned_wherever_that_is_possible_and_never_twice(
    held: list[Held], wanted: list[tuple[dict[str, Any], str]]
) -> None:
    """S8, S9: over all sources, containers and names; compared with trying every choice."""
    found = Allocation(tuple(held))
    delegates = [delegate(f"net{index}", wants=wants, resource_name=of) for index, (wants, of) in enumerate(wanted)]
    possible = [
        choice
        for choice in permutations(found.devices(), len(delegates))
        if len({each.key for each in choice}) == len(choice)
        and all(_fits(*each, device) for each, device in zip(wanted, choice, strict=True))
    ]
    if not possible:
        refused(delegates, found)
        return
    assert assigned(delegates, found) in [[each.id for each in choice] for choice in possible]


def _fits(wants: dict[str, Any], resource: str, device: devices.Device) -> bool:
    return (
        device.resource == resource
        and wants.get("deviceID", device.id) == device.id
        and ("container" not in wants or wants["container"] in device.containers)
    )
