"""ADDs that fail before the first plugin ran, or after the last one: names that are taken, steps at the end."""

from __future__ import annotations

from typing import Any

import pytest

from .daemon import Node
from .scripts import PASS_ON, calls, recorder


@pytest.mark.parametrize(
    ("networks", "name"),
    [("rail", "net1"), ("rail@taken0", "taken0"), ("rail,rail@taken0,rail", "taken0"), ("", "eth0")],
)
def test_an_interface_that_exists_is_refused_before_any_plugin_runs(node: Node, networks: str, name: str) -> None:
    """F37.  Spec section 3.2."""
    node.script("recorder", recorder(node.calls))
    node.network("rail", node.macvlan())
    conf = {"cniVersion": "1.0.0", "name": "pods", "plugins": [node.bridge(), {"type": "recorder"}]}
    pod = node.sandbox(networks, cluster_network=conf)
    pod.ip("link", "add", name, "type", "bridge")
    before = node.snapshot()
    said = pod.call("ADD").refused(7)
    kind = "bridge" if name == "eth0" else "macvlan"
    assert f'cannot set "{kind}" interface name to "{name}": validateIfName: interface name {name} already' in said
    assert node.snapshot() == before
    pod.delete()
    assert node.snapshot() == before
    assert calls(node.calls) == []


@pytest.mark.parametrize(
    ("networks", "name"),
    [
        ("rail@net2,rail", "net2"),
        ("rail@a,rail@a", "a"),
        ("rail@eth0", "eth0"),
        ([{"name": "rail", "interface": "x"}, {"name": "other", "interface": "x"}], "x"),
    ],
)
def test_two_networks_of_one_interface_name_are_refused_before_any_plugin_runs(
    node: Node, networks: Any, name: str
) -> None:
    """S34."""
    node.network("rail", node.macvlan())
    node.network("other", node.macvlan(1))
    pod = node.sandbox(networks)
    before = node.snapshot()
    assert f"both get the interface name {name!r}" in pod.call("ADD").refused(7)
    assert node.snapshot() == before
    pod.delete()
    assert node.snapshot() == before


@pytest.mark.parametrize("change", ["deleted", "replaced"])
def test_a_pod_that_goes_while_its_networks_are_made_leaves_nothing(node: Node, change: str) -> None:
    """F1, F56.  Spec section 6.3, step 11."""
    node.network("rail", {"cniVersion": "1.0.0", "plugins": [node.macvlan(), {"type": "meddler"}]})
    pod = node.sandbox("rail")
    path = node.manifests / f"Pod.default.{pod.pod}.yaml"
    what = "os.unlink(path)" if change == "deleted" else 'open(path, "w").write(text.replace("uid-", "newer-"))'
    act = f'if env["CNI_COMMAND"] == "ADD":\n    path = {str(path)!r}\n    text = open(path).read()\n    {what}\n'
    node.script("meddler", act + PASS_ON)
    before = node.snapshot()
    assert "was deleted or replaced while its networks were attached" in pod.call("ADD").refused(11)
    node.is_as(before)
    pod.delete()


def test_a_default_route_that_cannot_be_made_undoes_all_networks(node: Node) -> None:
    """F1, F38.  Spec section 6.3, step 10 f."""
    node.network("rail", node.macvlan())
    pod = node.sandbox([{"name": "rail", "default-route": ["192.0.2.1"]}])
    before = node.snapshot()
    said = pod.call("ADD").refused(999)
    assert "192.0.2.1" in said
    assert "unreachable" in said
    node.is_as(before)
    pod.delete()


def test_a_status_that_cannot_be_written_undoes_all_networks(node: Node) -> None:
    """F1, F40.  Spec section 6.3, step 11."""
    node.network("rail", node.macvlan())
    pod = node.sandbox("rail")
    (node.manifests / "status").write_text("a file where a folder must be")
    before = node.snapshot()
    assert str(node.manifests / "status") in pod.call("ADD").refused(5)
    node.is_as(before)
    (node.manifests / "status").unlink()
    pod.add()
    assert len(pod.network_status()) == 2


def test_a_record_that_cannot_be_written_refuses_before_any_plugin_runs(node: Node) -> None:
    """F13.  Spec section 6.3, step 9."""
    node.network("rail", node.macvlan())
    pod = node.sandbox("rail")
    (node.state / f".{pod.id}.tmp").mkdir()  # the name the record is written under at first
    before = node.snapshot()
    assert f"cannot write {pod.record}" in pod.call("ADD").refused(5)
    assert node.snapshot() == before


@pytest.mark.parametrize("where", ["gone", "the host's own", "no namespace"])
def test_a_namespace_that_is_no_pods_is_refused_before_any_plugin_runs(node: Node, where: str) -> None:
    """Spec section 1.2."""
    pod = node.sandbox()
    env = pod.environment()
    paths = {"gone": "/run/netns/gone", "the host's own": "/proc/self/ns/net", "no namespace": str(node.folder)}
    before = node.snapshot()
    said = node.call("ADD", pod.netconf, env | {"CNI_NETNS": paths[where]}).refused(8)
    assert paths[where] in said
    assert node.snapshot() == before


@pytest.mark.parametrize("form", ["single", "last of a chain"])
def test_a_plugin_that_is_not_installed_is_refused_before_any_plugin_runs(node: Node, form: str) -> None:
    """F1.  Spec section 1.5."""
    typo = {"cniVersion": "1.0.0", "type": "macvlam", "master": "rail0"}
    plugins = [node.macvlan(1), typo]
    node.network("rail", node.macvlan())
    node.network("typo", typo if form == "single" else {"cniVersion": "1.0.0", "plugins": plugins})
    pod = node.sandbox("rail,typo")
    before = node.snapshot()
    assert 'failed to find plugin "macvlam" in path' in pod.call("ADD").refused(999)
    assert node.snapshot() == before
    pod.delete()  # a pod with a slip of the pen can be deleted
    assert node.snapshot() == before
