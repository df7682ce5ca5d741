"""DEL undoes a sandbox whatever else has gone by then: its namespace, its pod, its record, a plugin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from plurimus.adapters import netns

from .daemon import Node
from .runtime import Sandbox
from .scripts import calls, recorder


@pytest.fixture(scope="module")
def node_config() -> dict[str, Any]:
    """An executable for macvlan, which can be missing."""
    return {"executables": ["macvlan"]}


def sandbox(node: Node) -> Sandbox:
    """A sandbox with a bridge, two macvlans, one of them in a chain, and a ptp."""
    node.network("rail", node.macvlan())
    node.network("other", {"cniVersion": "1.0.0", "plugins": [node.macvlan(1), {"type": "tuning", "mtu": 1400}]})
    node.network("point", {"cniVersion": "1.0.0", "type": "ptp", "ipam": node.host_local("10.81.0.0/24")})
    return node.sandbox("rail,other,point")


def without_namespace(node: Node, pod: Sandbox, path: str) -> None:
    """Take the pod's namespace away; what stays at its path is what a runtime or a crash may leave."""
    netns.delete(pod.netns)
    if path == "an ordinary file":
        Path(pod.netns).touch()
    elif path == "not said":
        pod.netns = ""
    node.sandboxes.remove(pod)  # nothing to look at in there


@pytest.mark.parametrize("path", ["missing", "an ordinary file", "not said"])
def test_the_namespace_may_be_gone(node: Node, path: str) -> None:
    """F2.  Spec sections 6.6 and 12.4."""
    pod = sandbox(node)
    before = node.snapshot()
    del before[f"namespace {pod.name}"]
    where = Path(pod.netns)
    pod.add()
    without_namespace(node, pod, path)
    try:
        pod.delete()
    finally:
        where.unlink(missing_ok=True)
    node.is_as(before)


@pytest.mark.parametrize("executables", [False, True])
def test_another_pods_namespace_may_be_at_its_path(node: Node, executables: bool) -> None:
    """A runtime gives a path anew once the namespace at it has gone; the kernel gives its inode's number anew, too."""
    kind = "macvlan-program" if executables else "macvlan"
    (node.bin / "macvlan-program").symlink_to((node.bin / "macvlan").resolve())
    node.network("rail", node.macvlan(type=kind))
    before = node.snapshot()
    gone, other = node.sandbox("rail"), node.sandbox("rail")
    gone.add()
    netns.delete(gone.netns)
    netns.delete(other.netns)
    other.netns = gone.netns
    netns.create(other.netns)
    other.add()
    addresses = other.addresses()
    assert set(addresses) == {"eth0", "net1"}
    gone.delete()
    assert other.addresses() == addresses
    other.check()
    other.delete()
    del (now := node.snapshot())[f"namespace {other.name}"]
    assert now == before


def test_the_pod_may_be_gone(node: Node) -> None:
    """F2, S5.  Spec section 6.6."""
    pod = sandbox(node)
    before = node.snapshot()
    pod.add()
    node.forget(pod.pod)
    pod.delete()
    node.is_as(before)


def test_another_pod_of_the_name_may_be_there(node: Node) -> None:
    """F2, S5.  Spec sections 6.2 and 6.6."""
    pod = sandbox(node)
    before = node.snapshot()
    pod.add()
    path = node.manifests / f"Pod.default.{pod.pod}.yaml"
    path.write_text(path.read_text().replace(pod.uid, "another"))
    pod.delete()
    node.is_as(before)


def test_the_definitions_and_the_nodes_configuration_may_be_others(node: Node) -> None:
    """F2, F13."""
    pod = sandbox(node)
    before = node.snapshot()
    pod.add()
    for name in ("rail", "other", "point"):
        node.network(name, {"cniVersion": "1.0.0", "type": "does-not-exist"})
    pod.netconf |= node.netconf({"cniVersion": "1.0.0", "name": "new", "type": "does-not-exist"})
    pod.delete()
    node.is_as(before)


def test_the_cluster_may_not_answer(node: Node) -> None:
    """F2, S5.  Spec section 6.6."""
    pod = sandbox(node)
    before = node.snapshot()
    pod.add()
    (node.manifests / "broken.yaml").write_text("kind: Pod\nmetadata: [no object")
    assert "broken.yaml" in node.sandbox().call("ADD").refused(11)
    node.sandboxes.pop()
    pod.delete()
    del before["files in state"]
    assert before.items() <= node.snapshot().items()
    assert pod.recorded() == []


