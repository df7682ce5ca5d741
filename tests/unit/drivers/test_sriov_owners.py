"""Whose a VF is, where that is not plain: its file is cut short, a namespace is out of sight, a path is used again."""

from __future__ import annotations

from pathlib import Path

import pytest

from plurimus.cni.errors import AttachmentError, Code, PlurimusError
from plurimus.drivers.call import Call
from plurimus.drivers.sriov.state import FOLDER

from .sriovfakes import OTHER, POD, Node, address, device
from .test_sriovstate import POD_ID, of_the_plugin

SETTINGS = {"vlan": 100, "trust": "on", "mac": "02:00:00:00:00:11"}


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def cut_short(node: Node, name: str = "pod-net1") -> Path:
    """The file of an attachment as a plugin that was killed while writing leaves it."""
    path = node.root / FOLDER / name
    path.write_bytes(path.read_bytes()[:40])
    return path


@pytest.mark.parametrize("verb", ["DEL", "CHECK", "ADD"])
async def test_what_cannot_be_understood_is_an_error_that_names_the_vf_and_keeps_everything(
    node: Node, verb: str
) -> None:
    await node.call("ADD", **SETTINGS)
    await node.call("ADD", pod="other", netns=OTHER, deviceID=address(2))
    node.addresses.held = {"pod/net1"}
    taken, path = node.kernel.state(), cut_short(node)
    with pytest.raises(AttachmentError, match="cannot be understood") as failed:
        await node.call(verb, **SETTINGS, ipam={"type": "static"})
    assert failed.value.code == Code.DECODING_FAILURE
    for part in (str(path), f"it may be {address(1)}, in {POD})", "then remove the file"):
        assert part in str(failed.value)
    assert node.kernel.state() == taken
    assert node.addresses.held == {"pod/net1"}
    assert node.left() == ["other-net1", "pci/0000:01:10.1", "pci/0000:01:10.2", "pod-net1"]


async def test_nobody_gets_a_vf_of_which_only_what_cannot_be_understood_says_what_it_was(node: Node) -> None:
    await node.call("ADD", **SETTINGS)
    path = cut_short(node)
    node.kernel.end(POD)
    taken = node.kernel.state()
    with pytest.raises(AttachmentError, match=rf"VF 0000:01:10\.1 was allocated to {POD}.*{path}") as failed:
        await node.call("ADD", pod="next", netns=OTHER)
    assert failed.value.code == Code.DECODING_FAILURE
    assert node.kernel.state() == taken
    await node.call("ADD", pod="next", netns=OTHER, deviceID=address(2))  # of which everything is known
    path.unlink()
    await node.call("DEL", **SETTINGS)
    await node.call("ADD", pod="next", netns=OTHER, ifname="net2")


async def test_what_can_be_understood_of_a_vf_is_enough(node: Node) -> None:
    before = node.kernel.state()
    await node.call("ADD", **SETTINGS)
    (node.root / FOLDER / "else-net1").write_text("{")
    node.kernel.end(POD)
    await node.call("ADD", pod="next", netns=OTHER)
    assert node.kernel.vfs == before["functions"]
    await node.call("DEL", pod="next", netns=OTHER)
    assert node.left() == ["else-net1"]


async def test_collecting_leaves_what_cannot_be_understood_and_gives_back_the_others(node: Node) -> None:
    await node.call("ADD", **SETTINGS)
    await node.call("ADD", pod="other", netns=OTHER, deviceID=address(2), vlan=7)
    cut_short(node)
    await node.call("GC", **{"cni.dev/valid-attachments": []})
    assert [vf.vlan for vf in node.kernel.vfs] == [0, 100, 0, 0]
    assert node.left() == ["pci/0000:01:10.1", "pod-net1"]


async def test_a_vf_in_a_namespace_that_is_out_of_sight_is_a_living_pods(node: Node) -> None:
    await node.call("ADD", **SETTINGS)
    taken = node.kernel.state()
    node.kernel.hidden = {POD}
    with pytest.raises(AttachmentError, match=rf"already allocated to {POD} \(interface net1 of pod\)") as failed:
        await node.call("ADD", pod="next", netns=OTHER)
    assert failed.value.code == Code.TRY_AGAIN_LATER
    assert node.kernel.state() == taken
    assert node.left() == ["pci/0000:01:10.1", "pod-net1"]


