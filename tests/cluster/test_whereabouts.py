"""Addresses from the API server's pools: many daemons at once, and beside the original (cases 45, 46, 48, 52, 54)."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from plurimus.adapters.kubeconfig import Access

from . import deployed, objects
from .addresses import PATH, Original, held, request, reserved, serves
from .allocating import Daemon
from .client import Client, Refused
from .controlplane import ControlPlane
from .waiting import eventually

NODES = 8
_numbers = count()


@pytest.fixture(scope="module", autouse=True)
def kinds(control_plane: ControlPlane) -> None:
    """The kinds, as `deploy/whereabouts.yaml` has them."""
    for definition in deployed.manifest("whereabouts.yaml"):
        objects.ensure(control_plane.admin, definition)
        eventually(partial(control_plane.admin.get, objects.path(definition)), objects.established)
        eventually(partial(serves, control_plane.admin, f"{PATH}/{definition['spec']['names']['plural']}"))


@pytest.fixture
def range_() -> str:
    """A range of the test's own."""
    return f"10.{next(_numbers)}.0.0/24"


@pytest.fixture
def daemons(access: Access, tmp_path: Path) -> Iterator[list[Daemon]]:
    """As many processes as there are nodes, each with the daemon's own rights."""
    with ExitStack() as stack:
        yield [stack.enter_context(Daemon(access, tmp_path, f"node-{n}")) for n in range(NODES)]


@pytest.fixture
def daemon(access: Access, tmp_path: Path) -> Iterator[Daemon]:
    """One of them."""
    with Daemon(access, tmp_path, "node-0") as daemon:
        yield daemon


@pytest.fixture
def original(control_plane: ControlPlane, tmp_path: Path) -> Original:
    return Original(control_plane, tmp_path)


def test_two_hundred_addresses_for_eight_daemons_at_once(daemons: list[Daemon], admin: Client, range_: str) -> None:
    """No address twice, none left behind."""
    pods = [[f"pod-{node}-{n}" for n in range(25)] for node in range(NODES)]
    for daemon, mine in zip(daemons, pods, strict=True):
        daemon.begin([request("ADD", pod, range_) for pod in mine])
    given = [(pod, address) for daemon, mine in zip(daemons, pods, strict=True)
             for pod, address in zip(mine, daemon.end(), strict=True)]  # fmt: skip
    by_address = {address.removesuffix("/24"): f"ns/{pod} net1" for pod, address in given}
    assert len(by_address) == 200
    assert held(admin, range_) == reserved(admin, range_) == by_address
    for daemon, mine in zip(daemons, pods, strict=True):
        daemon.begin([request("CHECK", pod, range_) for pod in mine])
    assert [daemon.end() for daemon in daemons] == [[""] * 25] * NODES
    for daemon, mine in zip(daemons, pods, strict=True):
        daemon.begin([request("DEL", pod, range_) for pod in mine])
    assert [daemon.end() for daemon in daemons] == [[""] * 25] * NODES
    assert held(admin, range_) == reserved(admin, range_) == {}


def test_what_a_daemon_left_that_was_killed_is_deleted_by_the_next(
    access: Access, admin: Client, range_: str, tmp_path: Path
) -> None:
    """Wherever it was: between the patch and the reservations, or among these, at ADD and at DEL."""
    pods = [f"pod-{n}" for n in range(40)]
    for verb in ("ADD", "DEL"):
        with Daemon(access, tmp_path, "node-0") as first:
            if verb == "DEL":
                first.run(*(request("ADD", pod, range_) for pod in pods))
            before = reserved(admin, range_)
            first.begin([request(verb, pod, range_) for pod in pods])
            eventually(partial(reserved, admin, range_), lambda now, before=before: now != before)
            first.kill()
        with Daemon(access, tmp_path, "node-0") as next_:
            assert next_.run(*(request("DEL", pod, range_) for pod in pods)) == [""] * 40
        assert held(admin, range_) == reserved(admin, range_) == {}


