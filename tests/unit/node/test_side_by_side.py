"""Side by side comes out as one after another, whatever the plan, whatever ends first, fails, or is cancelled when."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from plurimus.node.context import Outcome

from .interleaved import Choices, Gates, SteppedNode, error_of, is_clean

CHAIN = "aux"
PLACES = ("eth0", "net1", "net2", "net3", "net4")


def seldom(odd: Any, *usual: Any) -> st.SearchStrategy[Any]:
    """`odd` one time in eight."""
    return st.sampled_from([usual[index % len(usual)] for index in range(7)] + [odd])


NETWORK = st.fixed_dictionaries(
    {
        "type": seldom("watcher", "macvlan", "ptp", "sriov"),
        "subnet": st.sampled_from(["10.1.0.0/24", "10.2.0.0/24", "10.3.0.0/24", "10.4.0.0/24", ""]),
        "ipam": seldom("dhcp", "host-local", "whereabouts"),
        "routes": st.sampled_from([[], ["10.8.0.0/16"], ["10.9.0.0/16"], ["0.0.0.0/0", "10.8.0.0/16"]]),
        "chained": seldom("watcher", "", "tuning", "portmap", "sbr", "sbr"),
        "linkInContainer": seldom(True, False),
        "link": st.sampled_from([{}, {}, {"bridge": "br0"}, {"master": "br0"}, {"master": "br1"}]),
    }
)  # fmt: skip
"""Networks of which some can matter to each other: by a subnet, a destination, a link of the node, or by looking at the
sandbox.
"""
PLAN = st.fixed_dictionaries(
    {
        "networks": st.lists(NETWORK, max_size=4),
        "default route": st.none() | st.integers(0, 3),
        "chain": st.sampled_from(["", "", "watcher", "tuning"]),
    }
)
SEED = st.integers(0, 1 << 16)
CANCELS = st.tuples(st.integers(0, 60), st.integers(1, 20), st.integers(1, 20))
FAILING = st.sets(
    st.sampled_from([*(f"ADD {place}" for place in PLACES), "write_status", "interfaces", "change_default_routes",
                     "records.store", "results.store"]), max_size=4,
)  # fmt: skip
STUCK = st.sets(st.sampled_from([*(f"DEL {place}" for place in PLACES), "delete_links"]), max_size=3)

Plan = dict[str, Any]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder with the default network's file, and an auxiliary chain for each plugin of `PLAN`."""
    with tempfile.TemporaryDirectory() as name:
        made = Path(name)
        (made / "10.conf").write_text(json.dumps({"cniVersion": "1.0.0", "name": "net", "type": "bridge"}))
        for kind in ("watcher", "tuning"):
            (made / f"{CHAIN}-{kind}").mkdir()
            (made / f"{CHAIN}-{kind}/0.conf").write_text(json.dumps({"type": kind}))
        yield made


def document(network: Plan) -> dict[str, Any]:
    """The configuration of one network."""
    routes = [{"dst": route, "gw": "10.1.0.254"} for route in network["routes"]]
    ipam: dict[str, Any] = {"type": network["ipam"], "routes": routes}
    if network["subnet"]:
        ipam |= {"subnet": network["subnet"], "range": network["subnet"]}
    kind = "bridge" if "bridge" in network["link"] else network["type"]
    first = {"type": kind, "ipam": ipam, "linkInContainer": network["linkInContainer"], **network["link"]}
    more = [{"type": network["chained"]}] if network["chained"] else []
    return {"cniVersion": "1.0.0", "plugins": [first, *more]}


def make(plan: Plan, folder: Path, *, side_by_side: bool, failing: Sequence[str] = ()) -> SteppedNode:
    netconf = {"clusterNetwork": f"{folder}/10.conf"}
    if plan["chain"]:
        netconf["auxiliaryCNIChainName"] = f"{CHAIN}-{plan['chain']}"
    node = SteppedNode(Gates(failing), side_by_side=side_by_side, netconf=netconf)
    elements: list[dict[str, Any]] = []
    for index, network in enumerate(plan["networks"]):
        node.network(f"n{index}", json.dumps(document(network)))
        elements.append({"name": f"n{index}"})
        if index == plan["default route"]:
            elements[-1]["default-route"] = ["10.1.0.1"]
    node.pod(elements or "")
    return node


def told(outcome: Outcome | BaseException) -> object:
    """What the runtime gets."""
    return outcome if isinstance(outcome, Outcome) else error_of(outcome)


@settings(max_examples=60)
@given(PLAN, SEED)
def test_whatever_ends_first_an_add_comes_out_as_one_after_another(folder: Path, plan: Plan, seed: int) -> None:
    """Result, names, addresses, order of routes, record, cache, network status, events."""
    apart, beside = (make(plan, folder, side_by_side=at_once) for at_once in (False, True))
    wanted = apart.run("ADD", Choices(0))
    made = beside.run("ADD", Choices(seed))
    assert isinstance(wanted, Outcome), wanted
    assert made == wanted
    assert beside.remains() == apart.remains()
    event(f"{len(plan['networks'])} networks")
    assert told(beside.run("DEL", Choices(seed))) == Outcome()
    assert is_clean(beside)


