"""What a pod is told of RDMA: in the network status and in its folder, from ADD to DEL."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from plurimus.cni import conf
from plurimus.cni.errors import AttachmentError, PlurimusError
from plurimus.cni.result import Interface, IPConfig, Result
from plurimus.core.plan import Attachment, Plan, PodReference
from plurimus.model.rdma import Function, Gid, Port, Seen
from plurimus.node import rdmafacts

from .fakes import Call
from .test_gc import gc
from .world import CONTAINER, NETNS, Node

RESOURCE, VF, PF = "example.com/rail0", "0000:18:02.5", "0000:18:00.0"
GID = Gid(3, "0000:0000:0000:0000:0000:ffff:0a38:000a", "RoCE v2", "net1")
WITHOUT = Seen(Function(VF, VF, PF, 1), (Port("mlx5_5", 1, "ACTIVE", "Ethernet"),))
WITH = Seen(WITHOUT.function, (Port("mlx5_5", 1, "ACTIVE", "Ethernet", (GID,)),))


def made(call: Call) -> object:
    return {
        "cniVersion": "1.0.0",
        "interfaces": [{"name": call.ifname, "sandbox": NETNS}],
        "ips": [{"address": "10.56.0.10/16", "interface": 0}],
    }


def rail_node(*answers: Seen) -> Node:
    """A node with a network whose device has what is `seen`, look by look."""
    node = Node()
    node.network("rail", resource=RESOURCE)
    node.pod("rail")
    node.cluster.devices = {RESOURCE: [VF]}
    node.plugins.answers["rail"] = made
    node.rdma.answers = [{"net1": seen} for seen in answers]
    return node


def status(node: Node) -> list[Any]:
    (_, written) = node.cluster.statuses[-1]
    return [element.get("device-info") for element in json.loads(written)]


async def test_the_status_and_the_folder_tell_device_and_gid_until_del() -> None:
    node = rail_node(WITH)
    await node.add()
    told = {
        "device": "mlx5_5", "port": 1, "linkLayer": "Ethernet", "netdev": "net1", "gid": GID.gid, "gidIndex": 3,
        "gidType": "RoCE v2",
    }  # fmt: skip
    pci = {"pci-address": VF, "rdma-device": "mlx5_5", "pf-pci-address": PF}
    assert status(node) == [None, {"type": "pci", "version": "1.1.0", "pci": pci, "rdma": told}]
    owner, files = node.folders.files["uid-1"]
    assert owner == CONTAINER
    (interface,) = json.loads(files["rdma.json"])["interfaces"]
    assert (interface["interface"], interface["resource"], interface["rdma"]) == ("net1", RESOURCE, told)
    assert "NCCL_IB_HCA==mlx5_5:1\nNCCL_IB_GID_INDEX=3\n" in files["nccl.conf"].decode()
    await node.delete()
    assert node.left() == []
    assert node.infos.files == {}


async def test_only_what_may_have_a_device_is_looked_at() -> None:
    node = rail_node(WITH)
    node.network("plain")
    node.pod("rail,plain")
    await node.add()
    assert node.rdma.asked == [(NETNS, {"net1": VF, "net2": ""})]
    node.pod("")
    node.rdma.asked.clear()
    await node.add(container="other", netns="/run/netns/other")
    assert node.rdma.asked == [("/run/netns/other", {})]


async def test_the_entry_of_an_address_is_waited_for() -> None:
    node = rail_node(WITHOUT, WITHOUT, WITH)
    await node.add()
    assert len(node.rdma.asked) == 3
    assert status(node)[1]["rdma"]["gidIndex"] == 3


def plan() -> Plan:
    network = conf.parse({"cniVersion": "1.0.0", "name": "rail", "type": "rail"})
    attachment = Attachment("net1", network, "default/rail", device_id=VF, resource_name=RESOURCE)
    return Plan(CONTAINER, NETNS, PodReference("default", "pod", "uid-1"), (attachment,))


RESULT = Result("1.0.0", (Interface("net1", sandbox=NETNS),), (IPConfig("10.56.0.10/16", 0),))


async def test_an_entry_that_never_comes_is_absent_and_the_rest_is_told() -> None:
    node = rail_node(WITHOUT)
    await rdmafacts.tell(node.world, plan(), [RESULT], patience=0)
    _, files = node.folders.files["uid-1"]
    (interface,) = json.loads(files["rdma.json"])["interfaces"]
    assert interface["rdma"] == {"device": "mlx5_5", "port": 1, "linkLayer": "Ethernet"}
    assert b"GID_INDEX=" not in files["nccl.conf"]


async def test_a_pod_without_an_rdma_device_has_no_folder() -> None:
    node = rail_node(Seen(WITHOUT.function))
    await node.add()
    assert node.folders.files == {}
    assert status(node) == [None, None]


@pytest.mark.parametrize("broken", ["look", "folder", "information"])
async def test_no_pod_fails_by_what_cannot_be_told(broken: str) -> None:
    node, error = rail_node(WITH), AttachmentError("no")
    if broken == "look":
        node.rdma.error = error
    elif broken == "folder":
        node.folders.error = error
    else:
        node.infos.errors["store"] = error
    await node.add()
    assert (status(node)[1] is None) == (broken != "folder")
    assert (node.folders.files == {}) == (broken != "information")
    node.infos.errors.clear()
    await node.delete()
    assert node.records.files == {}


async def test_a_failed_add_leaves_no_folder() -> None:
    node = rail_node(WITH)
    node.cluster.write_error = PlurimusError("no status today")
    await node.refused("ADD")
    assert node.rdma.asked
    assert node.left() == []


async def test_a_failed_del_keeps_the_folder_until_it_succeeds() -> None:
    node = rail_node(WITH)
    await node.add()
    node.plugins.fail("DEL", "net1")
    await node.refused("DEL")
    assert list(node.folders.files) == ["uid-1"]
    node.plugins.forgive()
    await node.delete()
    assert node.folders.files == {}


async def test_collecting_removes_the_folders_of_sandboxes_nobody_knows() -> None:
    node = rail_node(WITH)
    await node.add()
    node.folders.files["uid-2"] = ("forgotten", {})
    await gc(node, CONTAINER)
    assert list(node.folders.files) == ["uid-1"]
    await gc(node)
    assert node.folders.files == {}


async def test_a_sandbox_that_is_made_again_takes_the_folder_over() -> None:
    node = rail_node(WITH)
    await node.add()
    old = plan()
    await rdmafacts.tell(node.world, replace(old, container_id="again"), [RESULT])
    await node.delete()
    assert node.folders.files["uid-1"][0] == "again"
