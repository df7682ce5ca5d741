"""Where the configuration of a network comes from: definitions, files by name, paths, the auxiliary chain."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from plurimus.cni.errors import ClusterError, Code

from .world import Node


def write(path: Path, **keys: Any) -> Path:
    """A configuration of this name and type; with `plugins` a list."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"cniVersion": "1.0.0", **keys}))
    return path


def on_disk(folder: Path, cluster_network: str, **netconf: Any) -> Node:
    """A node whose default network is to be found on disk."""
    return Node(netconf={"confDir": str(folder), "clusterNetwork": cluster_network, **netconf})


async def added(node: Node) -> list[str]:
    await node.add()
    return node.plugins.made("ADD")


async def test_a_definition_comes_before_a_file_of_its_name(tmp_path: Path) -> None:
    """F14."""
    write(tmp_path / "10.conf", name="cbr0", type="from-file")
    assert await added(on_disk(tmp_path, "cbr0")) == ["ADD bridge eth0"]


async def test_a_definition_is_looked_up_in_the_namespace_of_multus(tmp_path: Path) -> None:
    """F14, F19."""
    node = on_disk(tmp_path, "net", multusNamespace="infra", defaultNetworks=["more"])
    node.network("net", namespace="kube-system", type="wrong")
    node.network("net", namespace="infra", type="right")
    node.network("more", namespace="infra")
    node.network("chosen", namespace="infra")
    assert await added(node) == ["ADD right eth0", "ADD more net1"]
    assert [element["name"] for element in json.loads(node.cluster.statuses[0][1])] == ["infra/net", "infra/more"]
    node.pod(default="chosen")
    await node.add(container="c2", netns="/run/netns/c2")
    assert node.plugins.made("ADD")[2:] == ["ADD chosen eth0", "ADD more net1"]


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda _: None, id="missing"),
        pytest.param(lambda node: node.network("net", "{", namespace="kube-system"), id="malformed"),
        pytest.param(lambda node: node.network("net", "{}", namespace="kube-system"), id="no-configuration"),
    ],
)
async def test_without_a_definition_a_file_of_that_name_counts(spoil: Any, tmp_path: Path) -> None:
    """F14, F15: the first by file name, whatever its extension."""
    write(tmp_path / "20.conf", name="net", type="second")
    write(tmp_path / "10.json", name="net", type="first")
    write(tmp_path / "05.conflist", name="other", plugins=[{"type": "other"}])
    node = on_disk(tmp_path, "net")
    spoil(node)
    assert await added(node) == ["ADD first eth0"]


async def test_what_is_found_nowhere_is_named_with_both_causes(tmp_path: Path) -> None:
    """F90, S28: the cause is kept."""
    node = on_disk(tmp_path, "net")
    node.network("net", "{", namespace="kube-system")
    error = await node.refused("ADD")
    assert "getNetDelegate: cannot find network: net" in error.msg
    assert "network-attachment-definition kube-system/net: network configuration: Expecting property name" in error.msg
    assert str(tmp_path) in error.msg


async def test_a_broken_file_spoils_no_other(tmp_path: Path) -> None:
    """F15, S28."""
    (tmp_path / "00.conf").write_text("{")
    write(tmp_path / "01.conf", name="net", type="")
    write(tmp_path / "10.conf", name="net", type="good")
    assert await added(on_disk(tmp_path, "net")) == ["ADD good eth0"]


async def test_a_path_is_a_file_or_the_first_file_of_a_folder(tmp_path: Path) -> None:
    """F16: no definition is looked up then."""
    path = write(tmp_path / "20.conf", name="b", type="second")
    write(tmp_path / "10.conflist", name="a", plugins=[{"type": "first"}])
    for reference, kind in ((path, "second"), (tmp_path, "first")):
        node = on_disk(tmp_path, str(reference))
        assert await added(node) == [f"ADD {kind} eth0"]
        assert not any("definition" in question for question in node.cluster.asked)


async def test_a_file_has_the_name_it_gives_itself(tmp_path: Path) -> None:
    """F16, spec section 2.3: in status and events."""
    path = write(tmp_path / "20.conf", name="b", type="x")
    node = on_disk(tmp_path, str(path))
    await node.add()
    assert json.loads(node.cluster.statuses[0][1])[0]["name"] == "b"


async def test_default_networks_may_be_files_and_their_errors_are_told(tmp_path: Path) -> None:
    """F17."""
    path = write(tmp_path / "20.conf", name="b", type="x")
    assert await added(on_disk(tmp_path, "cbr0", defaultNetworks=[str(path)])) == ["ADD bridge eth0", "ADD x net1"]
    node = on_disk(tmp_path, "cbr0", defaultNetworks=["nowhere"])
    assert "cannot find network: nowhere" in (await node.refused("ADD")).msg


async def test_isolation_keeps_a_pod_from_other_namespaces() -> None:
    """F20."""
    node = Node(netconf={"namespaceIsolation": True})
    node.network("a", namespace="other")
    node.pod("other/a")
    error = await node.refused("ADD")
    assert "namespace isolation enabled, annotation violates permission" in error.msg
    assert node.plugins.made() == []
    node.netconf["globalNamespaces"] = "other"
    assert await added(node) == ["ADD bridge eth0", "ADD a net1"]


