"""What is asked of the API server about whereabouts' objects, and what its refusals mean (case 46)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from plurimus.adapters.apiserver import ApiError
from plurimus.adapters.ippools import ApiPools
from plurimus.core.addresspools import Overtaken
from plurimus.model.ippool import Allocation, Change, Pool, Reservation, Slice, SlicePool

from .api import Answer, Reply, Seen, client, serving, status

GROUP = "/apis/whereabouts.cni.cncf.io/v1alpha1/namespaces/ns"
MINE = Allocation("sandbox", "ns/pod", "net1")
OLD = Allocation("old", "ns/pod")
POOL = Pool("10.0.0.0/24", {"1": OLD})
SLICES = SlicePool("10.0.0.0/24", "/25", (Slice("10.0.0.0/25"), Slice("10.0.0.128/25", "a")), "7")
RESERVATION = Reservation("ns/pod", "net1", "the-uid")


async def ask(work: Callable[[ApiPools], Awaitable[Any]], answer: Answer | None = None) -> tuple[Any, Seen]:
    async with serving(answer or Reply(body={})) as server, client(server) as api:
        found = await work(ApiPools(api))
        (seen,) = server.seen
        return found, seen


async def refused(work: Callable[[ApiPools], Awaitable[Any]], answer: Answer) -> ApiError | Overtaken:
    with pytest.raises((ApiError, Overtaken)) as raised:
        await ask(work, answer)
    return raised.value  # type: ignore[no-any-return]


async def test_a_patch_tests_whose_each_address_was() -> None:
    changes = [Change("2", None, MINE), Change("1", OLD, MINE), Change("3", MINE, None)]
    _, seen = await ask(lambda pools: pools.change_pool("ns", "pool", POOL, changes))
    assert (seen.method, seen.path) == ("PATCH", f"{GROUP}/ippools/pool")
    assert seen.headers["Content-Type"] == "application/json-patch+json"
    mine = {"id": "sandbox", "podref": "ns/pod", "ifname": "net1"}
    assert seen.body == [
        {"op": "test", "path": "/spec/range", "value": "10.0.0.0/24"},
        {"op": "test", "path": "/spec/allocations/2", "value": None},
        {"op": "add", "path": "/spec/allocations/2", "value": mine},
        {"op": "test", "path": "/spec/allocations/1/id", "value": "old"},
        {"op": "test", "path": "/spec/allocations/1/podref", "value": "ns/pod"},
        {"op": "replace", "path": "/spec/allocations/1", "value": mine},
        {"op": "test", "path": "/spec/allocations/3/id", "value": "sandbox"},
        {"op": "test", "path": "/spec/allocations/3/podref", "value": "ns/pod"},
        {"op": "test", "path": "/spec/allocations/3/ifname", "value": "net1"},
        {"op": "remove", "path": "/spec/allocations/3"},
    ]


async def test_a_pool_is_read_and_made() -> None:
    body = {"spec": {"range": "10.0.0.0/24", "allocations": {"1": {"id": "old", "podref": "ns/pod"}}}}
    found, seen = await ask(lambda pools: pools.pool("ns", "pool"), Reply(body=body))
    assert (found, seen.path) == (POOL, f"{GROUP}/ippools/pool")
    assert (await ask(lambda pools: pools.pool("ns", "pool"), status(404)))[0] is None
    _, seen = await ask(lambda pools: pools.create_pool("ns", "pool", Pool("10.0.0.0/24")))
    assert (seen.method, seen.path) == ("POST", f"{GROUP}/ippools")
    assert seen.body == {
        "apiVersion": "whereabouts.cni.cncf.io/v1alpha1",
        "kind": "IPPool",
        "metadata": {"name": "pool", "namespace": "ns"},
        "spec": {"range": "10.0.0.0/24", "allocations": {}},
    }


async def test_a_name_leads_nowhere_else_in_the_api() -> None:
    """A namespace is what a tenant wrote, and a node's name what is in a file."""
    body = {"spec": {"range": "10.0.0.0/24"}}
    _, seen = await ask(lambda pools: pools.pool("../secrets?x#y", "a/../b%2f"), Reply(body=body))
    parent = GROUP.removesuffix("/ns")
    assert seen.path == f"{parent}/..%2Fsecrets%3Fx%23y/ippools/a%2F..%2Fb%252f"


