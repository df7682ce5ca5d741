"""Whatever fails while attaching and while undoing: nothing is lost track of, and in the end nothing is left."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from plurimus.cni.errors import ClusterError, PlurimusError

from .world import CONTAINER, Node

KINDS = st.lists(st.sampled_from(["macvlan", "ptp", "unknown"]), max_size=5)
"""Types of which some may be attached side by side, and some only one after another."""


def make(kinds: list[str]) -> Node:
    """A node whose pod gets a network of each kind beside its default network."""
    node = Node()
    for index, kind in enumerate(kinds):
        node.network(f"n{index}", type=kind)
    node.pod(",".join(f"n{index}" for index in range(len(kinds))))
    return node


async def attempt(node: Node, verb: str) -> PlurimusError | None:
    """Why a request failed; None where it did not."""
    try:
        await node.call(verb)
    except PlurimusError as error:
        return error
    return None


@settings(max_examples=60)
@given(KINDS, st.none() | st.integers(0, 6), st.sets(st.integers(0, 5)), st.integers(1, 3))
def test_a_failed_add_keeps_track_of_all_it_could_not_undo(
    kinds: list[str], add: int | None, dels: set[int], times: int
) -> None:
    """F1, F24, S49: `add` fails (the one after the last is the status), `dels` fail the first `times`."""
    ifnames = ["eth0", *(f"net{index + 1}" for index in range(len(kinds)))]
    stuck = [ifname for index, ifname in enumerate(ifnames) if index in dels]

    async def run() -> None:
        node = make(kinds)
        if add is not None and add < len(ifnames):
            node.plugins.fail("ADD", ifnames[add])
        elif add is not None:
            node.cluster.write_error = ClusterError("the status cannot be written")
        for ifname in stuck:
            node.plugins.fail("DEL", ifname, times=times)
        failed = await attempt(node, "ADD")
        begun = {call.ifname for call in node.plugins.calls if call.verb == "ADD"}
        undone = {call.ifname for call in node.plugins.calls if call.verb == "DEL"}
        assert (failed is None) == (add is None)
        if failed is not None:
            assert ("no ADD of" in failed.msg) or ("the status cannot" in failed.msg)
            assert undone == begun
            assert node.recorded() == [ifname for ifname in stuck if ifname in begun]
            assert len(getattr(failed, "__notes__", [])) == len(node.recorded())
        else:
            assert node.recorded() == ifnames
        for _ in range(times):
            error = await attempt(node, "DEL")
            assert (error is None) == (node.left() == [] or node.spool.has(CONTAINER, "eth0"))
        assert await attempt(node, "DEL") is None
        assert node.left() == []
        assert {ifname for container, _, ifname in node.plugins.attached if container == CONTAINER} == set()

    asyncio.run(run())


@settings(max_examples=60)
@given(KINDS, st.integers(0, 12))
def test_a_crash_at_any_point_of_an_add_leaves_a_record_that_undoes_it(kinds: list[str], after: int) -> None:
    """F13: the daemon dies after so many steps; the next one's DEL leaves nothing."""

    async def run() -> None:
        node = make(kinds)
        adding = asyncio.create_task(node.call("ADD"))
        for _ in range(after):
            await asyncio.sleep(0)
        before = set(node.plugins.attached)
        kept = dict(node.records.files)
        assert not before or CONTAINER in kept
        adding.cancel()
        await asyncio.gather(adding, return_exceptions=True)
        # what a daemon that died would not have undone
        node.plugins.attached, node.records.files = before, kept
        node.restart()
        await node.delete()
        assert node.plugins.attached == set()
        assert node.records.files == {}

    asyncio.run(run())
