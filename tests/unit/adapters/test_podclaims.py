"""A pod's claims as its object has them (F53, F54)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from plurimus.adapters import podclaims
from plurimus.adapters.podclaims import PodSpec, PodStatus
from plurimus.model.claim import ClaimUse, PodClaim


def of(spec: Any, status: Any) -> tuple[PodClaim, ...]:
    return podclaims.claims(msgspec.convert(spec, PodSpec | None), msgspec.convert(status, PodStatus | None))


def test_claims_go_by_the_order_of_the_spec_as_the_status_has_none() -> None:
    """S7: the status is written from a Go map.  A claim named directly is in the spec alone."""
    spec = {
        "resourceClaims": [
            {"name": "b", "resourceClaimTemplateName": "t"},
            {"name": "a", "resourceClaimName": "shared"},
            {"name": "c", "resourceClaimTemplateName": "t"},
        ]
    }
    status = {
        "resourceClaimStatuses": [
            {"name": "c", "resourceClaimName": "p-c-x"},
            {"name": "b", "resourceClaimName": "p-b-y"},
        ]
    }
    assert [(claim.entry, claim.name) for claim in of(spec, status)] == [
        ("b", "p-b-y"),
        ("a", "shared"),
        ("c", "p-c-x"),
    ]


def test_a_claim_that_is_not_needed_is_left_out_and_one_that_is_not_made_yet_is_not() -> None:
    """Spec section 5.4: the former has a status and no name."""
    spec = {
        "resourceClaims": [
            {"name": "a", "resourceClaimTemplateName": "t"},
            {"name": "b", "resourceClaimTemplateName": "t"},
        ]
    }
    status = {"resourceClaimStatuses": [{"name": "a", "resourceClaimName": None}]}
    assert of(spec, status) == (PodClaim("b"),)


def test_a_claim_of_the_status_alone_counts() -> None:
    status = {"resourceClaimStatuses": [{"name": "a", "resourceClaimName": "p-a-x"}]}
    assert of(None, status) == (PodClaim("a", "p-a-x"),)


def test_containers_are_those_that_use_the_claim_sidecars_first() -> None:
    use: dict[str, Any] = {"claims": [{"name": "a"}]}
    spec = {
        "resourceClaims": [{"name": "a", "resourceClaimName": "x"}],
        "containers": [
            {"name": "trainer", "resources": {"claims": [{"name": "a", "request": "vf"}, {"name": "other"}]}},
            {"name": "idle"},
            {"name": "none", "resources": {"claims": None}},
        ],
        "initContainers": [{"name": "sidecar", "resources": use}],
    }
    (claim,) = of(spec, None)
    assert claim.uses == (ClaimUse("sidecar"), ClaimUse("trainer", "vf"))


def test_the_claim_of_extended_resources_comes_last_with_its_requests() -> None:
    """F54."""
    mapping = {"containerName": "trainer", "resourceName": "example.com/vf", "requestName": "container-0-request-0"}
    status = {
        "extendedResourceClaimStatus": {"resourceClaimName": "p-extended", "requestMappings": [mapping]},
        "resourceClaimStatuses": [{"name": "a", "resourceClaimName": "p-a-x"}],
    }
    found = of({}, status)
    uses = (("example.com/vf", ClaimUse("trainer", "container-0-request-0")),)
    assert found == (PodClaim("a", "p-a-x"), PodClaim("extended resources", "p-extended", extended=uses))


@pytest.mark.parametrize(
    ("spec", "status"),
    [
        (None, None),
        ({}, {}),
        ({"containers": [{"name": "a"}], "resourceClaims": None}, {"resourceClaimStatuses": []}),
        ({"nodeName": "n"}, {"extendedResourceClaimStatus": None}),
    ],
)
def test_most_pods_have_no_claims(spec: Any, status: Any) -> None:
    assert of(spec, status) == ()
