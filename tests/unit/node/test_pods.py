"""Which pod a request is about, and what happens where the cluster knows it not, or another one (section 6.2)."""

from __future__ import annotations

import pytest

from plurimus.cni.errors import ClusterError, Code

from .world import Node

STATIC = {"kubernetes.io/config.source": "file"}


async def test_an_add_for_a_pod_of_another_uid_is_refused() -> None:
    """F56: the pod was deleted and made anew; its networks are not those of this sandbox."""
    node = Node()
    node.pod(uid="new")
    error = await node.refused("ADD", uid="old")
    assert 'expected pod UID "old" but got "new" from Kube API' in error.msg
    assert node.plugins.made() == []


async def test_a_del_for_a_pod_of_another_uid_is_done() -> None:
    """F56."""
    node = Node()
    node.networks("a")
    await node.add()
    node.pod(uid="new")
    await node.delete()
    assert node.left() == []


async def test_a_static_pod_has_a_uid_of_its_own_in_the_cluster() -> None:
    """F56, F58: that of its mirror."""
    node = Node()
    node.network("a")
    node.pod("a", uid="mirror", **STATIC)
    await node.add(uid="static")
    assert node.plugins.made() == ["ADD bridge eth0", "ADD a net1"]
    assert {dict(pair.split("=") for pair in call.env["CNI_ARGS"].split(";"))["K8S_POD_UID"]
            for call in node.plugins.calls} == {"static"}  # fmt: skip


@pytest.mark.parametrize("source", ["api", ""])
async def test_a_pod_from_the_api_is_not_static(source: str) -> None:
    """F58."""
    node = Node()
    node.pod(uid="new", **({"kubernetes.io/config.source": source} if source else {}))
    await node.refused("ADD", uid="old")


async def test_a_runtime_that_names_no_uid_gets_the_pods() -> None:
    """F56: plugins are told the one of the cluster."""
    node = Node()
    await node.add(uid="")
    assert "K8S_POD_UID=uid-1" in node.plugins.calls[0].env["CNI_ARGS"]


@pytest.mark.parametrize("version", ["0.3.1", "1.1.0"])
async def test_an_add_for_a_pod_that_has_gone_is_to_be_tried_again(version: str) -> None:
    """F57, S14: never a made-up success; and S38, at once."""
    node = Node(netconf={"cniVersion": version})
    node.cluster.pods.clear()
    error = await node.refused("ADD")
    assert error.code == Code.TRY_AGAIN_LATER
    assert "pod default/pod is not known to the cluster" in error.msg
    assert node.plugins.made() == []
    assert node.left() == []


async def test_a_cluster_that_does_not_answer_is_to_be_tried_again() -> None:
    """S14, S20: code 11."""
    node = Node()
    node.cluster.error = ClusterError("no route to the API server")
    error = await node.refused("ADD")
    assert error.code == Code.TRY_AGAIN_LATER
    assert error.msg.endswith("no route to the API server")
    assert node.left() == []


@pytest.mark.parametrize("key", ["K8S_POD_NAMESPACE", "K8S_POD_NAME"])
@pytest.mark.parametrize("form", ["", "{}="], ids=["missing", "empty"])
async def test_an_add_must_name_its_pod(key: str, form: str) -> None:
    """Spec section 6.1."""
    node = Node()
    pairs = [pair for pair in node.env("ADD")["CNI_ARGS"].split(";") if not pair.startswith(f"{key}=")]
    error = await node.refused("ADD", CNI_ARGS=";".join([*pairs, *filter(None, [form.format(key)])]))
    assert error.code == Code.INVALID_ENVIRONMENT


async def test_a_del_need_not_name_its_pod() -> None:
    """F2: nor need the pod's UID be looked up."""
    node = Node()
    await node.add()
    node.cluster.asked.clear()
    await node.delete(CNI_ARGS="")
    assert node.left() == []
    assert node.cluster.asked == []


async def test_the_pod_is_read_afresh_for_every_add() -> None:
    """F1: what controllers wrote into the annotation after scheduling counts."""
    node = Node()
    await node.add(container="c1")
    node.networks("a")
    await node.add(container="c2", netns="/run/netns/c2")
    assert node.plugins.made() == ["ADD bridge eth0", "ADD bridge eth0", "ADD a net1"]
