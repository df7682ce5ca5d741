"""A daemon that is killed while it adds an interface to a pod that runs, or takes one: it is there, or wholly gone.

PLURIMUS_KILL_EVERY=1 tries every point with all that may follow.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from . import snapshot
from .killing import MortalNode, Tally
from .leftovers import same, settles, there
from .mortal import chosen, empty, mortal_node
from .nursery import Nursery
from .process import eventually
from .runtime import Answer, Sandbox

pytestmark = pytest.mark.usefixtures("root")

HOT = "hot0"
RECORDED = "os.rename .sandbox"
KINDS = {
    "drivers": ({"netlink 0", "os.link .plurimus-lease"}, {"netlink 0", "os.remove 10.11."}),
    "executables": ({"os.posix_spawn macvlan", "os.posix_spawn tuning"},) * 2,
}
"""What an ADD and a DEL pass at least beside what they keep."""
STEP = 5


@pytest.fixture(params=["drivers", "executables"])
def which(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def node(which: str, nursery: Nursery, tmp_path: Path) -> Iterator[MortalNode]:
    with mortal_node(tmp_path, nursery, which) as made:
        yield made


def pod(node: MortalNode) -> Sandbox:
    node.network("a", node.macvlan(0))
    return node.sandbox("a", cluster_network=node.bridge())


def plug(sandbox: Sandbox, verb: str) -> Answer:
    """One request of the controller."""
    node = sandbox.node
    first = {key: value for key, value in node.macvlan(1).items() if key != "cniVersion"}
    network = {"cniVersion": "1.1.0", "name": "hot", "plugins": [first, {"type": "tuning", "mtu": 1400}]}
    return node.post("/delegate", sandbox.environment(HOT) | {"CNI_COMMAND": verb}, network)


def seen(node: MortalNode, sandbox: Sandbox) -> dict[str, Any]:
    """The node, and the pod from inside."""
    return there(node) | {"pod": snapshot.kernel(sandbox.name)}


def has_it(sandbox: Sandbox) -> bool:
    """Whether the interface is in the pod and on record as whole, and its plugins find it so."""
    plugged = HOT in sandbox.addresses() and "hot" in sandbox.recorded()
    return plugged and b"underWay" not in sandbox.record.read_bytes() and plug(sandbox, "CHECK").status == 0


def is_whole_or_gone(node: MortalNode, sandbox: Sandbox, without: dict[str, Any], what: str) -> None:
    eventually(
        lambda: same(lambda: seen(node, sandbox), without) or has_it(sandbox),
        lambda: f"{what}\n{snapshot.difference(without, seen(node, sandbox))}\n{node.log.read_text()[-5000:]}",
    )
    sandbox.check()


def unplugged(node: MortalNode, sandbox: Sandbox, without: dict[str, Any]) -> None:
    """The controller has it taken."""
    plug(sandbox, "DEL").succeeded()
    eventually(
        lambda: same(lambda: seen(node, sandbox), without), lambda: snapshot.difference(without, seen(node, sandbox))
    )


def replugged(node: MortalNode, sandbox: Sandbox, without: dict[str, Any]) -> None:
    """The controller asks again, since it got no answer, and then wants it no more."""
    there = sandbox.links().get(HOT, {}).get("ifindex")
    plug(sandbox, "ADD").succeeded()
    assert has_it(sandbox)
    assert there in (None, sandbox.links()[HOT]["ifindex"])
    unplugged(node, sandbox, without)


def deleted(node: MortalNode, sandbox: Sandbox, _: dict[str, Any]) -> None:
    """The pod ends."""
    sandbox.delete()
    node.lose(sandbox)


AFTERWARDS = [unplugged, replugged, deleted]


def killed_while(verb: str, node: MortalNode, kinds: set[str], prepare: Callable[[Sandbox], object]) -> None:
    """At each point of a controller's request, about a pod in the state that `prepare` makes."""
    wanted = empty(node, pod(node))
    sandbox = pod(node)
    sandbox.add()
    plug(sandbox, "ADD").succeeded()  # the first one makes folders, too
    plug(sandbox, "DEL").succeeded()
    without = seen(node, sandbox)
    prepare(sandbox)
    names = node.tried(lambda: plug(sandbox, verb).succeeded())
    if verb == "ADD":
        unplugged(node, sandbox, without)
    node.stop()
    tally = Tally(f"hot-plug {verb}", names, kinds | {RECORDED, "answer"})
    for at, afterwards in tally.count(chosen(names, AFTERWARDS, step=STEP)):
        node.start_anew(fatal=at)
        if sandbox not in node.sandboxes:
            sandbox = pod(node)
            sandbox.add()
            without = seen(node, sandbox)
        prepare(sandbox)
        node.arm()
        with contextlib.suppress(ConnectionError):
            plug(sandbox, verb)
        if not tally.kills(node):
            node.kill()
        node.start_anew()
        what = f"killed at {names[at - 1]!r} of a {verb}, then {afterwards.__name__}"
        is_whole_or_gone(node, sandbox, without, what)
        afterwards(node, sandbox, without)
        if sandbox not in node.sandboxes:
            settles(node, wanted, what)
        node.stop()
    node.start_anew()
    if sandbox in node.sandboxes:
        deleted(node, sandbox, without)
    settles(node, wanted, "after all")


def test_an_interface_that_is_plugged_by_a_daemon_that_is_killed_is_whole_or_gone(node: MortalNode, which: str) -> None:
    killed_while("ADD", node, KINDS[which][0], lambda _: None)


def test_an_interface_that_is_unplugged_by_a_daemon_that_is_killed_is_whole_or_gone(
    node: MortalNode, which: str
) -> None:
    killed_while("DEL", node, KINDS[which][1], lambda sandbox: plug(sandbox, "ADD").succeeded())
