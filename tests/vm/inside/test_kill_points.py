"""A daemon that is killed at any moment of a pod's ADD or DEL: the pod's virtual function is home and free afterwards.

Each case lets a daemon pass all its points once and counts them, then has one killed at some of them, evenly chosen:
all is slow in this machine.  PLURIMUS_KILL_EVERY=1 tries all.  What a runtime does about each goes by turns.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from tests.node import snapshot
from tests.node.daemon import Node
from tests.node.killing import EVERY, WAYS, MortalNode, Tally
from tests.node.nursery import Nursery
from tests.node.process import eventually
from tests.node.runtime import Sandbox

from . import sriov
from .cards import Vf, cards

RESOURCE = "intel.com/sriov_rdma"
SETTINGS = {"vlan": 100, "vlanQoS": 3, "spoofchk": "off", "trust": "on", "mac": "02:00:00:00:00:11", "mtu": 1400}
MOST = 6
"""How many points of a request are tried."""
KINDS = {
    "ADD": {"netlink 0", "os.rename .sandbox", "os.rename .rail-", "os.link .plurimus-lease", "answer"},
    "DEL": {"netlink 0", "os.remove sandbox", "os.remove rail-", "os.remove 10.56.", "answer"},
}
"""What each passes at least."""


@pytest.fixture(scope="module")
def node(shared_node: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MortalNode]:
    """In the place of the node of other tests, whose daemon would know of these functions, too."""
    shared_node.__exit__()
    try:
        with Nursery() as nursery, MortalNode(tmp_path_factory.mktemp("mortal"), nursery) as made:
            yield made
            made.reset()
    finally:
        sriov.forget()
        shared_node.__enter__()


@pytest.fixture(scope="module")
def vfs(node: MortalNode) -> Iterator[list[Vf]]:
    with cards()[0].functions(2) as made:
        yield made


def chosen(number: int) -> list[int]:
    """Points from the first to the last."""
    most = number if EVERY else min(MOST, number)
    return [1 + round(step * (number - 1) / (most - 1)) for step in range(most)]


def pod(node: MortalNode, vf: Vf) -> Sandbox:
    conf = {"cniVersion": "1.0.0", "name": "rail", "type": "sriov", "ipam": node.host_local("10.56.0.0/16"), **SETTINGS}
    node.network("rail", conf, **{"k8s.v1.cni.cncf.io/resourceName": RESOURCE})
    return node.sandbox("rail", devices={RESOURCE: [vf.pci]})


def there(node: MortalNode, vfs: list[Vf]) -> dict[str, Any]:
    """Where each function is, what it is called and has, the interfaces of the host, and what is on disk of pods."""
    links = snapshot.ip_json(
        "-details", "link", "show"
    )  # once, since each program takes a quarter of a second to start
    return {
        "functions": {vf.pci: function(vf, links) for vf in vfs},
        "links": sorted(link["ifname"] for link in links),
        "records and results": snapshot.files(node.state),
        "addresses": snapshot.files(node.ipam),
        "functions in use": sriov.left(),
    }


def function(vf: Vf, links: list[dict[str, Any]]) -> dict[str, Any]:
    """Without the MAC its PF tells: drivers of VFs tell it their own."""
    (card,) = [link for link in links if link["ifname"] == vf.card.name]
    (told,) = [each for each in card["vfinfo_list"] if each["vf"] == vf.index]
    home = [
        {key: link[key] for key in ("ifname", "address", "mtu")} | {"alternatives": link.get("altnames", [])}
        for link in links
        if link.get("parentdev") == vf.pci
    ]
    return {"home": home, "settings": {key: value for key, value in told.items() if key != "address"}}


def settles(node: MortalNode, vfs: list[Vf], wanted: dict[str, Any], what: str) -> None:
    """The node gets to be as it was."""

    def is_as() -> bool:
        try:
            return there(node, vfs) == wanted
        except FileNotFoundError:  # a file that was listed is gone before it is read
            return False

    def left() -> str:
        return f"{what}\n{snapshot.difference(wanted, there(node, vfs))}\n{node.log.read_text()[-5000:]}"

    eventually(is_as, left)


def test_a_function_is_home_and_free_wherever_an_add_was_killed(node: MortalNode, vfs: list[Vf]) -> None:
    wanted = there(node, vfs)
    assert all(each["home"] for each in wanted["functions"].values())
    first = pod(node, vfs[0])  # folders that are made once are no points of every ADD
    first.add()
    first.delete()
    node.lose(first)
    sandbox = pod(node, vfs[0])
    names = node.tried(sandbox.add)
    now = there(node, vfs)["functions"]
    assert (now[vfs[0].pci]["home"], now[vfs[1].pci]) == ([], wanted["functions"][vfs[1].pci])
    assert now[vfs[0].pci]["settings"] != wanted["functions"][vfs[0].pci]["settings"]
    sandbox.delete()
    node.lose(sandbox)
    settles(node, vfs, wanted, "without a kill")
    is_killed("ADD", names, node, vfs, wanted)


def test_a_function_is_home_and_free_wherever_a_del_was_killed(node: MortalNode, vfs: list[Vf]) -> None:
    wanted = there(node, vfs)
    assert all(each["home"] for each in wanted["functions"].values())
    sandbox = pod(node, vfs[0])
    sandbox.add()
    names = node.tried(sandbox.delete)
    node.lose(sandbox)
    settles(node, vfs, wanted, "without a kill")
    is_killed("DEL", names, node, vfs, wanted)


def is_killed(verb: str, names: list[str], node: MortalNode, vfs: list[Vf], wanted: dict[str, Any]) -> None:
    """At points of a request that passes all these; the daemon that finds what was left is the next to be killed."""
    tally = Tally(f"{verb} of a pod with a virtual function", names, KINDS[verb])
    following = iter([*chosen(len(names))[1:], 0])
    node.stop()
    node.start_anew(fatal=1)
    for at, way in tally.count(zip(chosen(len(names)), itertools.cycle(WAYS), strict=False)):
        sandbox = pod(node, vfs[0])
        if verb == "DEL":
            sandbox.add()
        node.arm()
        sandbox.call(verb)
        if not tally.kills(node):
            node.kill()
        WAYS[way](node, sandbox, fatal=next(following))
        if sandbox in node.sandboxes:
            node.lose(sandbox)
        settles(node, vfs, wanted, f"killed at {names[at - 1]!r}, then {way}")
