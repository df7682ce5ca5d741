"""CHECK of everything on record, and STATUS of what every pod needs."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from plurimus.cni.errors import AttachmentError, ClusterError, Code

from . import multus
from .world import Node


async def attached(**versions: str) -> Node:
    node = Node()
    for name in ("a", "b"):
        node.network(name, cniVersion=versions.get(name, "1.0.0"))
    node.pod("a,b")
    await node.add()
    node.plugins.calls.clear()
    return node


async def test_every_attachment_is_checked_in_order() -> None:
    """F3, S19: also those that the pod's annotation asked for."""
    node = await attached()
    assert (await node.call("CHECK")).result is None
    assert node.plugins.made() == ["CHECK bridge eth0", "CHECK a net1", "CHECK b net2"]


async def test_a_check_hands_over_the_result_of_add() -> None:
    """F3."""
    node = await attached()
    await node.call("CHECK")
    previous = {call.ifname: call.conf["prevResult"] for call in node.plugins.calls}
    assert previous == {
        ifname: node.results.files[f"{name}-cid1-{ifname}"].result
        for name, ifname in (("cbr0", "eth0"), ("a", "net1"), ("b", "net2"))
    }


async def test_the_first_failure_ends_a_check() -> None:
    """F3, S19."""
    node = await attached()
    node.plugins.fail("CHECK", "net1", error=AttachmentError("net1 lost its address", code=101))
    error = await node.refused("CHECK")
    assert error.msg == '[default/pod/uid-1:a]: error checking network "a": net1 lost its address'
    assert error.code == 101
    assert node.plugins.made() == ["CHECK bridge eth0", "CHECK a net1"]


async def test_what_has_no_check_passes() -> None:
    """F3: versions below 0.4.0, and lists that switch it off."""
    node = await attached(a="0.3.1")
    node.network("c", json.dumps({"cniVersion": "1.0.0", "disableCheck": True, "plugins": [{"type": "c"}]}))
    node.pod("a,c")
    await node.delete()
    await node.add()
    node.plugins.calls.clear()
    await node.call("CHECK")
    assert node.plugins.made() == ["CHECK bridge eth0"]


async def test_a_sandbox_without_a_record_cannot_be_checked() -> None:
    """F3: code 3, unknown container."""
    assert (await Node().refused("CHECK")).code == Code.UNKNOWN_CONTAINER


async def test_an_attachment_without_a_cached_result_cannot_be_checked() -> None:
    """F3: the plugins could not tell what they made."""
    node = await attached()
    del node.results.files["a-cid1-net1"]
    error = await node.refused("CHECK")
    assert error.code == Code.UNKNOWN_CONTAINER
    assert "its cached result is missing" in error.msg


async def test_a_check_asks_nobody_about_the_pod() -> None:
    """S19: the record says what was attached."""
    node = await attached()
    node.cluster.error = ClusterError("no route to the API server")
    await node.call("CHECK")


async def test_a_sandbox_of_multus_is_checked() -> None:
    """F3, F13: whatever of it has a CHECK."""
    node = Node()
    await multus.leave(node)
    await node.call("CHECK")
    assert node.plugins.made() == ["CHECK macvlan net1"]


async def test_status_asks_the_default_network() -> None:
    """F4: each plugin of it, and no other network."""
    node = Node(netconf={"defaultNetworks": ["d1"]})
    node.network("cbr0", namespace="kube-system", chain=("bridge", "portmap"), cniVersion="1.1.0")
    await node.call("STATUS", ifname="")
    assert node.plugins.made() == ["STATUS bridge", "STATUS portmap"]
    assert node.plugins.calls[0].conf == {"type": "bridge", "name": "cbr0", "cniVersion": "1.1.0"}


async def test_status_needs_no_pod() -> None:
    """F4: the runtime names none."""
    node = Node()
    await node.call("STATUS", container="", netns="", ifname="", CNI_ARGS="")
    assert node.plugins.made() == ["STATUS bridge"]