@settings(max_examples=20)
@given(st.lists(st.sampled_from(["sbr", "sbr", ""]), min_size=2, max_size=4), SEED)
def test_tables_are_taken_in_the_order_of_the_plan_whoever_gets_there_first(
    folder: Path, chained: list[str], seed: int
) -> None:
    """Each on a rail of its own, so that only the tables could tell."""
    usual = {"type": "macvlan", "ipam": "whereabouts", "routes": [], "linkInContainer": False, "link": {}}
    networks = [{**usual, "subnet": f"10.{n}.0.0/24", "chained": kind} for n, kind in enumerate(chained, 1)]
    plan: Plan = {"networks": networks, "default route": None, "chain": ""}
    apart, beside = (make(plan, folder, side_by_side=at_once) for at_once in (False, True))
    assert beside.run("ADD", Choices(seed)) == apart.run("ADD", Choices(0))
    assert beside.remains() == apart.remains()
    assert beside.plugins.tables == [f"net{n}" for n, kind in enumerate(chained, 1) if kind]
    assert told(beside.run("DEL", Choices(seed))) == Outcome()
    assert is_clean(beside)


@settings(max_examples=60)
@given(PLAN, SEED, FAILING)
def test_whatever_fails_an_add_leaves_nothing_and_says_the_same(
    folder: Path, plan: Plan, seed: int, failing: set[str]
) -> None:
    """F1: any subset of the plugins, the kernel, the stores, the API server; others run beside, in any order."""
    apart, beside = (make(plan, folder, side_by_side=at_once, failing=sorted(failing)) for at_once in (False, True))
    wanted, made = apart.run("ADD", Choices(0)), beside.run("ADD", Choices(seed))
    assert isinstance(made, Outcome) == isinstance(wanted, Outcome)
    if isinstance(made, Outcome):
        assert beside.remains() == apart.remains()
        return
    if "results.store" not in failing:  # which result is written first is a matter of who ends first
        assert told(made) == told(wanted)
    assert is_clean(apart)
    assert is_clean(beside)


@settings(max_examples=80)
@given(PLAN, SEED, FAILING, CANCELS)
def test_whenever_it_is_cancelled_an_add_leaves_nothing_or_is_whole(
    folder: Path, plan: Plan, seed: int, failing: set[str], cancels: tuple[int, ...]
) -> None:
    """Also several times, while it undoes, and beside failures."""
    node = make(plan, folder, side_by_side=True, failing=sorted(failing))
    outcome = node.run("ADD", Choices(seed, cancels))
    event(type(outcome).__name__)
    if isinstance(outcome, Outcome):
        apart = make(plan, folder, side_by_side=False)
        assert apart.run("ADD", Choices(0)) == outcome
        assert node.remains() == apart.remains()
    else:
        assert is_clean(node)


@settings(max_examples=60)
@given(PLAN, SEED, STUCK, FAILING)
def test_what_cannot_be_undone_stays_on_record_and_goes_with_the_next_del(
    folder: Path, plan: Plan, seed: int, stuck: set[str], failing: set[str]
) -> None:
    """F24, S49: as much of it as was begun, and nothing else."""
    node = make(plan, folder, side_by_side=True, failing=sorted(failing | stuck))
    outcome = node.run("ADD", Choices(seed))
    if not isinstance(outcome, Outcome):
        begun = {call.ifname for call in node.plugins.calls if call.verb == "ADD"}
        owed = [place for place in PLACES if f"DEL {place}" in stuck and place in begun]
        assert node.recorded() == owed
        assert node.plugins.there() <= set(owed)
    for _ in range(2):  # each refuses once
        node.run("DEL", Choices(seed))
    asyncio.run(node.delete())
    assert is_clean(node)


@settings(max_examples=60)
@given(PLAN, SEED, STUCK, st.just(()) | CANCELS)
def test_a_del_that_fails_or_is_cancelled_keeps_on_record_what_is_there(
    folder: Path, plan: Plan, seed: int, stuck: set[str], cancels: tuple[int, ...]
) -> None:
    """Nothing that is there is ever off the record, and DEL can be repeated until all is gone."""
    node = make(plan, folder, side_by_side=True, failing=sorted(stuck))
    assert isinstance(node.run("ADD", Choices(0)), Outcome)
    outcome = node.run("DEL", Choices(seed, cancels))
    assert node.plugins.there() <= set(node.recorded())
    if isinstance(outcome, Outcome):
        assert is_clean(node)
    while not is_clean(node):
        node.run("DEL", Choices(seed))
