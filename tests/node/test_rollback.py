"""An ADD that fails, at whichever of its networks, leaves nothing: no link, no address, no file."""

from __future__ import annotations

from typing import Any

import pytest

from .daemon import Node
from .process import eventually
from .runtime import Sandbox
from .scripts import FAIL, PASS_ON

COUNT = 4
LEAKY = f"""{FAIL}
if env["CNI_COMMAND"] == "ADD":
    made = ["ip", "link", "add", "leak0", "type", "veth", "peer", "name", "leak1"]
    subprocess.run(made, check=True)
    fail(117, "the switch is on fire")
subprocess.run(["ip", "link", "delete", "leak0"])
"""
"""A plugin that fails after it made a link, and that takes the link away on DEL."""

positions = pytest.mark.parametrize("k", range(COUNT))


def no_master(node: Node) -> tuple[dict[str, Any], int, str]:
    return node.macvlan(master="rail9"), 999, "Link not found"


def script(node: Node) -> tuple[dict[str, Any], int, str]:
    node.script("leaky", LEAKY)
    return {"cniVersion": "1.0.0", "type": "leaky"}, 117, "the switch is on fire"


def exhausted(node: Node) -> tuple[dict[str, Any], int, str]:
    """A range of one address, which another sandbox has."""
    ipam = node.host_local("10.80.0.0/24")
    ipam["ranges"][0][0] |= {"rangeStart": "10.80.0.7", "rangeEnd": "10.80.0.7"}
    full = node.macvlan(name="full", ipam=ipam)
    node.sandbox(cluster_network=full).add()
    return full, 999, "no IP addresses available in range set: 10.80.0.7-10.80.0.7"


failures = pytest.mark.parametrize("failing", [no_master, script, exhausted], ids=lambda each: each.__name__)


def four_networks(node: Node, k: int, broken: dict[str, Any]) -> Sandbox:
    """A sandbox whose networks are all of different kinds; that at position `k` is `broken`."""
    good: list[dict[str, Any]] = [
        node.bridge(),
        node.macvlan(),
        {"cniVersion": "0.3.1", "type": "ptp", "ipam": node.host_local("10.81.0.0/24")},
        {"cniVersion": "1.0.0", "plugins": [node.macvlan(1), {"type": "tuning", "mtu": 1400}]},
    ]
    good[k] = {"name": "pods", **broken} if k == 0 else broken
    for index, conf in enumerate(good):
        node.network(f"n{index}", conf)
    return node.sandbox("n1,n2,n3", cluster_network=good[0])


@positions
@failures
def test_a_failure_at_any_network_undoes_all_of_them(node: Node, k: int, failing: Any) -> None:
    """F1, F90, S20.  Spec sections 1.3 and 6.3."""
    broken, code, words = failing(node)
    pod = four_networks(node, k, broken)
    before = node.snapshot()
    answer = pod.call("ADD")
    said = answer.refused(code)
    network = broken.get("name") or ("pods" if k == 0 else f"n{k}")
    subject = f'[default/{pod.pod}/{pod.uid}:{network}]: error adding container to network "{network}": '
    assert answer.document["msg"].startswith(subject)
    assert words in said
    assert answer.stdout.startswith(b'{\n    "code": ')
    node.is_as(before)
    assert pod.network_status() == []
    assert [reason for reason, _ in pod.events()] == []
    pod.delete()  # as the runtime does after a failed ADD
    node.is_as(before)


@positions
def test_the_same_sandbox_can_be_added_once_the_cause_is_gone(node: Node, k: int) -> None:
    """F1."""
    node.script("leaky", LEAKY)
    pod = four_networks(node, k, {"cniVersion": "1.0.0", "type": "leaky"})
    before = node.snapshot()
    pod.call("ADD").refused(117)
    node.script("leaky", PASS_ON)
    pod.add()
    names = ["eth0", "net1", "net2", "net3"]
    assert sorted(pod.links()) == names[:k] + names[k + 1 :]
    assert pod.recorded()[1:] == ["default/n1", "default/n2", "default/n3"]
    pod.delete()
    node.is_as(before)


@pytest.mark.parametrize("last", [False, True], ids=["first of a chain", "last of a chain"])
def test_a_failure_inside_a_chain_undoes_the_plugins_before_it(node: Node, last: bool) -> None:
    """F1, F8.  Spec section 1.5."""
    node.script("leaky", LEAKY)
    plugins = [node.macvlan(), {"type": "tuning", "mtu": 1400}]
    plugins.insert(len(plugins) if last else 0, {"type": "leaky"})
    node.network("rail", {"cniVersion": "1.0.0", "plugins": plugins})
    pod = node.sandbox("rail")
    before = node.snapshot()
    said = pod.call("ADD").refused(117)
    assert said.endswith('"rail": plugin type="leaky" failed (add): the switch is on fire ')
    node.is_as(before)


def test_what_cannot_be_undone_is_reported_and_stays_on_record_for_del(node: Node) -> None:
    """S6, S49."""
    stuck = f'{FAIL}\nif env["CNI_COMMAND"] == "DEL":\n    fail(121, "cannot let go"){PASS_ON}'
    node.script("stuck", stuck)
    node.script("leaky", LEAKY)
    node.network("sticky", {"cniVersion": "1.0.0", "plugins": [node.macvlan(), {"type": "stuck"}]})
    node.network("broken", {"cniVersion": "1.0.0", "type": "leaky"})
    pod = node.sandbox("sticky,broken")
    before = node.snapshot()
    assert "the switch is on fire" in pod.call("ADD").refused(117)  # the first error, not that of undoing
    assert pod.recorded() == ["default/sticky"]
    assert sorted(pod.links()) == ["net1"]
    eventually(lambda: len(pod.events()) == 1, pod.events)  # it is told behind the answer
    (event,) = pod.events()
    assert event[0] == "FailedRemovingInterface"
    assert "cannot let go" in event[1]
    assert "cannot let go" in pod.call("DEL").refused(121)
    node.script("stuck", PASS_ON)
    pod.delete()
    node.is_as(before)


def test_what_an_earlier_add_left_is_undone_before_the_next_one(node: Node) -> None:
    """F13, S6."""
    node.network("rail", node.macvlan())
    first, again = node.sandbox("rail"), node.sandbox("rail")
    before = node.snapshot()
    first.add()
    record = first.record.read_bytes()
    first.delete()
    # as after a crash between two plugins: all is on record, and one network was made
    first.record.write_bytes(record)
    again.id = first.id
    again.add()
    assert sorted(again.addresses()) == ["eth0", "net1"]
    again.delete()
    node.is_as(before)
