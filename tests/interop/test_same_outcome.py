"""Ours and the real Multus, asked for the same, make the same: to the byte where others read it."""

from __future__ import annotations

import json

import pytest

from .node import SharedNode
from .observe import Made, make
from .pods import Case, cases, peers


@pytest.fixture(scope="module")
def seen() -> dict[Case, dict[str, Made]]:
    """What each program made of a case: a value, which several tests look at."""
    return {}


@pytest.fixture
def made(node: SharedNode, case: Case, seen: dict[Case, dict[str, Made]]) -> dict[str, Made]:
    if case not in seen:
        pod = case(node)
        seen[case] = {way: make(node, pod, way) for way in ("thin", "thick", "ours")}
    return seen[case]


@cases
@peers
def test_the_runtime_gets_the_same_result(made: dict[str, Made], peer: str) -> None:
    """F1, F7, F8.  Spec sections 1.4 and 12.1."""
    assert made["ours"].result == made[peer].result


@cases
@peers
def test_the_pod_has_the_same_links_addresses_and_routes(made: dict[str, Made], peer: str) -> None:
    """F1."""
    assert made["ours"].pod == made[peer].pod


@cases
@peers
def test_the_network_status_is_the_same(made: dict[str, Made], peer: str) -> None:
    """F40, F43.  Spec section 3.4."""
    assert made["ours"].status == made[peer].status
    assert len(json.loads(made["ours"].status)) == len(made["ours"].record)


@cases
def test_the_events_are_the_same(made: dict[str, Made]) -> None:
    """F44.  The thin plugin may end before it has sent its last ones."""
    events = made["ours"].events
    assert events == made["thick"].events
    assert events[: len(made["thin"].events)] == made["thin"].events
    assert len(events) == len(made["ours"].record)


@cases
@peers
def test_the_result_cache_is_the_same(made: dict[str, Made], peer: str) -> None:
    """F12.  Spec section 1.5.  How a configuration is spelled is free; the thin plugin's CNI_ARGS are doubled (S36)."""
    ours, theirs = made["ours"], made[peer]
    free = ("config", "cniArgs") if peer == "thin" else ("config",)
    assert ours.cache_without(*free) == theirs.cache_without(*free)
    assert ours.configs() == theirs.configs()
