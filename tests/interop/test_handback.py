"""The way back: what ours added, the real Multus deletes without a trace."""

from __future__ import annotations

import pytest

from plurimus.adapters import netns
from tests.node.scripts import FAIL

from .node import SharedNode
from .pods import Case, all_cases, chains, default_route, names, peers, single, subdirectory


@all_cases
@peers
def test_what_ours_added_is_deleted_by_multus_without_a_trace(node: SharedNode, case: Case, peer: str) -> None:
    """F2, F12, F13, F36.  Spec sections 6.4 and 12.3: downgrade."""
    pod = case(node)
    before = node.snapshot()
    node.add(pod, "ours")
    node.delete(pod, peer)
    node.is_as(before)


@pytest.mark.parametrize("case", [single, chains, subdirectory, default_route])
@peers
def test_pod_and_namespace_may_be_gone(node: SharedNode, case: Case, peer: str) -> None:
    """F2, F13.  Spec section 12.4."""
    pod = case(node)
    before = node.snapshot()
    node.add(pod, "ours")
    node.forget(pod.pod)
    netns.delete(pod.netns)
    node.delete(pod, peer)
    before.pop(f"namespace {pod.name}")
    node.is_as(before)


@peers
def test_interfaces_keep_their_names_for_multus_when_earlier_ones_are_gone(node: SharedNode, peer: str) -> None:
    """F13, F36: a record after a DEL that failed half way has holes, and Multus numbers by position."""
    pod = names(node)
    # what its driver does not know is for the executable, which can be made to fail
    node.network("rail", node.macvlan(optionOfALaterRelease=True))
    before = node.snapshot()
    node.add(pod, "ours")
    plugin = node.bin / "macvlan"
    plugin.unlink()
    node.script(plugin.name, f'{FAIL}\nfail(99, "out of order")')
    assert "out of order" in pod.call("DEL").refused(99)
    plugin.unlink()
    node.install(plugin.name)
    assert pod.recorded() == ["default/rail"] * 3
    node.delete(pod, peer)
    node.is_as(before)
