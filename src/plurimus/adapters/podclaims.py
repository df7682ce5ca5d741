"""The resource claims of a pod, as its object in the API server has them.

Not an adapter itself but a part of `adapters.kubernetes`.  A claim that a pod names directly is in its spec alone; one
made from a template has its name in the status, which is in no order.  The one that stands for extended resources is
in the status alone.

Kubernetes: core/v1, PodSpec and PodStatus; spec section 5.4.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from plurimus.model.claim import ClaimUse, PodClaim


class _Use(msgspec.Struct, frozen=True):
    name: str = ""
    request: str = ""


class _Resources(msgspec.Struct, frozen=True):
    claims: list[_Use] | None = None


class _Container(msgspec.Struct, frozen=True):
    name: str = ""
    resources: _Resources | None = None


class _Entry(msgspec.Struct, frozen=True, rename="camel"):
    """One in the spec or in the status, which have the same fields."""

    name: str = ""
    resource_claim_name: str | None = None


class PodSpec(msgspec.Struct, frozen=True, rename="camel"):
    node_name: str = ""
    priority: int | None = None
    priority_class_name: str = ""
    resource_claims: list[_Entry] | None = None
    init_containers: list[_Container] | None = None
    containers: list[_Container] | None = None


class _Mapping(msgspec.Struct, frozen=True, rename="camel"):
    container_name: str = ""
    resource_name: str = ""
    request_name: str = ""


class _Extended(msgspec.Struct, frozen=True, rename="camel"):
    resource_claim_name: str = ""
    request_mappings: list[_Mapping] | None = None


class PodStatus(msgspec.Struct, frozen=True, rename="camel"):
    resource_claim_statuses: list[_Entry] | None = None
    extended_resource_claim_status: _Extended | None = None


def claims(spec: PodSpec | None, status: PodStatus | None) -> tuple[PodClaim, ...]:
    """The claims in the order of the spec, then the one of extended resources; most pods have none."""
    if not (spec and spec.resource_claims) and not (
        status and (status.resource_claim_statuses or status.extended_resource_claim_status)
    ):
        return ()
    return tuple(_claims(spec or PodSpec(), status or PodStatus()))


def _claims(spec: PodSpec, status: PodStatus) -> Iterator[PodClaim]:
    made = {each.name: each.resource_claim_name or "" for each in status.resource_claim_statuses or ()}
    named = {each.name: each.resource_claim_name or made.get(each.name) or "" for each in spec.resource_claims or ()}
    for entry, name in (named | {entry: name for entry, name in made.items() if entry not in named}).items():
        # one with a status and no name was found to need none
        if name or entry not in made:
            yield PodClaim(entry, name, tuple(_uses(spec, entry)))
    extended = status.extended_resource_claim_status
    if extended is not None and extended.resource_claim_name:
        mappings = tuple(
            (each.resource_name, ClaimUse(each.container_name, each.request_name))
            for each in extended.request_mappings or ()
        )
        if mappings:
            yield PodClaim("extended resources", extended.resource_claim_name, extended=mappings)


def _uses(spec: PodSpec, entry: str) -> Iterator[ClaimUse]:
    for container in (*(spec.init_containers or ()), *(spec.containers or ())):
        for use in (container.resources.claims if container.resources else None) or ():
            if use.name == entry:
                yield ClaimUse(container.name, use.request)
