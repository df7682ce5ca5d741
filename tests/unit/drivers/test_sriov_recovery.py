"""A VF is found and given back whatever has become of it, its pod and its PF meanwhile, and never twice."""

from __future__ import annotations

import errno
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from plurimus.cni.errors import AttachmentError, Code

from .sriovfakes import OTHER, PF, POD, Node, address, bind, device

SETTINGS = {"vlan": 100, "mac": "02:00:00:00:00:11", "mtu": 9000, "trust": "on", "ipam": {"type": "static"}}
VF = {"vlan": 100, "mac": "02:00:00:00:00:11", "mtu": 9000, "trust": "on"}


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


@pytest.mark.parametrize("netns", [POD, ""])
async def test_a_vf_whose_namespace_ended_first_is_made_what_it_was(node: Node, netns: str) -> None:
    before = node.kernel.state()
    await node.call("ADD", **VF)
    node.kernel.end(POD)
    await node.call("DEL", netns=netns, **VF)
    node.kernel.spaces[POD] = [device(1, "lo")]
    assert node.kernel.state() == before
    assert node.left() == []


async def test_a_vf_is_found_under_any_name_on_the_host(node: Node) -> None:
    before = node.kernel.state()
    await node.call("ADD", **VF)
    node.kernel.spaces[None].append(device(40, "net1"))
    node.kernel.end(POD)
    assert node.kernel.of(1, None).name == "dev7"
    await node.call("DEL", **VF)
    node.kernel.spaces[POD] = [device(1, "lo")]
    node.kernel.spaces[None] = [each for each in node.kernel.spaces[None] if each.link.index != 40]
    assert node.kernel.state() == before


async def test_a_vf_renamed_or_moved_on_by_its_pod_is_found(node: Node) -> None:
    before = node.kernel.state()
    await node.call("ADD", **VF)
    index = node.kernel.of(1, POD).link.index
    node.kernel.rename(POD, index, "fast0")
    await node.call("DEL", **VF)
    assert node.kernel.state() == before
    await node.call("ADD", **VF)
    node.kernel.move(POD, index, OTHER, "hidden0")
    await node.call("DEL", **VF)
    assert node.kernel.state() == before


async def test_a_vf_comes_home_under_another_name_where_its_own_is_taken(node: Node) -> None:
    await node.call("ADD", **VF)
    node.kernel.spaces[None] += [device(40, "eth1"), device(41, "net1")]
    await node.call("DEL", **VF)
    assert node.kernel.of(1, None).name == "vf0000-01-10.1"
    assert node.left() == []


async def test_only_the_name_is_another_where_the_move_itself_is_possible(node: Node) -> None:
    await node.call("ADD", **VF)
    node.kernel.spaces[None].append(device(40, "eth1"))
    await node.call("DEL", **VF)
    found = node.kernel.of(1, None)
    assert (found.name, found.link.mac, found.link.mtu) == ("vf0000-01-10.1", "0a:00:00:00:00:0b", 1500)


async def test_where_all_names_are_taken_delete_fails_and_converges(node: Node) -> None:
    before = node.kernel.state()
    await node.call("ADD", **VF)
    taken = [device(40, "eth1"), device(41, "net1"), device(42, "vf0000-01-10.1")]
    node.kernel.spaces[None] += taken
    with pytest.raises(AttachmentError, match=r"interfaces called 'eth1' and 'vf0000-01-10\.1'"):
        await node.call("DEL", **VF)
    assert node.left() == ["pci/0000:01:10.1", "pod-net1"]
    node.kernel.spaces[None] = [each for each in node.kernel.spaces[None] if each not in taken]
    await node.call("DEL", **VF)
    assert node.kernel.state() == before


async def test_a_vf_that_is_gone_or_has_no_interface_any_more_needs_nothing(node: Node) -> None:
    await node.call("ADD", **VF)
    node.kernel.spaces[POD].remove(node.kernel.of(1, POD))
    bind(node.root, 1, "vfio-pci")
    await node.call("DEL", **VF)
    assert node.left() == []
    assert node.kernel.vfs[1].vlan == 0
    await node.call("ADD", deviceID=address(2))
    node.kernel.spaces[POD].remove(node.kernel.of(2, POD))
    shutil.rmtree(node.root / "sys/bus/pci/devices" / address(2))
    (node.root / "sys/bus/pci/devices" / PF / "virtfn2").unlink()
    await node.call("DEL", deviceID=address(2))
    assert node.left() == []


