"""Devices of claims, asked of an API server that says what a real one seldom does (F53, F54, S48)."""

from __future__ import annotations

from typing import Any

import pytest

from plurimus.adapters.claims import BUDGET, SLICES, ClaimedDevices
from plurimus.cni.errors import ClusterError, Code
from plurimus.core.devices import Allocation
from plurimus.model.claim import DEVICE_ID, RESOURCE_NAME, ClaimUse, PodClaim
from plurimus.model.pod import Pod
from tests.allocations import by_resource

from .api import Reply, Server, Silence, client, serving, status

VF, DRIVER, OTHER = "example.com/vf", "sriov.example.com", "gpu.example.com"
RAILS = PodClaim("rails", "trainer-rails", (ClaimUse("trainer"),))
GPUS = PodClaim("gpus", "trainer-gpus", (ClaimUse("trainer"),))
CLAIMS = "/apis/resource.k8s.io/v1/namespaces/ns/resourceclaims"


def pod(*claims: PodClaim, node: str = "node-1") -> Pod:
    return Pod("ns", "trainer", "uid-1", node=node, claims=claims)


def claim(*devices: str, driver: str = DRIVER, request: str = "r") -> Reply:
    results = [{"request": request, "driver": driver, "pool": "p", "device": device} for device in devices]
    return Reply(body={"metadata": {"name": "x"}, "status": {"allocation": {"devices": {"results": results}}}})


def slices(*devices: str, more: str = "", driver: str = DRIVER) -> Reply:
    made = [
        {"name": name, "attributes": {DEVICE_ID: {"string": f"id-{name}"}, RESOURCE_NAME: {"string": VF}}}
        for name in devices
    ]
    pool = {"name": "p", "generation": 1, "resourceSliceCount": 1}
    items = [{"spec": {"driver": driver, "pool": pool, "devices": made}}] if devices else None
    return Reply(body={"metadata": {"continue": more}, "items": items})


async def asked(server: Server, of: Pod, **options: Any) -> Allocation:
    async with client(server) as api:
        return await ClaimedDevices(api, **options).allocated(of)


def selectors(server: Server) -> list[str]:
    return [seen.query["fieldSelector"] for seen in server.seen if seen.path == SLICES]


async def refused(server: Server, of: Pod, **options: Any) -> str:
    with pytest.raises(ClusterError) as caught:
        await asked(server, of, **options)
    assert caught.value.code == Code.TRY_AGAIN_LATER
    assert "pod ns/trainer" in caught.value.msg
    return caught.value.msg


async def test_a_pod_without_claims_costs_no_request() -> None:
    async with serving(Silence()) as server:
        assert await asked(server, pod()) == Allocation()
        assert server.seen == []


async def test_the_slices_of_the_pods_node_are_asked_for_and_no_more_where_they_have_the_device() -> None:
    """F53."""
    async with serving(claim("a", "b"), slices("b", "a")) as server:
        assert by_resource(await asked(server, pod(RAILS))) == {VF: ["id-a", "id-b"]}
        assert [seen.path for seen in server.seen] == [f"{CLAIMS}/trainer-rails", SLICES]
        assert selectors(server) == [f"spec.nodeName=node-1,spec.driver={DRIVER}"]


async def test_a_device_of_no_slice_of_the_node_is_looked_for_in_those_of_no_node() -> None:
    """S48."""
    async with serving(claim("a"), slices("b"), slices("a")) as server:
        assert by_resource(await asked(server, pod(RAILS))) == {VF: ["id-a"]}
        assert selectors(server) == [
            f"spec.nodeName=node-1,spec.driver={DRIVER}",
            f"spec.nodeName=,spec.driver={DRIVER}",
        ]


async def test_all_slices_are_asked_for_where_the_pod_names_no_node() -> None:
    async with serving(claim("a"), slices("a")) as server:
        assert by_resource(await asked(server, pod(RAILS, node=""))) == {VF: ["id-a"]}
        assert selectors(server) == [f"spec.driver={DRIVER}"]


async def test_all_pages_of_slices_are_read() -> None:
    async with serving(claim("a"), slices("b", more="next"), slices("a")) as server:
        assert by_resource(await asked(server, pod(RAILS))) == {VF: ["id-a"]}
        assert [seen.query.get("continue") for seen in server.seen] == [None, None, "next"]


async def test_each_claim_and_each_driver_is_asked_for_once() -> None:
    """One that two entries of a pod name is one claim."""
    again = PodClaim("again", "trainer-rails")
    answers = claim("a"), claim("gpu", driver=OTHER), slices("a"), slices("gpu", driver=OTHER)
    async with serving(*answers) as server:
        found = await asked(server, pod(RAILS, GPUS, again))
        assert by_resource(found) == {VF: ["id-a", "id-gpu"]}
        assert [seen.path for seen in server.seen] == [
            f"{CLAIMS}/trainer-rails",
            f"{CLAIMS}/trainer-gpus",
            SLICES,
            SLICES,
        ]


async def test_a_claim_that_does_not_exist_is_named_with_what_to_check() -> None:
    async with serving(status(404, "NotFound")) as server:
        text = await refused(server, pod(RAILS))
    assert text.startswith("claim ns/trainer-rails of pod ns/trainer does not exist; check that it was not deleted")
    assert "Kubernetes 1.34" in text


@pytest.mark.parametrize("of", [{}, {"allocation": None}, {"allocation": {"devices": {"results": []}}}])
async def test_a_claim_without_an_allocation_is_named(of: dict[str, Any]) -> None:
    """Spec section 5.4."""
    async with serving(Reply(body={"status": of})) as server:
        text = await refused(server, pod(RAILS))
    assert text.startswith("claim ns/trainer-rails of pod ns/trainer has no device allocation; check its status")


async def test_a_request_of_an_extended_resource_without_a_device_is_named() -> None:
    """F54."""
    extended = PodClaim("extended resources", "x", extended=((VF, ClaimUse("trainer", "c0-r1")),))
    async with serving(claim("a", request="c0-r0")) as server:
        text = await refused(server, pod(extended))
    assert "claim ns/x of pod ns/trainer has no device for request 'c0-r1', which stands for" in text
    assert f"'{VF}' of container 'trainer'" in text


async def test_a_refusal_names_claim_or_driver_and_the_right_that_is_missing() -> None:
    """Spec section 5.4: only pods that have claims are affected."""
    words = 'resourceclaims.resource.k8s.io "x" is forbidden: User "u" cannot get resource "resourceclaims"'
    async with serving(status(403, "Forbidden", words)) as server:
        text = await refused(server, pod(RAILS))
    assert text.startswith("claim ns/trainer-rails of pod ns/trainer: GET ")
    assert text.endswith("give the daemon's role that verb on that resource")
    async with serving(claim("a"), status(403, "Forbidden", words)) as server:
        text = await refused(server, pod(RAILS))
    assert text.startswith(f"devices of driver {DRIVER!r}, which pod ns/trainer has by claims: GET ")


async def test_an_answer_that_is_no_claim_is_refused() -> None:
    async with serving(Reply(body={"status": []})) as server:
        assert "claim ns/trainer-rails of pod ns/trainer: GET" in await refused(server, pod(RAILS))


async def test_all_of_it_has_one_budget() -> None:
    """Spec section 5.4: 20 s."""
    assert BUDGET == 20
    async with serving(claim("a"), Silence()) as server:
        text = await refused(server, pod(RAILS), budget=0.3)
    assert text == "the resource claims of pod ns/trainer could not be looked up in 0.3 s; check the API server"