async def test_a_definition_gives_its_name_where_the_configuration_has_none() -> None:
    """F45: another name is kept, and used for caches and plugins; people see the definition's."""
    node = Node()
    node.network("a")
    node.network("b", json.dumps({"cniVersion": "1.0.0", "name": "elsewhere", "type": "b"}))
    node.pod("a,b")
    await node.add()
    assert [call.conf["name"] for call in node.plugins.calls] == ["cbr0", "a", "elsewhere"]
    assert sorted(node.results.files) == ["a-cid1-net1", "cbr0-cid1-eth0", "elsewhere-cid1-net2"]
    assert node.cluster.told()[2][2].endswith("from default/b")


@pytest.mark.parametrize("text", ["", "  \n"])
async def test_a_definition_without_a_configuration_is_a_file_of_its_name(text: str, tmp_path: Path) -> None:
    """F46, S28: other files do not matter."""
    (tmp_path / "00.conf").write_text("{")
    write(tmp_path / "10.conf", name="a", type="from-file")
    node = on_disk(tmp_path, "cbr0")
    node.network("a", text)
    node.pod("a")
    assert await added(node) == ["ADD bridge eth0", "ADD from-file net1"]
    assert node.cluster.told()[1][2].endswith("from default/a")


async def test_a_definition_whose_file_is_missing_is_an_error(tmp_path: Path) -> None:
    """F46."""
    node = on_disk(tmp_path, "cbr0")
    node.network("a", "")
    node.pod("a")
    error = await node.refused("ADD")
    assert f"network-attachment-definition default/a: its config is empty, and {tmp_path} has no" in error.msg


async def test_a_definition_may_hold_a_list() -> None:
    """F47."""
    node = Node()
    node.network("a", chain=("x", "y"))
    node.pod("a")
    assert await added(node) == ["ADD bridge eth0", "ADD x net1", "ADD y net1"]
    assert node.plugins.calls[2].conf["prevResult"]["interfaces"][0]["name"] == "net1"


@pytest.mark.parametrize("keys", [{"plugins": []}, {"plugins": None}, {"plugins": [{}]}, {"plugins": [None]}, {}])
async def test_a_definition_without_plugins_is_an_error_that_names_it(keys: dict[str, Any]) -> None:
    """F47, S32."""
    node = Node()
    node.network("a", json.dumps({"cniVersion": "1.0.0", **keys}))
    node.pod("a")
    error = await node.refused("ADD")
    assert "network-attachment-definition default/a: network configuration 'a': " in error.msg
    assert node.left() == []


@pytest.mark.parametrize("kind", ["multus", "multus-shim", "plurimus"])
@pytest.mark.parametrize("place", ["definition", "default-definition", "file", "inline", "chained", "auxiliary"])
async def test_nobody_makes_plurimus_call_itself(kind: str, place: str, tmp_path: Path) -> None:
    """S35."""
    path = write(tmp_path / "10.conf", name="net", type=kind if place == "file" else "bridge")
    write(tmp_path / "aux/10.conf", type=kind)
    node = Node(netconf={"clusterNetwork": str(path) if place in ("file", "auxiliary") else "cbr0"})
    if place == "definition":
        node.network("a", type=kind)
    elif place == "chained":
        node.network("a", chain=("x", kind))
    elif place == "default-definition":
        node.network("cbr0", namespace="kube-system", type=kind)
    elif place == "inline":
        node.netconf |= {"clusterNetwork": "", "delegates": [{"name": "x", "type": kind}]}
    elif place == "auxiliary":
        node.netconf["auxiliaryCNIChainName"] = "aux"
    node.pod("a" if place in ("definition", "chained") else "")
    error = await node.refused("ADD")
    assert f"has type '{kind}': Plurimus would call itself" in error.msg
    assert node.plugins.made() == []


async def test_a_cluster_that_does_not_answer_is_not_a_missing_definition() -> None:
    """F44: no event says that the network does not exist."""
    node = Node()
    node.networks("a")
    node.cluster.error, node.cluster.error_about = ClusterError("no route to the API server"), "definition default/a"
    assert (await node.refused("ADD")).code == Code.TRY_AGAIN_LATER
    assert node.cluster.told() == []


async def test_a_cluster_that_does_not_answer_leaves_the_files_of_the_node(tmp_path: Path) -> None:
    """F14: and code 11 where there is no such file either."""
    node = on_disk(tmp_path, "net")
    node.cluster.error, node.cluster.error_about = ClusterError("no route to the API server"), "definition"
    error = await node.refused("ADD")
    assert error.code == Code.TRY_AGAIN_LATER
    assert "no route to the API server" in error.msg
    write(tmp_path / "10.conf", name="net", type="from-file")
    assert await added(node) == ["ADD from-file eth0"]


@pytest.mark.parametrize("by", ["name", "path"])
async def test_a_list_in_a_file_without_a_version_has_the_nodes(tmp_path: Path, by: str) -> None:
    """S37: not 0.1.0 at ADD and another at DEL."""
    file = tmp_path / "10.conflist"
    file.write_text(json.dumps({"name": "cbr9", "plugins": [{"type": "bridge"}]}))
    node = on_disk(tmp_path, str(file) if by == "path" else "cbr9")
    await node.add()
    await node.delete()
    assert [(call.verb, call.conf["cniVersion"]) for call in node.plugins.calls] == [("ADD", "1.1.0"), ("DEL", "1.1.0")]
