"""Kill everywhere with an interface of the host and addresses that the nodes of a cluster share.

The drivers are `host-device` and `whereabouts`, whose objects are files where manifests are the cluster.
PLURIMUS_KILL_EVERY=1 tries every point with all that a runtime may do about it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from . import snapshot
from .killing import MortalNode, Tally, del_again
from .leftovers import same, there
from .mortal import chosen, mortal_node
from .nursery import Nursery
from .process import eventually
from .runtime import Sandbox
from .snapshot import ip, kernel

pytestmark = pytest.mark.usefixtures("root")

NIC = "nic7"
POOLS = ("ippools", "overlappingrangeipreservations")
ADDED = {"os.rename .kube-system.10.12.0.0-24", "os.rename .kube-system.10.12.0.1", "netlink 0", "answer"}
DELETED = {"os.rename .kube-system.10.12.0.0-24", "os.remove kube-system.10.12.0.1", "netlink 0", "answer"}
STEP = 8


@pytest.fixture
def node(nursery: Nursery, tmp_path: Path) -> Iterator[MortalNode]:
    with mortal_node(tmp_path, nursery, "drivers") as made:
        make_nic()
        yield made
        if f"{NIC}-peer" in kernel()["links"]:
            ip("link", "delete", f"{NIC}-peer")


def make_nic() -> None:
    peer = ("peer", "name", f"{NIC}-peer", "address", "02:00:00:00:00:08")
    ip("link", "add", NIC, "address", "02:00:00:00:00:07", "type", "veth", *peer)
    ip("link", "set", NIC, "addrgenmode", "none")  # down, as one that comes home
    ip("link", "set", f"{NIC}-peer", "addrgenmode", "none", "up")


def pod(node: MortalNode) -> Sandbox:
    """With an interface of the host and a macvlan, both with addresses of whereabouts."""
    node.network("mac", node.macvlan(0, ipam={"type": "whereabouts", "range": "10.12.0.0/24"}))
    nic = {"cniVersion": "1.1.0", "type": "host-device", "device": NIC}
    node.network("nic", nic | {"ipam": {"type": "whereabouts", "range": "10.13.0.0/24"}})
    return node.sandbox("mac,nic", cluster_network=node.bridge())


def seen(node: MortalNode) -> dict[str, Any]:
    """The node, and whereabouts' objects: what was being written to the folder of the cluster is none of them."""
    status = node.manifests / "status"
    objects = {each: snapshot.files(status / each) for each in POOLS}
    return there(node) | {
        each: {name: text for name, text in found.items() if not name.startswith(".")}
        for each, found in objects.items()
    }


def settles(node: MortalNode, wanted: dict[str, Any], what: str) -> None:
    eventually(
        lambda: same(lambda: seen(node), wanted),
        lambda: f"{what}\n{snapshot.difference(wanted, seen(node))}\n{node.passed()}",
    )


def del_meanwhile(node: MortalNode, sandbox: Sandbox) -> None:
    """The runtime's DEL finds no daemon; the next one pays it before the namespace ends."""
    sandbox.delete()
    node.start_anew()
    eventually(lambda: not any((node.state / ".spool").glob("*.json")), node.log.read_text)


def never_again(node: MortalNode, sandbox: Sandbox) -> None:
    """The pod's namespace ends, and nobody asks for it again.

    The kernel sends an interface home that is of hardware; this one ends, too, so there is a new one.
    """
    had_it = NIC not in kernel()["links"]
    node.lose(sandbox)
    if had_it:
        eventually(lambda: f"{NIC}-peer" not in kernel()["links"], kernel)
        make_nic()
    node.start_anew()


WAYS: Mapping[str, Callable[[MortalNode, Sandbox], None]] = {
    "again": del_again, "meanwhile": del_meanwhile, "never": never_again,
}  # fmt: skip


def killed_while(verb: str, node: MortalNode, kinds: set[str], prepare: Callable[[Sandbox], object]) -> None:
    """At each point of a request, about a pod in the state that `prepare` makes."""
    sandbox = pod(node)
    sandbox.add()
    sandbox.delete()
    node.lose(sandbox)
    wanted = seen(node)
    assert NIC in wanted["host"]["links"]
    sandbox = pod(node)
    prepare(sandbox)
    names = node.tried(lambda: sandbox.call(verb).succeeded())
    sandbox.delete()
    node.lose(sandbox)
    node.stop()
    tally = Tally(verb, names, kinds)
    for at, way in tally.count(chosen(names, [*WAYS], step=STEP)):
        node.start_anew(fatal=at)
        sandbox = pod(node)
        prepare(sandbox)
        node.arm()
        sandbox.call(verb)
        if not tally.kills(node):
            node.kill()
        WAYS[way](node, sandbox)
        if sandbox in node.sandboxes:
            node.lose(sandbox)
        settles(node, wanted, f"killed at {names[at - 1]!r} of {verb}, then {way}")
        node.stop()
    node.start_anew()


def test_an_add_that_is_killed_leaves_the_interface_on_the_host_and_its_addresses_free(node: MortalNode) -> None:
    killed_while("ADD", node, ADDED, lambda _: None)


def test_a_del_that_is_killed_leaves_the_interface_on_the_host_and_its_addresses_free(node: MortalNode) -> None:
    killed_while("DEL", node, DELETED, lambda sandbox: sandbox.add())
