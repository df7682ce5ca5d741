"""Requests of one sandbox that run into each other, and runtimes that give up: with real interfaces."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from . import scripts
from .daemon import Node
from .process import TOLD, begin, end, eventually, go, launch
from .runtime import Answer, Sandbox


@pytest.fixture
def told(node: Node) -> Iterator[Node]:
    """The node with a plugin that does as it is told."""
    node.script("told", TOLD.format(folder=str(node.folder)) + scripts.recorder(node.calls))
    yield node
    for name in ("wait", "started"):
        (node.folder / name).unlink(missing_ok=True)


def pod_of(node: Node) -> Sandbox:
    """Its default network is a bridge, its second one has the plugin in it."""
    chain = [node.macvlan(), {"type": "told"}]
    node.network("rail", {"cniVersion": "1.1.0", "name": "rail", "plugins": chain})
    return node.sandbox("rail")


def called_again(node: Node) -> None:
    """Wait until the plugin has been started once more, and let it end."""
    eventually((node.folder / "started").exists, node.log.read_text)
    go(node)


def test_a_del_ends_the_add_of_its_sandbox_and_has_it_undone(told: Node) -> None:
    pod = pod_of(told)
    before = told.snapshot()
    adding = begin(pod, "ADD")
    (told.folder / "started").unlink()
    deleting = launch(pod, "DEL")
    called_again(told)
    assert "a DEL of this sandbox came meanwhile" in end(adding).refused(11)
    assert end(deleting).succeeded() == {}
    told.is_as(before)


def test_what_a_runtime_gave_up_is_undone_without_a_del(told: Node) -> None:
    pod = pod_of(told)
    before = told.snapshot()
    adding = begin(pod, "ADD")
    assert set(pod.links()) == {"eth0", "net1"}
    (told.folder / "started").unlink()
    adding.kill()
    assert end(adding).status == -signal.SIGKILL
    called_again(told)
    told.is_as(before)
    pod.add()
    pod.delete()
    told.is_as(before)


def test_a_del_that_a_runtime_gave_up_goes_on(told: Node) -> None:
    pod = pod_of(told)
    before = told.snapshot()
    pod.add()
    deleting = begin(pod, "DEL")
    deleting.kill()
    assert end(deleting).status == -signal.SIGKILL
    go(told)
    told.is_as(before)


def test_the_same_add_twice_at_once_makes_one_pod(told: Node) -> None:
    pod = pod_of(told)
    before = told.snapshot()
    first = begin(pod, "ADD")
    second = launch(pod, "ADD")
    go(told)
    pod.result = end(first).succeeded()
    assert "interface name eth0 already exists" in end(second).refused(7)
    assert set(pod.links()) == {"eth0", "net1"}
    pod.check()
    pod.delete()
    told.is_as(before)


def test_many_calls_at_once_and_a_del_behind_them_leave_nothing(told: Node) -> None:
    pod = pod_of(told)
    before = told.snapshot()
    answers: list[tuple[str, Answer]] = []
    verbs = ["ADD", "DEL", "CHECK", "ADD", "DEL", "ADD", "DEL", "DEL"]
    calls = [threading.Thread(target=lambda verb=verb: answers.append((verb, pod.call(verb)))) for verb in verbs]
    for call in calls:
        call.start()
    for call in calls:
        call.join()
    assert len(answers) == len(verbs)
    assert all(answer.status == 0 for verb, answer in answers if verb == "DEL"), answers
    assert {answer.document["code"] for _, answer in answers if answer.status} <= {3, 7, 11, 999}
    pod.delete()
    told.is_as(before)