async def test_a_reservation_is_read_made_and_removed_by_its_uid() -> None:
    body = {"metadata": {"uid": "the-uid"}, "spec": {"podref": "ns/pod", "ifname": "net1"}}
    found, _ = await ask(lambda pools: pools.reservation("ns", "10.0.0.1"), Reply(body=body))
    assert found == RESERVATION
    _, seen = await ask(lambda pools: pools.reserve("ns", "10.0.0.1", RESERVATION))
    assert seen.body["kind"] == "OverlappingRangeIPReservation"
    assert seen.body["spec"] == {"podref": "ns/pod", "ifname": "net1"}
    _, seen = await ask(lambda pools: pools.unreserve("ns", "10.0.0.1", RESERVATION))
    assert (seen.method, seen.path) == ("DELETE", f"{GROUP}/overlappingrangeipreservations/10.0.0.1")
    assert seen.body["preconditions"] == {"uid": "the-uid"}


@pytest.mark.parametrize("code", [404, 409])
async def test_a_reservation_that_is_gone_or_anothers_is_none_of_ours(code: int) -> None:
    await ask(lambda pools: pools.unreserve("ns", "10.0.0.1", RESERVATION), status(code, "Conflict"))


async def test_slices_are_read_made_and_claimed_in_the_version_that_was_read() -> None:
    allocations = [{"sliceRange": "10.0.0.0/25", "nodeName": ""}, {"sliceRange": "10.0.0.128/25", "nodeName": "a"}]
    spec = {"range": "10.0.0.0/24", "sliceSize": "/25"}
    body = {"metadata": {"resourceVersion": "7"}, "spec": spec, "status": {"allocations": allocations}}
    found, _ = await ask(lambda pools: pools.slices("ns", "rail"), Reply(body=body))
    assert found == SLICES
    del body["status"]
    assert (await ask(lambda pools: pools.slices("ns", "rail"), Reply(body=body)))[0].slices == ()
    _, seen = await ask(lambda pools: pools.create_slices("ns", "rail", SLICES))
    assert (seen.body["spec"], seen.body["status"]) == (spec, {"allocations": allocations})
    _, seen = await ask(lambda pools: pools.claim_slice("ns", "rail", SLICES, 0, "node-1"))
    assert seen.body == [
        {"op": "test", "path": "/metadata/resourceVersion", "value": "7"},
        {"op": "add", "path": "/status/allocations/0/nodeName", "value": "node-1"},
    ]


@pytest.mark.parametrize("code", [404, 409, 422])
async def test_a_patch_that_misses_was_overtaken(code: int) -> None:
    change = [Change("1", None, MINE)]
    missed = await refused(lambda pools: pools.change_pool("ns", "pool", POOL, change), status(code, "Invalid", "no"))
    assert isinstance(missed, Overtaken)
    assert f"{code} Invalid: no" in missed.msg
    assert missed.code == 11
    assert isinstance(
        await refused(lambda pools: pools.claim_slice("ns", "rail", SLICES, 0, "node-1"), status(code)), Overtaken
    )


async def test_what_exists_was_made_by_somebody_else() -> None:
    exists = status(409, "AlreadyExists")
    for work in (
        lambda pools: pools.create_pool("ns", "pool", POOL),
        lambda pools: pools.reserve("ns", "10.0.0.1", RESERVATION),
        lambda pools: pools.create_slices("ns", "rail", SLICES),
    ):
        assert isinstance(await refused(work, exists), Overtaken)


async def test_any_other_refusal_is_told_as_it_is() -> None:
    lacking = await refused(lambda pools: pools.create_pool("ns", "pool", POOL), status(404, "NotFound"))
    assert not isinstance(lacking, Overtaken)
    assert "lacks whereabouts' kinds" in lacking.msg
    for work in (
        lambda pools: pools.create_pool("ns", "pool", POOL),
        lambda pools: pools.change_pool("ns", "pool", POOL, [Change("1", None, MINE)]),
        lambda pools: pools.unreserve("ns", "10.0.0.1", RESERVATION),
    ):
        refusal = await refused(work, status(403, "Forbidden", "user cannot"))
        assert not isinstance(refusal, Overtaken)