async def test_another_container_in_the_namespace_of_a_living_pod_does_not_get_its_vf(node: Node) -> None:
    await node.call("ADD", **SETTINGS)
    taken = node.kernel.state()
    with pytest.raises(AttachmentError, match="already allocated"):
        await node.call("ADD", pod="next", ifname="net2")
    assert node.kernel.state() == taken
    node.kernel.end(POD)
    node.kernel.spaces[POD] = [device(1, "lo")]
    made = await node.call("ADD", pod="next", ifname="net2")
    assert made.interfaces[0].mac == "0a:00:00:00:00:0b"
    assert node.left() == ["next-net2", "pci/0000:01:10.1"]


async def test_of_what_the_plugin_gave_the_path_alone_says_whose_it_is(node: Node) -> None:
    of_the_plugin(node)
    await node.call("ADD", pod="next")
    assert node.left() == ["next-net1", "pci/0000:01:10.1"]


def cannot_be_read(node: Node, name: str) -> Path:
    """A file at which every read fails with EIO, as this process's memory does at its beginning."""
    path = node.root / FOLDER / name
    path.rename(node.root / "kept")
    path.symlink_to("/proc/self/mem")
    return path


async def test_collecting_gives_back_the_others_and_names_what_cannot_be_read(node: Node) -> None:
    await node.call("ADD", **SETTINGS)
    await node.call("ADD", pod="other", netns=OTHER, deviceID=address(2), vlan=7)
    path = cannot_be_read(node, "pod-net1")
    with pytest.raises(AttachmentError, match=f"{path}.*Input/output error"):
        await node.call("GC", **{"cni.dev/valid-attachments": []})
    assert [vf.vlan for vf in node.kernel.vfs] == [0, 100, 0, 0]
    assert node.left() == ["pci/0000:01:10.1", "pod-net1"]
    (node.root / "kept").replace(path)
    await node.call("GC", **{"cni.dev/valid-attachments": []})
    assert node.left() == []


@pytest.mark.parametrize("name", [f"{POD_ID}-net1", "pci/0000:01:10.1"])
async def test_a_look_tells_of_the_others_and_names_what_cannot_be_read(node: Node, name: str) -> None:
    of_the_plugin(node)
    await node.call("ADD", pod="other", netns=OTHER, deviceID=address(2))
    path, odd = cannot_be_read(node, name), list[PlurimusError]()
    assert [held.container_id for held in await node.driver.held(Call("GC", conf={"name": "rail"}), odd)] == ["other"]
    assert [str(path) in str(error) for error in odd] == [True]


async def test_a_vf_that_may_be_anothers_is_not_given_back_while_a_file_cannot_be_read(node: Node) -> None:
    """Neither the plugin's file nor the request says which namespace it was, and the one who has it may be in there."""
    of_the_plugin(node)
    (node.root / FOLDER / "other-net1").write_text("{}")
    (node.root / FOLDER / "pci" / address(1)).write_text(OTHER)
    before, path = node.kernel.state(), cannot_be_read(node, "other-net1")
    with pytest.raises(AttachmentError, match=f"{path}.*Input/output error"):
        await node.call("DEL", pod=POD_ID, netns="")
    assert node.kernel.state() == before
    assert node.left() == [f"{POD_ID}-net1", "other-net1", "pci/0000:01:10.1"]


async def test_what_cannot_be_understood_is_named_though_another_cannot_be_read(node: Node) -> None:
    await node.call("ADD", **SETTINGS)
    await node.call("ADD", pod="other", netns=OTHER, deviceID=address(2))
    cannot_be_read(node, "other-net1")
    path = cut_short(node)
    with pytest.raises(AttachmentError, match=f"{path} cannot be understood"):
        await node.call("DEL", **SETTINGS)