def test_daemons_that_add_and_delete_one_after_another_do_not_meet(
    daemons: list[Daemon], admin: Client, range_: str
) -> None:
    """Each request a round of its own, over a pool that is nearly full: 8 daemons, 14 addresses."""
    small = range_.replace("/24", "/28")
    living: dict[str, str] = {}
    for turn in range(6):
        for node, daemon in enumerate(daemons):
            gone = [request("DEL", f"pod-{node}-{turn - 1}", small)] if turn else []
            daemon.begin([*gone, request("ADD", f"pod-{node}-{turn}", small)])
        living = {}
        for node, daemon in enumerate(daemons):
            *rest, address = daemon.end()
            assert rest in ([], [""])
            if not address.startswith("error 999: could not allocate"):
                living[address.removesuffix("/28")] = f"ns/pod-{node}-{turn} net1"
        assert held(admin, small) == reserved(admin, small) == living
    assert living


def test_ranges_that_overlap_share_no_address(daemons: list[Daemon], admin: Client, range_: str) -> None:
    small = range_.replace("/24", "/26")
    for node, daemon in enumerate(daemons):
        daemon.begin([request("ADD", f"pod-{node}", small if node % 2 else range_, f"net{n}") for n in range(3)])
    given = [address.split("/")[0] for daemon in daemons for address in daemon.end()]
    assert len(set(given)) == 24
    assert sorted([*held(admin, small), *held(admin, range_)]) == sorted(reserved(admin, range_)) == sorted(given)


def test_what_one_adds_the_other_knows_and_deletes(
    daemon: Daemon, original: Original, admin: Client, range_: str
) -> None:
    """Both ways; a pod's next sandbox keeps its address, whoever makes it."""
    ours = daemon
    assert original.run(request("ADD", "theirs", range_)) == f"{range_[:-5]}.1/24"
    assert ours.run(request("ADD", "ours", range_)) == [f"{range_[:-5]}.2/24"]
    assert original.run(request("ADD", "ours", range_, container="next")) == f"{range_[:-5]}.2/24"
    assert ours.run(request("ADD", "theirs", range_, container="next")) == [f"{range_[:-5]}.1/24"]
    assert ours.run(request("CHECK", "ours", range_, container="next")) == [""]
    known = {f"{range_[:-5]}.1": "ns/theirs net1", f"{range_[:-5]}.2": "ns/ours net1"}
    assert held(admin, range_) == reserved(admin, range_) == known
    assert ours.run(request("DEL", "theirs", range_), request("DEL", "ours", range_, container="next")) == ["", ""]
    assert original.run(request("DEL", "theirs", range_, container="next")) == ""
    assert held(admin, range_) == reserved(admin, range_) == {}


def test_ipv6_and_named_networks_are_the_same_for_both(daemon: Daemon, original: Original) -> None:
    number = next(_numbers)
    for named in ({}, {"network_name": "rails"}):
        adds = [request("ADD", pod, f"fd00:{number}::/64", **named) for pod in "abcd"]
        assert original.run(adds[0]) == f"fd00:{number}::1/64"
        assert daemon.run(adds[1]) == [f"fd00:{number}::2/64"]
        assert original.run(adds[2]) == f"fd00:{number}::3/64"
        assert daemon.run(request("DEL", "a", f"fd00:{number}::/64", **named)) == [""]
        assert daemon.run(adds[3]) == [f"fd00:{number}::1/64"]


def test_both_allocate_from_one_pool_at_the_same_time(
    daemons: list[Daemon], original: Original, admin: Client, range_: str
) -> None:
    """Case 54."""
    theirs = [f"theirs-{n}" for n in range(6)]
    with ThreadPoolExecutor(3) as threads:
        running = [threads.submit(original.run, request("ADD", pod, range_)) for pod in theirs]
        given: dict[str, str] = {}
        turn = 0
        while turn < 3 or (turn < 10 and not all(each.done() for each in running)):
            for node, daemon in enumerate(daemons):
                daemon.begin([request("ADD", f"ours-{node}-{turn}", range_, f"net{n}") for n in range(2)])
            for node, daemon in enumerate(daemons):
                given |= {address: f"ns/ours-{node}-{turn} net{n}" for n, address in enumerate(daemon.end())}
            turn += 1
        found = {each.result(): f"ns/{pod} net1" for pod, each in zip(theirs, running, strict=True)}
    assert len(given) == turn * NODES * 2
    assert len(found) == len(theirs)
    everyone = {address.removesuffix("/24"): whose for address, whose in (given | found).items()}
    assert len(everyone) == len(given) + len(found)
    assert held(admin, range_) == reserved(admin, range_) == everyone
    deletes = [request("DEL", pod, range_) for pod in theirs]
    deletes += [
        request("DEL", whose.split()[0].removeprefix("ns/"), range_, whose.split()[1]) for whose in given.values()
    ]
    assert set(daemons[0].run(*deletes)) == {""}
    assert held(admin, range_) == reserved(admin, range_) == {}