async def test_functions_that_cannot_be_seen_are_not_taken_for_gone(node: Node) -> None:
    before = node.kernel.state()
    await node.call("ADD", **VF)
    (node.root / "sys").rename(node.root / "hidden")
    with pytest.raises(AttachmentError, match="no PCI function can be seen"):
        await node.call("DEL", **VF)
    with pytest.raises(AttachmentError, match="no PCI function can be seen"):
        await node.call("ADD", pod="other", netns=OTHER, deviceID=address(2))
    assert node.left() == ["pci/0000:01:10.1", "pod-net1"]
    (node.root / "hidden").rename(node.root / "sys")
    await node.call("DEL", **VF)
    assert node.kernel.state() == before


async def test_a_pf_without_interface_keeps_no_vf_in_a_pod(node: Node) -> None:
    await node.call("ADD", **VF)
    physical = node.kernel.spaces[None].pop(0)
    assert physical.name == "pf0"
    await node.call("DEL", **VF)
    assert node.kernel.of(1, None).name == "eth1"
    assert node.left() == []


async def test_a_vf_made_anew_by_its_driver_gets_its_name_and_mac_again(node: Node) -> None:
    before = node.kernel.state()
    await node.call("ADD", **VF)
    node.kernel.spaces[POD].remove(node.kernel.of(1, POD))
    node.kernel.spaces[None].append(device(11, "eth9", address(1)))
    node.kernel.vfs[1] = before["functions"][1]
    await node.call("DEL", **VF)
    assert node.kernel.state() == before


async def test_a_vf_in_no_namespace_is_taken_from_its_driver_and_kept_until_it_is_there(node: Node) -> None:
    before = node.kernel.state()
    await node.call("ADD", **VF)
    lost = node.kernel.of(1, POD)
    node.kernel.spaces[POD].remove(lost)
    with pytest.raises(AttachmentError, match="its interface is neither on the host") as failed:
        await node.call("DEL", **VF)
    assert failed.value.code == Code.TRY_AGAIN_LATER
    driver = node.root / "sys/bus/pci/drivers/igbvf"
    assert [(driver / action).read_text() for action in ("unbind", "bind")] == [address(1), address(1)]
    assert node.left() == ["pci/0000:01:10.1", "pod-net1"]
    node.kernel.spaces[None].append(lost)
    await node.call("DEL", **VF)
    assert node.kernel.state() == before


async def test_a_delete_that_fails_at_any_step_converges(tmp_path: Path) -> None:
    whole = Node(tmp_path / "whole")
    await whole.call("ADD", **VF)
    whole.kernel.changes = []
    await whole.call("DEL", **VF)
    assert len(whole.kernel.changes) == 7
    for step in range(7):
        node = Node(tmp_path / str(step))
        before = node.kernel.state()
        await node.call("ADD", **VF)
        node.kernel.changes, node.kernel.broken = [], step
        with pytest.raises(AttachmentError, match="injected"):
            await node.call("DEL", **VF)
        assert node.left() == ["pci/0000:01:10.1", "pod-net1"]
        node.kernel.mend()
        await node.call("DEL", **VF)
        assert node.kernel.state() == before
        assert node.left() == []


async def test_addresses_are_free_only_after_the_vf_is_home(node: Node) -> None:
    node.addresses.held = {"pod/net1"}
    await node.call("ADD", **VF)
    node.kernel.refused = {"move": errno.EIO}
    with pytest.raises(AttachmentError):
        await node.call("DEL", **SETTINGS)
    assert node.addresses.held == {"pod/net1"}
    node.kernel.refused = {}
    await node.call("DEL", **SETTINGS)
    assert not node.addresses.held


async def test_a_process_that_died_between_move_and_rename_leaves_what_delete_finds(node: Node) -> None:
    before = node.kernel.state()
    await node.call("ADD", **VF)
    node.kernel.rename(POD, node.kernel.of(1, POD).link.index, "eth1")
    await node.call("DEL", **VF)
    assert node.kernel.state() == before


async def test_an_add_again_for_the_same_attachment_begins_anew(node: Node) -> None:
    before = node.kernel.state()
    await node.call("ADD", **VF)
    made = await node.call("ADD", vlan=7)
    assert made.interfaces[0].mac == "0a:00:00:00:00:0b"
    assert (node.kernel.vfs[1].vlan, node.kernel.vfs[1].trust) == (7, False)
    await node.call("ADD", deviceID=address(2))
    assert node.kernel.of(1, None).name == "eth1"
    await node.call("DEL", deviceID=address(2))
    assert node.kernel.state() == before


async def test_a_vf_of_a_living_pod_is_not_given_to_another(node: Node) -> None:
    await node.call("ADD", **VF)
    with pytest.raises(AttachmentError, match=r"already allocated to /run/netns/pod \(interface net1 of pod\)"):
        await node.call("ADD", pod="other", netns=OTHER)
    assert node.kernel.of(1, POD).name == "net1"
    assert node.left() == ["pci/0000:01:10.1", "pod-net1"]


