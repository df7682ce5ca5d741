"""A hot-plug once more, since its answer got lost or its interface did, with a real macvlan and host-local."""

from __future__ import annotations

from typing import Any

import pytest

from .daemon import Node
from .runtime import Answer, Sandbox
from .scripts import calls, recorder

HOT = "hot0"


@pytest.fixture(params=["drivers", "executables"], scope="module")
def node_config(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {"executables": ["macvlan", "host-local"]} if request.param == "executables" else {}


def network(node: Node, number: int = 0, name: str = "rail") -> dict[str, Any]:
    """A chain whose second plugin writes down its calls."""
    node.script("recorder", recorder(node.calls))
    plugins = [node.macvlan(number), {"type": "recorder"}]
    return {"cniVersion": "1.1.0", "name": name, "plugins": plugins}


def asked(pod: Sandbox, verb: str) -> dict[str, str]:
    return pod.environment(HOT) | {"CNI_COMMAND": verb}


def plug(pod: Sandbox, verb: str, config: dict[str, Any]) -> Answer:
    return pod.node.post("/delegate", asked(pod, verb), config)


def identity(pod: Sandbox) -> tuple[int, str]:
    """What tells the interface from one that was made anew."""
    link = pod.links()[HOT]
    return link["ifindex"], link["address"]


def verbs(node: Node) -> list[str]:
    return [call["verb"] for call in calls(node.calls)]


def test_one_whose_answer_got_lost_is_answered_at_the_next_try(node: Node) -> None:
    pod = node.sandbox()
    pod.add()
    before = node.snapshot()
    node.post_unheard("/delegate", asked(pod, "ADD"), network(node))
    link, made = identity(pod), node.snapshot()
    result = plug(pod, "ADD", network(node)).succeeded()["Result"]
    (told,) = result["interfaces"]
    assert (told["name"], told["mac"], told["sandbox"]) == (HOT, link[1], pod.netns)
    assert [ip["address"] for ip in result["ips"]] == pod.addresses()[HOT]
    assert plug(pod, "ADD", network(node)).succeeded()["Result"] == result
    assert (identity(pod), node.snapshot()) == (link, made)
    assert verbs(node) == ["ADD"]
    assert [event for event in pod.events() if HOT in event[1]] == [
        ("AddedInterface", f"Add {HOT} [{result['ips'][0]['address']}] from rail")
    ]
    plug(pod, "DEL", network(node)).succeeded()
    node.is_as(before)


def test_one_whose_interface_was_deleted_in_the_pod_is_made_anew_behind_its_del(node: Node) -> None:
    pod = node.sandbox()
    pod.add()
    before = node.snapshot()
    plug(pod, "ADD", network(node)).succeeded()
    pod.ip("link", "delete", HOT)
    assert f"of which {HOT} is missing" in plug(pod, "ADD", network(node)).refused(7)
    plug(pod, "DEL", network(node)).succeeded()
    result = plug(pod, "ADD", network(node)).succeeded()["Result"]
    assert [ip["address"] for ip in result["ips"]] == pod.addresses()[HOT]
    assert verbs(node) == ["ADD", "DEL", "ADD"]
    assert pod.recorded() == ["pods", "rail"]
    pod.check()
    plug(pod, "DEL", network(node)).succeeded()
    node.is_as(before)


def test_another_network_neither_gets_the_interface_nor_takes_it(node: Node) -> None:
    """The controller has what it could not add deleted."""
    pod = node.sandbox()
    pod.add()
    plug(pod, "ADD", network(node)).succeeded()
    link, made = identity(pod), node.snapshot()
    words = plug(pod, "ADD", network(node, 1, "other")).refused(7)
    assert f"interface name {HOT} already exists: it is of network 'rail'" in words
    assert "'other'" in words
    plug(pod, "DEL", network(node, 1, "other")).succeeded()
    assert (identity(pod), node.snapshot()) == (link, made)
    assert verbs(node) == ["ADD"]
    pod.check()