def test_a_missing_plugin_keeps_its_network_on_record_and_no_other(node: Node) -> None:
    """F2, F13, S5.  Spec section 6.6, step 9."""
    pod = sandbox(node)
    before = node.snapshot()
    pod.add()
    (node.bin / "macvlan").unlink()
    said = pod.call("DEL").refused(999)
    assert said.count('failed to find plugin "macvlan" in path') == 2
    for name in ("rail", "other"):
        assert f'error deleting container from network "{name}"' in said
    assert sorted(pod.links()) == ["net1", "net2"]
    assert pod.recorded() == ["default/rail", "default/other"]
    assert sorted(node.snapshot()["files in ipam"]) == ["other/10.11.0.2", "rail/10.10.0.2"]
    results = {path.name for path in (node.state / "results").iterdir()}
    assert results == {f"rail-{pod.id}-net1", f"other-{pod.id}-net2"}
    node.install("macvlan")
    pod.delete()
    node.is_as(before)


def test_the_record_may_be_gone_while_the_results_are_cached(node: Node) -> None:
    """F2, F12, S6."""
    pod = sandbox(node)
    before = node.snapshot()
    pod.add()
    pod.record.unlink()
    pod.delete()
    node.is_as(before)


def test_the_results_may_be_gone_while_the_record_is_there(node: Node) -> None:
    """F2, F12, F13."""
    pod = sandbox(node)
    before = node.snapshot()
    pod.add()
    for path in (node.state / "results").iterdir():
        path.unlink()
    pod.delete()
    node.is_as(before)


@pytest.mark.parametrize("left", [0, 1, 300])
def test_a_torn_record_is_set_aside_and_the_cached_results_are_used(node: Node, left: int) -> None:
    """F2, F13, S6."""
    pod = sandbox(node)
    before = node.snapshot()
    pod.add()
    torn = pod.record.read_bytes()[:left]
    pod.record.write_bytes(torn)
    pod.delete()
    aside = pod.record.with_name(f".{pod.id}.unreadable")
    assert aside.read_bytes() == torn  # for a person to look at
    aside.unlink()
    node.is_as(before)


def test_torn_results_are_none(node: Node) -> None:
    """F2, F12.  Spec section 1.5."""
    node.script("recorder", recorder(node.calls))
    conf = {"cniVersion": "1.0.0", "name": "pods", "plugins": [node.bridge(), {"type": "recorder"}]}
    pod = node.sandbox(cluster_network=conf)
    before = node.snapshot()
    pod.add()
    (path,) = (node.state / "results").iterdir()
    path.write_bytes(path.read_bytes()[:-20])
    pod.delete()
    node.is_as(before)
    assert "prevResult" not in calls(node.calls)[-1]["conf"]


def test_a_second_del_has_nothing_to_do_and_succeeds(node: Node) -> None:
    """F2.  Spec section 6.6."""
    pod = sandbox(node)
    before = node.snapshot()
    pod.add()
    pod.delete()
    pod.delete()
    node.is_as(before)


def test_a_container_nobody_knows_is_deleted_already(node: Node) -> None:
    """F2, S6.  Spec section 6.6."""
    node.script("recorder", recorder(node.calls))
    node.network("rail", {"cniVersion": "1.0.0", "type": "recorder"})
    pod = node.sandbox("rail")
    before = node.snapshot()
    pod.delete()
    assert node.snapshot() == before
    assert calls(node.calls) == []  # no network is resolved anew: its device may be another pod's by now


def test_one_sandboxs_del_leaves_the_others_alone(node: Node) -> None:
    """F2."""
    first = sandbox(node)
    first.add()
    with_first = node.snapshot()
    second = node.sandbox("rail,other,point")
    before = node.snapshot()
    second.add()
    second.delete()
    node.is_as(before)
    assert with_first.items() <= before.items()
    first.check()


def test_a_sandbox_is_deleted_by_a_daemon_that_started_after_its_add(node: Node) -> None:
    """F2, F13."""
    pod = sandbox(node)
    before = node.snapshot()
    pod.add()
    node.stop()
    node.start()
    pod.check()
    pod.delete()
    node.is_as(before)


def test_a_del_while_the_daemon_is_away_is_spooled_and_done_when_it_is_back(node: Node) -> None:
    """S5."""
    pod = sandbox(node)
    before = node.snapshot()
    pod.add()
    node.stop()
    pod.netconf["daemonTimeout"] = 0.1
    pod.delete()
    assert "eth0" in pod.links()
    assert [path.name for path in (node.state / ".spool").iterdir()] == [f"{pod.id}-eth0.json"]
    node.start()
    node.is_as(before)


def test_an_add_while_the_daemon_is_away_is_refused_soon(node: Node) -> None:
    """S38."""
    pod = sandbox(node)
    before = node.snapshot()
    node.stop()
    said = pod.call("ADD", daemonTimeout=0.1).refused(11)
    assert "the plurimus daemon is not ready" in said
    assert node.snapshot() == before
    node.start()
    pod.add()
    pod.delete()