@pytest.mark.parametrize("code", [Code.PLUGIN_NOT_AVAILABLE, Code.LIMITED_CONNECTIVITY])
async def test_a_plugin_that_is_not_available_says_so_to_the_runtime(code: Code) -> None:
    """F4, S20: with its own code."""
    node = Node()
    node.plugins.fail("STATUS", error=AttachmentError("no uplink", code=code))
    error = await node.refused("STATUS")
    assert error.code == code
    assert error.msg.endswith("no uplink")


async def test_a_default_network_below_1_1_0_has_no_status() -> None:
    """F4: and counts as well."""
    node = Node()
    node.network("cbr0", namespace="kube-system", type="bridge", cniVersion="1.0.0")
    await node.call("STATUS")
    assert node.plugins.made() == []


async def test_a_default_network_that_is_missing_is_told_by_status() -> None:
    """F4."""
    node = Node()
    del node.cluster.definitions["kube-system", "cbr0"]
    error = await node.refused("STATUS")
    assert "cannot find network: cbr0" in error.msg
    assert error.code == Code.INVALID_CONFIG


async def test_a_cluster_that_does_not_answer_is_no_mistake_of_the_configuration() -> None:
    """F4, S28: code 11, try again later, with the cause."""
    node = Node()
    node.cluster.error = ClusterError("no route to the API server")
    error = await node.refused("STATUS")
    assert "no route to the API server" in error.msg
    assert error.code == Code.TRY_AGAIN_LATER


async def test_the_default_networks_sign_of_life_is_waited_for(tmp_path: Path) -> None:
    """F21, S38: by ADD, STATUS and GC; meanwhile they hold up no other sandbox."""
    ready = tmp_path / "ready"
    node = Node(readinessTimeout=30)
    keys = {"readinessindicatorfile": str(ready), "cni.dev/valid-attachments": []}
    waiting = [asyncio.create_task(node.call(verb, keys)) for verb in ("ADD", "STATUS", "GC")]
    await node.add(container="c2", netns="/run/netns/c2")
    await node.delete(container="c2", netns="/run/netns/c2")
    assert node.plugins.made() == ["ADD bridge eth0", "DEL bridge eth0"]
    assert not any(request.done() for request in waiting)
    ready.touch()
    await asyncio.gather(*waiting)
    assert {call.verb for call in node.plugins.calls[2:]} >= {"ADD", "STATUS", "GC"}


@pytest.mark.parametrize(
    ("verb", "code"),
    [("ADD", Code.TRY_AGAIN_LATER), ("STATUS", Code.PLUGIN_NOT_AVAILABLE), ("GC", Code.TRY_AGAIN_LATER)],
)
async def test_a_default_network_that_stays_away_is_an_error_after_the_configured_time(verb: str, code: Code) -> None:
    """F21, F90, S38: the wait is the administrator's choice, its end is an answer to try again."""
    node = Node(readinessindicatorfile="/nonexistent/ready", readinessTimeout=0.01)
    error = await node.refused(verb, {"cni.dev/valid-attachments": []})
    assert error.code == code
    assert "have you checked that your default network is ready?" in error.msg
    assert "/nonexistent/ready" in error.msg
    assert error.msg.endswith("pollimmediate error: timed out waiting for the condition")
    assert node.plugins.calls == []


async def test_a_check_does_not_wait_for_the_default_network() -> None:
    """F21."""
    node = await attached()
    node.netconf["readinessindicatorfile"] = "/nonexistent/ready"
    await node.call("CHECK")
    assert len(node.plugins.made("CHECK")) == 3


async def test_a_plugin_that_hangs_holds_up_no_other_sandbox() -> None:
    """S38."""
    node = Node()
    node.networks("slow")
    held = node.plugins.hold("ADD", kind="slow")
    async with held.while_waiting(node.add()):
        node.pod()
        await node.add(container="c2", netns="/run/netns/c2")
        await node.delete(container="c2", netns="/run/netns/c2")
    assert node.recorded() == ["eth0", "net1"]
