"""What definitions may not: reach out of their folders, or pods of namespaces that they do not name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plurimus.cni.errors import ConfigError
from plurimus.model.definition import ALLOWED_NAMESPACES, NetworkAttachmentDefinition

from .test_hotplug import call, running
from .world import Node

HOSTILE = {"type": "macvlan", "cniVersion": "1.0.0", "ipam": {"type": "host-local", "dataDir": "/etc/cron.d"}}


def keep(node: Node, namespaces: str, *, namespace: str = "infra", name: str = "rail") -> None:
    """A definition for pods of these namespaces."""
    text = json.dumps({"cniVersion": "1.0.0", "type": "rail"})
    annotations = {ALLOWED_NAMESPACES: namespaces}
    node.cluster.definitions[namespace, name] = NetworkAttachmentDefinition(namespace, name, text, annotations)


async def test_a_definition_that_leads_out_is_refused_before_anything_is_done() -> None:
    node = Node()
    node.network("bad", json.dumps(HOSTILE))
    node.pod("bad")
    error = await node.refused("ADD")
    assert "network-attachment-definition default/bad: 'dataDir' is '/etc/cron.d'" in error.msg
    assert (node.plugins.made(), node.left()) == ([], [])


@pytest.mark.parametrize("keys", [{"definitionFolders": ["/etc"]}, {"manifests": "/somewhere"}])
async def test_the_administrator_may_allow_it(keys: dict[str, Any]) -> None:
    node = Node(**keys)
    node.network("bad", json.dumps(HOSTILE))
    node.pod("bad")
    await node.add()
    assert node.plugins.made("ADD") == ["ADD bridge eth0", "ADD macvlan net1"]


async def test_a_folder_of_manifests_can_be_limited_too() -> None:
    node = Node(manifests="/somewhere", definitionFolders=[])
    node.network("bad", json.dumps(HOSTILE))
    node.pod("bad")
    assert "/etc/cron.d" in (await node.refused("ADD")).msg


async def test_what_the_administrator_has_on_the_node_is_not_limited() -> None:
    node = Node(netconf={"clusterNetwork": "", "delegates": [{**HOSTILE, "name": "own"}]})
    node.pod()
    await node.add()
    assert node.plugins.made("ADD") == ["ADD macvlan eth0"]


async def test_a_pod_attached_before_the_limit_can_still_be_deleted() -> None:
    node = Node(definitionFolders=["/etc"])
    node.network("bad", json.dumps(HOSTILE))
    node.pod("bad")
    await node.add()
    strict = Node()
    strict.stores, strict.world = node.stores, node.world
    strict.restart()
    await strict.delete()
    assert node.plugins.made("DEL") == ["DEL macvlan net1", "DEL bridge eth0"]


async def test_hot_plug_is_limited_as_well() -> None:
    node = await running()
    with pytest.raises(ConfigError, match=r"'dataDir' is '/etc/cron\.d'"):
        await call(node, "ADD", {**HOSTILE, "name": "bad"})
    assert node.plugins.made() == []


@pytest.mark.parametrize("isolated", [False, True])
@pytest.mark.parametrize(("namespaces", "allowed"), [("default", True), ("other", False), ("", False), ("*", True)])
async def test_a_definition_says_whose_pods_may_name_it(namespaces: str, *, allowed: bool, isolated: bool) -> None:
    node = Node(netconf={"namespaceIsolation": isolated, "globalNamespaces": "infra"})
    keep(node, namespaces)
    node.pod("infra/rail")
    if allowed:
        await node.add()
        assert node.plugins.made("ADD") == ["ADD bridge eth0", "ADD rail net1"]
    else:
        error = await node.refused("ADD")
        assert "network-attachment-definition infra/rail is not for pods of namespace default" in error.msg
        assert (node.plugins.made(), node.left()) == ([], [])


async def test_a_list_opens_nothing_that_isolation_closes() -> None:
    node = Node(netconf={"namespaceIsolation": True})
    keep(node, "*")
    node.pod("infra/rail")
    assert "namespace isolation enabled" in (await node.refused("ADD")).msg


async def test_a_list_holds_for_the_default_network_a_pod_chooses_and_not_for_the_nodes_own() -> None:
    node = Node()
    keep(node, "other", namespace="kube-system")
    node.pod(default="rail")
    assert "kube-system/rail is not for pods of namespace default" in (await node.refused("ADD")).msg
    node.netconf["defaultNetworks"] = ["rail"]
    node.pod()
    await node.add()
    assert node.plugins.made("ADD") == ["ADD bridge eth0", "ADD rail net1"]