def test_nodes_take_slices_that_the_original_finds(
    daemons: list[Daemon], control_plane: ControlPlane, admin: Client, range_: str, tmp_path: Path
) -> None:
    """Case 52: nobody runs the controller; each node allocates from a pool of its own."""
    name = f"sliced-{range_.split('.')[1]}"
    sliced: dict[str, Any] = {"node_slice_size": "/27", "network_name": name}
    for node, daemon in enumerate(daemons):
        daemon.begin([request("ADD", f"pod-{node}-{n}", range_, **sliced) for n in range(4)])
    given = [daemon.end() for daemon in daemons]
    assert len({address for addresses in given for address in addresses}) == 4 * NODES
    slices = admin.get(f"{PATH}/nodeslicepools/{name}")
    assert slices["spec"] == {"range": range_, "sliceSize": "/27"}
    nodes = {each["nodeName"]: each["sliceRange"] for each in slices["status"]["allocations"]}
    assert sorted(nodes) == [f"node-{n}" for n in range(NODES)]
    for node, addresses in enumerate(given):
        part = ipaddress.ip_network(nodes[f"node-{node}"])
        assert sorted(addresses) == sorted(f"{part[n]}/24" for n in range(1, 5))
    theirs = Original(control_plane, tmp_path, "node-3")
    assert theirs.run(request("ADD", "theirs", range_, **sliced)) == f"{ipaddress.ip_network(nodes['node-3'])[5]}/24"
    assert len(held(admin, nodes["node-3"], f"{name}-node-3-")) == 5
    assert theirs.run(request("DEL", "pod-3-0", range_, **sliced)) == ""
    assert daemons[3].run(request("DEL", "theirs", range_, **sliced)) == [""]
    assert len(held(admin, nodes["node-3"], f"{name}-node-3-")) == 3


def test_the_requests_of_an_allocation_are_few(daemon: Daemon, control_plane: ControlPlane, range_: str) -> None:
    """No lease, and nothing that grows with the number of pools."""
    daemon.run(request("ADD", "first", range_))
    before = len(control_plane.audit.read_text().splitlines())
    daemon.run(*(request("ADD", "second", range_, f"net{n}") for n in range(8)))
    daemon.run(*(request("DEL", "second", range_, f"net{n}") for n in range(8)))
    lines = [json.loads(line) for line in control_plane.audit.read_text().splitlines()[before:]]
    asked = [f"{line['verb']} {line['objectRef']['resource']}" for line in lines]
    addresses = "overlappingrangeipreservations"
    assert sorted(asked) == sorted(
        ["get ippools", "patch ippools"] * 2 + [f"{verb} {addresses}" for verb in ("create", "get", "delete")] * 8
    )


def test_a_cluster_without_the_kinds_is_told_what_to_apply(daemon: Daemon, range_: str) -> None:
    elsewhere = request("ADD", "pod", range_, kubernetes={"namespace": "no-such-namespace"})
    (error,) = daemon.run(elsewhere)
    assert error.startswith(
        "error 11: POST /apis/whereabouts.cni.cncf.io/v1alpha1/namespaces/no-such-namespace/ippools"
    )
    assert "no namespace 'no-such-namespace'" in error


def test_the_kinds_are_what_the_original_and_we_write(admin: Client, range_: str) -> None:
    """An allocation without an owner is refused, a field nobody knows is dropped."""
    allocation = {"id": "x"}
    pool: dict[str, Any] = {
        "apiVersion": "whereabouts.cni.cncf.io/v1alpha1",
        "kind": "IPPool",
        "metadata": {"name": range_.replace("/", "-")},
        "spec": {"range": range_, "allocations": {"1": allocation}},
    }
    with pytest.raises(Refused, match="podref"):
        admin.post(f"{PATH}/ippools", pool)
    allocation |= {"podref": "ns/pod", "odd": "x"}
    made = admin.post(f"{PATH}/ippools", pool)
    assert made["spec"]["allocations"] == {"1": {"id": "x", "podref": "ns/pod"}}
