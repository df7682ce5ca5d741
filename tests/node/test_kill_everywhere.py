"""A daemon that is killed, at any moment of any request: nothing is lost, whatever the runtime does then.

Each case lets a daemon pass all its points once and counts them, then has one killed at each of them.  The drivers'
points are all tried; where executables run, the rest is the same as with drivers, and every third is tried.
PLURIMUS_KILL_EVERY=1 tries all of them, with all that a runtime may do about each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .killing import WAYS, MortalNode, Tally
from .leftovers import is_as, settles, there, what_is_left
from .mortal import chosen, empty, mortal_node, pod
from .nursery import Nursery
from .process import eventually
from .runtime import Answer, Sandbox

pytestmark = pytest.mark.usefixtures("root")

KEPT = {"os.rename .sandbox", "os.rename .pods-", "os.rename .a-", "os.rename .b-", "os.rename .default.pod"}
"""What an ADD keeps: its record, a result of each network, the pod's network-status."""
FORGOTTEN = {"os.remove sandbox", "os.remove pods-", "os.remove a-", "os.remove b-", "os.remove .of-"}
"""What is kept of a sandbox, as it goes."""
LEASED = {"os.link .plurimus-lease", "netlink 0", "os.posix_spawn iptables-restore"}
FREED = {"os.remove 10.10.", "os.remove 10.11.", "os.remove 10.244.", "os.posix_spawn iptables"}
STARTED = {f"os.posix_spawn {each}" for each in ("bridge", "macvlan", "tuning")}
KINDS = {
    "ADD": (KEPT | {"answer"}, LEASED, STARTED),
    "DEL": (FORGOTTEN | {"answer"}, FREED | {"netlink 0"}, STARTED),
    "CHECK": ({"answer"}, {"open lock"}, STARTED),
    "GC": (FORGOTTEN | {"answer"}, FREED | {"netlink 0"}, STARTED),
    "recovery": (FORGOTTEN, FREED, STARTED),
    "spool": (FORGOTTEN | {"os.utime sandbox"}, FREED, STARTED),
}
"""What each passes at least: with either, with drivers, with executables."""


@pytest.fixture(params=["drivers", "executables"])
def node(request: pytest.FixtureRequest, nursery: Nursery, tmp_path: Path) -> Iterator[MortalNode]:
    with mortal_node(tmp_path, nursery, request.param) as made:
        yield made


def points(node: MortalNode, names: list[str]) -> Iterator[tuple[int, str]]:
    """The points to try, each with what the runtime does then."""
    return chosen(names, [*WAYS], step=3 if node.config["executables"] else 1)


def tally_of(what: str, node: MortalNode, names: list[str]) -> Tally:
    """Of a request that passes the points `names`."""
    either, drivers, executables = KINDS[what]
    return Tally(what, names, either | (executables if node.config["executables"] else drivers))


def settled_in(way: str, node: MortalNode, sandbox: Sandbox, wanted: dict[str, Any]) -> None:
    """The runtime goes that way; then the pod is gone, and the node is as `wanted`."""
    passed = node.passed()[-1:]
    WAYS[way](node, sandbox)
    if sandbox in node.sandboxes:
        node.lose(sandbox)
    settles(node, wanted, f"killed at {passed!r}, then {way}")
    node.stop()


def test_an_add_that_is_killed_leaves_nothing(node: MortalNode) -> None:
    wanted = empty(node, pod(node))
    sandbox = pod(node)
    names = node.tried(sandbox.add)
    sandbox.delete()
    node.lose(sandbox)
    node.stop()
    tally = tally_of("ADD", node, names)
    for at, way in tally.count(points(node, names)):
        node.start_anew(fatal=at)
        sandbox = pod(node)
        node.arm()
        sandbox.call("ADD")
        if not tally.kills(node):
            node.kill()
        settled_in(way, node, sandbox, wanted)
    node.start_anew()


