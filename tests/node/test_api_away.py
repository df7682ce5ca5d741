"""An API server that is away for long: ADD says so soon, DEL does without it, and the daemon finds back by itself.

What an hour does that a second does not is wait longer between two tries, which `adapters.informer` bounds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from plurimus.adapters import netns
from tests.soak.node import SoakNode

from .process import eventually
from .runtime import Sandbox
from .snapshot import firewall

pytestmark = pytest.mark.usefixtures("root")

AGAIN = "the API server answers again; what failed is tried again"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[SoakNode]:
    node = SoakNode(tmp_path)
    node.config["logLevel"] = "verbose"
    with node:
        yield node
        for sandbox in node.sandboxes:
            sandbox.call("DEL")
            netns.delete(sandbox.netns)


def know(node: SoakNode, pod: Sandbox) -> Sandbox:
    """Have the API server know the pod, with two networks beside its default one."""
    annotations = {"k8s.v1.cni.cncf.io/networks": "driver,executable"}
    node.api.store.put(("pods", pod.namespace, pod.pod), {"metadata": {"uid": pod.uid, "annotations": annotations}})
    return pod


def succeeds(pod: Sandbox) -> Callable[[], bool]:
    """Whether an ADD of it does, when it is asked."""
    return lambda: pod.call("ADD").status == 0


def test_without_it_add_is_refused_in_time_and_del_works_and_later_all_does(node: SoakNode) -> None:
    there, other, late = know(node, node.sandbox()), know(node, node.sandbox()), node.sandbox()
    before = node.snapshot()
    there.add()
    with node.api.unreachable():
        assert f"{other.namespace}/{other.pod}" in other.call("ADD").refused(11)
        assert other.links() == {}
        there.delete()
        know(node, late)  # while nobody hears of it
        assert late.call("ADD").refused(11)
        node.is_as({**before, "firewall": firewall()})
    for pod in (other, late):
        eventually(succeeds(pod), node.log.read_text)
        assert set(pod.links()) == {"eth0", "net1", "net2"}
        pod.delete()
    node.is_as(before)


def test_what_changed_while_it_was_away_counts_once_it_is_back(node: SoakNode) -> None:
    """What an hour makes of it is a longer pause before the copies are taken up, which is bounded."""
    pod = know(node, node.sandbox())
    pod.add()
    pod.delete()
    with node.api.unreachable():
        for mtu in (1300, 1400):  # of the first a watch may still hear, whose answer then cuts it off
            wanted = json.dumps(node.macvlan(0, name="driver", mtu=mtu))
            node.api.store.put(("network-attachment-definitions", "default", "driver"), {"spec": {"config": wanted}})
            assert pod.call("ADD").refused(11)
    eventually(succeeds(pod), node.log.read_text)
    pod.delete()
    eventually(lambda: mtu_of_another(pod) == 1400, node.log.read_text)


def test_the_daemon_has_what_failed_tried_again_once_it_is_back(node: SoakNode) -> None:
    """What that does is in `tests/unit/node/test_waking.py`, where pauses of minutes take no time."""
    pod = know(node, node.sandbox())
    with node.api.unreachable():
        assert pod.call("ADD").refused(11)
        assert AGAIN not in node.log.read_text()
    eventually(lambda: AGAIN in node.log.read_text(), node.log.read_text)


def mtu_of_another(pod: Sandbox) -> int:
    """Of the interface that it would get now."""
    pod.add()
    mtu: int = pod.links()["net1"]["mtu"]
    pod.delete()
    return mtu
