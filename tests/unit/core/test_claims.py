"""Devices of claims: which networks can have, under which names, and whose (F53, F54, S48)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurimus.core import claims, devices
from plurimus.core.claims import Pools
from plurimus.core.devices import Allocation, Held
from plurimus.model.claim import DEVICE_ID, RESOURCE_NAME, ClaimUse, PodClaim, ResourceSlice, Result
from tests.allocations import by_resource

from .builders import delegate

VF, DRIVER = "example.com/vf", "sriov.example.com"


def a_slice(*names: str, pool: str = "node-1", generation: int = 1, count: int = 1, resource: str = VF,
            **attributes: Any) -> ResourceSlice:  # fmt: skip
    """A slice whose devices have their names as IDs, unless `attributes` are theirs."""
    made = [
        {
            "name": name,
            "attributes": attributes
            or {DEVICE_ID: {"string": f"id-{name}"}, RESOURCE_NAME: {"string": resource}, "numa": {"int": 1}},
        }
        for name in names
    ]
    pools = {"name": pool, "generation": generation, "resourceSliceCount": count}
    return msgspec.convert({"spec": {"driver": DRIVER, "pool": pools, "devices": made}}, ResourceSlice)


def result(device: str, request: str = "r", **fields: Any) -> Result:
    return Result(**{"driver": DRIVER, "pool": "node-1", "device": device, "request": request, **fields})


def of(claim: PodClaim, results: list[Result], *slices: ResourceSlice) -> Allocation:
    return claims.allocation("ns", [(claim, results)], Pools(slices))


CLAIM = PodClaim("rails", "trainer-rails", (ClaimUse("trainer"),))


def test_devices_are_handed_out_in_the_order_of_the_claims_results() -> None:
    """F53, S7."""
    found = of(CLAIM, [result("b"), result("a")], a_slice("a", "b"))
    assert found == Allocation((Held(VF, ("id-b",), ("trainer",)), Held(VF, ("id-a",), ("trainer",))))


def test_devices_are_of_the_containers_that_use_their_request() -> None:
    """A subrequest is of its request."""
    uses = (ClaimUse("a"), ClaimUse("b", "vf"), ClaimUse("c", "gpu"), ClaimUse("d", "any/second"))
    results = [result("one", "vf"), result("two", "any/second"), result("three", "any/first")]
    found = of(PodClaim("rails", "x", uses), results, a_slice("one", "two", "three"))
    assert [held.containers for held in found.held] == [("a", "b"), ("a", "d"), ("a",)]


def test_of_a_pool_only_the_newest_generation_counts() -> None:
    """S48."""
    slices = [a_slice("a", generation=3, count=2), a_slice("gone", generation=2), a_slice("b", generation=3, count=2)]
    results = [result("a"), result("b"), result("gone")]
    for order in (slices, slices[::-1]):
        found = of(CLAIM, results, *order)
        assert by_resource(found) == {VF: ["id-a", "id-b"]}
        (said,) = found.unusable
        assert said.startswith(f"claim ns/trainer-rails: gone of driver {DRIVER}: pool 'node-1' has no such device")


def test_a_pool_of_the_same_name_is_another_drivers() -> None:
    found = of(CLAIM, [result("a", driver="gpu.example.com")], a_slice("a"))
    assert found.held == ()


def test_devices_that_are_no_networks_are_passed_over_and_named_together() -> None:
    """F53: GPUs are claimed by the same pods."""
    gpu = a_slice("gpu-0", "gpu-1", pool="gpus", uuid={"string": "x"})
    results = [result("gpu-0", pool="gpus"), result("a"), result("gpu-1", pool="gpus")]
    found = of(CLAIM, results, a_slice("a"), gpu)
    assert by_resource(found) == {VF: ["id-a"]}
    (said,) = found.unusable
    assert said.startswith(f"claim ns/trainer-rails: gpu-0, gpu-1 of driver {DRIVER}: no attribute {DEVICE_ID}, so it")


@pytest.mark.parametrize(
    ("results", "slices", "why"),
    [
        pytest.param(
            [result("a")], [a_slice("a", **{DEVICE_ID: {"string": "x"}})], f"no attribute {RESOURCE_NAME}",
            id="without-a-resource",
        ),
        pytest.param(
            [result("a")], [a_slice("a", **{DEVICE_ID: {"int": 5}, RESOURCE_NAME: {"string": VF}})],
            f"no attribute {DEVICE_ID}", id="with-a-number",
        ),
        pytest.param([result("a", admin_access=True)], [a_slice("a")], "lent for administration", id="admin"),
        pytest.param([result("a")], [], "there is no ResourceSlice of pool 'node-1'", id="without-a-slice"),
        pytest.param(
            [result("a")], [a_slice("b", count=3)], "has 1 of 3 ResourceSlices; try again", id="half-written"
        ),
    ],
)  # fmt: skip
def test_why_a_device_is_no_networks_is_said(results: list[Result], slices: list[ResourceSlice], why: str) -> None:
    """S9, S48."""
    found = of(CLAIM, results, *slices)
    assert found.held == ()
    (said,) = found.unusable
    assert said.startswith(f"claim ns/trainer-rails: a of driver {DRIVER}: ")
    assert why in said


def test_a_claim_that_does_not_exist_yet_is_named() -> None:
    found = of(PodClaim("rails"), [], a_slice("a"))
    assert found == Allocation(unusable=("resource claim 'rails' of the pod has no ResourceClaim",))


def test_devices_of_extended_resources_are_those_of_their_requests() -> None:
    """F54."""
    mappings = ((VF, ClaimUse("trainer", "c0-r1")), (VF, ClaimUse("loader", "c1-r0")))
    results = [result("b", "c1-r0"), result("a", "c0-r1"), result("gpu", "c0-r0")]
    found = of(PodClaim("extended resources", "x", extended=mappings), results, a_slice("a", "b", "gpu"))
    assert found.held == (Held(VF, ("id-a",), ("trainer",)), Held(VF, ("id-b",), ("loader",)))


def test_a_device_of_another_resource_than_the_extended_one_is_no_networks() -> None:
    """F54: strictly what was asked for."""
    claim = PodClaim("extended resources", "x", extended=((VF, ClaimUse("trainer", "r")),))
    found = of(claim, [result("a")], a_slice("a", resource="example.com/other"))
    assert found.held == ()
    assert f"allocated as '{VF}', but its attribute {RESOURCE_NAME} is 'example.com/other'" in found.unusable[0]


NAMES = st.sampled_from(["loader", "trainer"])
PLUGIN = st.lists(
    st.tuples(NAMES, st.lists(st.tuples(st.just(VF), st.lists(st.sampled_from("abcdef"), max_size=3)), max_size=2)),
    max_size=3,
)
CLAIMED = st.lists(st.tuples(NAMES, st.lists(st.sampled_from("abcdef"), max_size=3, unique=True)), max_size=3)


@given(PLUGIN, CLAIMED, st.data())
def test_of_all_sources_each_device_is_once_and_device_plugins_come_first(
    plugin: list[tuple[str, list[tuple[str, list[str]]]]], claimed: list[tuple[str, list[str]]], data: st.DataObject
) -> None:
    """F55, S7, S8: containers, resources and claims merged; networks get each of the devices, and no other."""
    kubelet = Allocation(tuple(held for name, told in plugin for held in devices.of_container(name, told)))
    pairs = [
        (PodClaim(f"c{index}", f"c{index}", (ClaimUse(name),)), [result(each) for each in found])
        for index, (name, found) in enumerate(claimed)
    ]
    attributes = [a_slice(each, **{DEVICE_ID: {"string": each}, RESOURCE_NAME: {"string": VF}}) for each in "abcdef"]
    merged = kubelet.then(claims.allocation("ns", pairs, Pools(attributes)))
    told = [each for _, of in plugin for _, ids in of for each in sorted(ids)]
    in_order = list(
        dict.fromkeys([each for held in kubelet.held for each in held.ids] + [e for _, f in claimed for e in f])
    )
    assert set(in_order) == set(told) | {each for _, found in claimed for each in found}
    count = data.draw(st.integers(0, len(in_order)))
    networks = [delegate(f"net{index}", resource_name=VF) for index in range(count)]
    assert [each.device_id for each in devices.assign(networks, merged, pod="ns/pod")] == in_order[:count]
    of_trainer = [each.id for each in merged.devices() if "trainer" in each.containers]
    asking = [
        delegate(f"net{index}", wants={"container": "trainer"}, resource_name=VF) for index in range(len(of_trainer))
    ]
    assert [each.device_id for each in devices.assign(asking, merged, pod="ns/pod")] == of_trainer