def test_a_del_that_is_killed_leaves_nothing(node: MortalNode) -> None:
    wanted = empty(node, pod(node))
    sandbox = pod(node)
    sandbox.add()
    names = node.tried(sandbox.delete)
    node.lose(sandbox)
    node.stop()
    tally = tally_of("DEL", node, names)
    for at, way in tally.count(points(node, names)):
        node.start_anew(fatal=at)
        sandbox = pod(node)
        sandbox.add()
        node.arm()
        sandbox.call("DEL")
        if not tally.kills(node):
            node.kill()
        settled_in(way, node, sandbox, wanted)
    node.start_anew()


def test_a_check_that_is_killed_changes_nothing(node: MortalNode) -> None:
    wanted = empty(node, pod(node))
    sandbox = pod(node)
    sandbox.add()
    with_pod = there(node)
    sandbox.check()
    names = node.tried(sandbox.check)
    node.stop()
    tally = tally_of("CHECK", node, names)
    for at, way in tally.count(points(node, names)):
        node.start_anew(fatal=at)
        node.arm()
        sandbox.call("CHECK")
        if not tally.kills(node):
            node.kill()
        node.start_anew()
        settles(node, with_pod, f"killed at {at} of a CHECK, then {way}")
        sandbox.check()
        node.stop()
    node.start_anew()
    sandbox.delete()
    node.lose(sandbox)
    settles(node, wanted, "after all")


def test_a_gc_that_is_killed_takes_nothing_from_who_lives_and_is_finished_by_the_next(node: MortalNode) -> None:
    wanted = empty(node, pod(node))
    living, forgotten = pod(node), pod(node)
    living.add()
    keep = [{"containerID": living.id, "ifname": "eth0"}]
    before = there(node)

    def collect(sandbox: Sandbox) -> Answer:
        conf = {**sandbox.netconf, "cni.dev/valid-attachments": keep}
        return node.call("GC", conf)

    collect(living).succeeded()
    forgotten.add()
    names = node.tried(lambda: collect(living).succeeded())
    node.lose(forgotten)
    settles(node, before, "without a kill")
    node.stop()
    tally = tally_of("GC", node, names)
    for at, way in tally.count(points(node, names)):
        node.start_anew(fatal=at)
        forgotten = pod(node)
        forgotten.add()
        node.arm()
        collect(living)
        if not tally.kills(node):
            node.kill()
        node.start_anew()
        collect(living).succeeded()
        node.lose(forgotten)
        settles(node, before, f"killed at {at} of a GC, then {way}")
        living.check()
        node.stop()
    node.start_anew()
    living.delete()
    node.lose(living)
    settles(node, wanted, "after all")


def start_is_killed(what: str, node: MortalNode, leave: Callable[[Sandbox], None]) -> None:
    """At each point of a daemon's start, which finds what `leave` leaves of a pod while there is no daemon."""
    wanted = empty(node, pod(node))

    def left() -> None:
        sandbox = pod(node)
        sandbox.add()
        node.stop()
        leave(sandbox)
        if sandbox in node.sandboxes:
            node.lose(sandbox)

    left()
    node.start_anew(from_start=True)
    settles(node, wanted, "without a kill")
    # the last to go, and `wanted` does not know of it
    eventually(lambda: any(" os.remove .of-" in name for name in node.passed()), node.passed)
    names = node.passed()
    tally = tally_of(what, node, names)
    for at, _ in tally.count(points(node, names)):
        left()
        node.start_anew(fatal=at, from_start=True)
        eventually(lambda: node.has_died() or is_as(node, wanted), lambda: what_is_left(node, wanted))
        if not tally.kills(node):
            node.stop()
        node.start_anew()
        settles(node, wanted, f"killed at {names[at - 1]!r} of its start")


def test_a_recovery_that_is_killed_is_finished_by_the_next(node: MortalNode) -> None:
    start_is_killed("recovery", node, node.lose)


def test_a_debt_is_paid_whenever_who_pays_it_is_killed(node: MortalNode) -> None:
    start_is_killed("spool", node, lambda sandbox: sandbox.delete())