async def test_a_vf_of_a_pod_that_is_gone_is_given_back_before_another_gets_it(node: Node) -> None:
    before = node.kernel.state()
    await node.call("ADD", **VF)
    node.kernel.end(POD)
    await node.call("ADD", pod="other", netns=OTHER, vlan=7)
    assert (node.kernel.vfs[1].vlan, node.kernel.vfs[1].mac) == (7, "00:00:00:00:00:00")
    assert node.kernel.of(1, OTHER).link.mac == "0a:00:00:00:00:0b"
    taken = node.kernel.state()
    await node.call("DEL", **VF)  # late, and about nothing that is the first pod's any more
    assert node.kernel.state() == taken
    await node.call("DEL", pod="other", netns=OTHER, vlan=7)
    node.kernel.spaces[POD] = [device(1, "lo")]
    assert node.kernel.state() == before


async def test_a_vf_of_a_pod_whose_namespace_has_the_same_path_as_the_new_ones_is_free(node: Node) -> None:
    await node.call("ADD", **VF)
    node.kernel.end(POD)
    node.kernel.spaces[POD] = [device(1, "lo")]
    await node.call("ADD", pod="next", vlan=7)
    assert (node.kernel.vfs[1].vlan, node.kernel.of(1, POD).link.mac) == (7, "0a:00:00:00:00:0b")
    with pytest.raises(AttachmentError, match="already allocated"):
        await node.call("ADD", pod="next", ifname="net2")
    assert node.left() == ["next-net1", "pci/0000:01:10.1"]


async def test_a_late_delete_does_not_touch_a_vf_that_is_anothers_by_now(node: Node) -> None:
    await node.call("ADD", **VF)
    saved = (node.root / "var/lib/cni/sriov/pod-net1").read_bytes()
    await node.call("DEL", **VF)
    await node.call("ADD", pod="other", netns=OTHER, vlan=7)
    (node.root / "var/lib/cni/sriov/pod-net1").write_bytes(saved)
    taken = node.kernel.state()
    await node.call("DEL", **VF)
    assert node.kernel.state() == taken
    assert node.left() == ["other-net1", "pci/0000:01:10.1"]


async def test_collecting_gives_back_what_no_living_attachment_of_the_network_has(node: Node) -> None:
    before = node.kernel.state()
    for vf, name in ((0, "rail"), (1, "rail"), (2, "other-rail")):
        await node.call("ADD", pod=f"pod{vf}", ifname=f"net{vf}", deviceID=address(vf), name=name, vlan=100)
    alive = [{"containerID": "pod1", "ifname": "net1"}]
    await node.call("GC", **{"cni.dev/valid-attachments": alive, "ipam": {"type": "static"}})
    assert [vf.vlan for vf in node.kernel.vfs] == [0, 100, 100, 0]
    assert node.left() == ["pci/0000:01:10.1", "pci/0000:01:10.2", "pod1-net1", "pod2-net2"]
    assert node.addresses.calls == ["DEL pod0/net0"]
    await node.call("DEL", pod="pod1", ifname="net1")
    await node.call("DEL", pod="pod2", ifname="net2")
    assert node.kernel.state() == before


async def test_collecting_goes_on_where_one_cannot_be_given_back(node: Node) -> None:
    for vf in (0, 1):
        await node.call("ADD", pod=f"pod{vf}", ifname=f"net{vf}", deviceID=address(vf), vlan=100)
    node.kernel.refused = {"move 10": errno.EIO}
    with pytest.raises(AttachmentError, match=r"VF 0000:01:10\.0 of pod0: move 10"):
        await node.call("GC", **{"cni.dev/valid-attachments": []})
    assert node.left() == ["pci/0000:01:10.0", "pod0-net0"]
    node.kernel.refused = {}
    await node.call("GC", **{"cni.dev/valid-attachments": []})
    assert node.left() == []


async def test_a_setting_that_cannot_be_restored_keeps_nothing_else_from_it(node: Node) -> None:
    before = node.kernel.state()
    await node.call("ADD", **VF)
    node.kernel.refused = {"set_function vlan": errno.EINVAL}
    with pytest.raises(AttachmentError, match="vlan"):
        await node.call("DEL", **VF)
    assert node.kernel.of(1, None) == before["host"][2]
    assert node.kernel.vfs[1] == replace(before["functions"][1], vlan=100)
    node.kernel.refused = {}
    await node.call("DEL", **VF)
    assert node.kernel.state() == before
