"""Which device each attachment gets (F48, S7, S8, S9)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurimus.cni.errors import RequestError
from plurimus.core import devices
from plurimus.core.delegate import Delegate
from plurimus.core.devices import Allocation
from tests.allocations import allocation, by_resource

from .builders import default_delegate, delegate, make

VF, GPU = "example.com/vf", "example.com/gpu"


def assigned(*delegates: Delegate, **allocated: list[str]) -> list[str]:
    named = {"vf": VF, "gpu": GPU}
    found = allocation({named[key]: ids for key, ids in allocated.items()})
    return [chosen.device_id for chosen in devices.assign(delegates, found, pod="pod-ns/pod")]


Told = list[tuple[str, list[str]]]


def of_containers(containers: list[Told]) -> Allocation:
    """What containers named c0, c1, ... have."""
    held = (each for index, told in enumerate(containers) for each in devices.of_container(f"c{index}", told))
    return Allocation(tuple(held))


def wanting(*resources: str) -> list[Delegate]:
    return [delegate(f"net{index}", resource_name=resource) for index, resource in enumerate(resources)]


def test_devices_are_taken_in_the_order_of_allocation() -> None:
    """S7: never sorted, so container A's device does not go to container B's network."""
    assert assigned(*wanting(VF, VF, VF), vf=["c", "a", "b"]) == ["c", "a", "b"]


def test_each_resource_is_counted_by_itself() -> None:
    assert assigned(*wanting(VF, GPU, VF), vf=["v1", "v2"], gpu=["g1"]) == ["v1", "g1", "v2"]


def test_networks_without_a_resource_take_no_device() -> None:
    assert assigned(*wanting("", VF, "", VF), vf=["v1", "v2", "v3"]) == ["", "v1", "", "v2"]


def test_the_same_network_twice_takes_two_devices() -> None:
    """F87."""
    assert assigned(delegate(resource_name=VF), delegate(resource_name=VF), vf=["v1", "v2"]) == ["v1", "v2"]


def test_the_default_network_shares_the_count() -> None:
    """S8: no device is handed out twice."""
    assert assigned(default_delegate(resource_name=VF), *wanting(VF), vf=["v1", "v2"]) == ["v1", "v2"]


def test_the_device_is_written_into_the_configuration() -> None:
    """F48."""
    (found,) = devices.assign(wanting(VF), allocation({VF: ["v1"]}), pod="pod-ns/pod")
    assert [(plugin["deviceID"], plugin["pciBusID"]) for plugin in found.config.plugins] == [("v1", "v1")]


def test_devices_go_by_container_and_within_one_by_their_ids() -> None:
    """S7: kubelet has no order within a container."""
    containers: list[Told] = [[(VF, ["e"]), (VF, ["b"])], [], [(GPU, ["g2", "g1"])], [(VF, ["c", "a"])]]
    assert by_resource(of_containers(containers)) == {VF: ["b", "e", "a", "c"], GPU: ["g1", "g2"]}


@given(st.lists(st.lists(st.tuples(st.sampled_from([VF, GPU]), st.lists(st.sampled_from("abcdef")))), max_size=4))
def test_each_device_is_there_once_and_no_order_within_a_container_matters(containers: list[Told]) -> None:
    """S7, S8."""
    found = by_resource(of_containers(containers))
    for resource, ids in found.items():
        assert sorted(ids) == sorted(
            {each for told in containers for name, of in told if name == resource for each in of}
        )
    turned = [[(resource, ids[::-1]) for resource, ids in told] for told in containers]
    assert by_resource(of_containers(turned)) == found


@pytest.mark.parametrize(
    ("allocated", "count"),
    [
        pytest.param({}, 0, id="resource-unknown"),
        pytest.param({VF: []}, 0, id="none"),
        pytest.param({VF: ["v1"]}, 1, id="one-too-few"),
        pytest.param({VF: ["v1"], GPU: ["g1", "g2"]}, 1, id="other-resources-do-not-help"),
    ],
)
def test_too_few_devices_are_refused(allocated: dict[str, list[str]], count: int) -> None:
    """S9: network, resource and both counts are named, before anything runs."""
    with pytest.raises(RequestError) as caught:
        devices.assign(wanting(VF, VF), allocation(allocated), pod="pod-ns/pod")
    for part in (f"'pod-ns/net{count}'", VF, f"has {count} allocated", "asks for 2", "pod pod-ns/pod"):
        assert part in caught.value.msg


def test_a_plan_with_too_few_devices_is_refused() -> None:
    """S9."""
    with pytest.raises(RequestError, match=VF):
        make(delegate(resource_name=VF))
