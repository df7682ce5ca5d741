"""A VF for a pod, and back: what is done in which order, and what is left."""

from __future__ import annotations

import asyncio
import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest

from plurimus.adapters import files
from plurimus.cni import result
from plurimus.cni.errors import AttachmentError, Code, PlurimusError

from .sriovfakes import POD, UP, VFS, Node, address, bind, device

MAC = "02:00:00:00:00:11"
EVERYTHING = {"vlan": 100, "vlanQoS": 3, "vlanProto": "802.1ad", "mac": MAC, "mtu": 9000, "spoofchk": "off",
              "trust": "on", "link_state": "enable", "min_tx_rate": 10, "max_tx_rate": 20}  # fmt: skip


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


async def test_a_pod_gets_the_interface_of_its_vf_and_the_vf_what_is_configured(node: Node) -> None:
    made = await node.call("ADD", **EVERYTHING)
    (interface,) = made.interfaces
    assert (interface.name, interface.mac, interface.mtu, interface.sandbox) == ("net1", MAC, 9000, POD)
    assert interface.pci_id == address(1)
    given = node.kernel.of(1, POD)
    assert (given.name, given.link.mac, given.link.mtu, given.link.flags) == ("net1", MAC, 9000, UP)
    vf = node.kernel.vfs[1]
    assert (vf.mac, vf.vlan, vf.qos, vf.protocol, vf.spoofchk, vf.trust) == (MAC, 100, 3, 0x88A8, False, True)
    assert (vf.link_state, vf.min_rate, vf.max_rate) == (1, 10, 20)


async def test_the_pf_is_asked_for_each_setting_by_itself_in_the_plugins_order(node: Node) -> None:
    await node.call("ADD", **EVERYTHING)
    asked = [change[1] for change in node.kernel.changes if change[0] == "set_function"]
    assert asked == ["vlan", "mac", "rate", "spoofchk", "trust", "link_state"]
    names = [change[0] for change in node.kernel.changes]
    assert names[len(asked) :] == ["move", "announce_changes", "set_mac", "set_mtu", "set_up"]


async def test_what_is_not_configured_is_not_touched(node: Node) -> None:
    made = await node.call("ADD")
    assert [change[0] for change in node.kernel.changes] == ["move", "announce_changes", "set_up"]
    assert made.interfaces[0].mac == "0a:00:00:00:00:0b"
    assert made.interfaces[0].mtu == 1500


@pytest.mark.parametrize("settings", [{}, EVERYTHING, {"vlan": 0}, {"trust": "on", "spoofchk": "off"}])
async def test_delete_gives_back_exactly_what_was(node: Node, settings: dict[str, object]) -> None:
    before = node.kernel.state()
    await node.call("ADD", **settings)
    assert node.kernel.state() != before
    await node.call("DEL", **settings)
    assert node.kernel.state() == before
    assert node.left() == []
    await node.call("DEL", **settings)


@pytest.mark.parametrize("version", ["0.3.1", "0.4.0", "1.0.0", "1.1.0"])
async def test_the_result_comes_in_the_version_of_the_configuration(node: Node, version: str) -> None:
    made = await node.call("ADD", version=version)
    assert made.cni_version == version
    (interface,) = made.interfaces
    assert bool(interface.mtu) == (version >= "1.0.0")


async def test_an_add_that_fails_at_any_step_leaves_everything_as_it_was(tmp_path: Path) -> None:
    whole = Node(tmp_path / "whole")
    await whole.call("ADD", **EVERYTHING)
    steps = len(whole.kernel.changes)
    assert steps == 11
    for step in range(steps):
        node = Node(tmp_path / str(step))
        before, node.kernel.broken = node.kernel.state(), step
        with pytest.raises(AttachmentError, match="injected") as failed:
            await node.call("ADD", **EVERYTHING, ipam={"type": "static"})
        assert not getattr(failed.value, "__notes__", [])
        assert node.kernel.state() == before
        assert node.left() == []
        assert not node.addresses.held


async def test_a_failure_of_ipam_or_of_its_addresses_gives_vf_and_addresses_back(node: Node) -> None:
    before = node.kernel.state()
    node.addresses.failing = {"ADD"}
    with pytest.raises(AttachmentError, match="no ADD today"):
        await node.call("ADD", **EVERYTHING, ipam={"type": "static"})
    node.addresses.failing = set()
    with pytest.raises(AttachmentError, match="namespace"):  # the addresses cannot be put where no namespace is
        await node.call("ADD", **EVERYTHING, ipam={"type": "static"})
    node.addresses.given = {"ips": []}
    with pytest.raises(AttachmentError, match="gave no address"):
        await node.call("ADD", **EVERYTHING, ipam={"type": "static"})
    assert node.kernel.state() == before
    assert node.left() == []
    assert not node.addresses.held


async def test_an_undoing_that_fails_is_a_note_and_left_to_delete(node: Node) -> None:
    before = node.kernel.state()
    node.kernel.refused = {"set_up": errno.EIO, "rename": errno.EIO, "move": errno.EIO}
    node.kernel.spaces[None][2] = replace(node.kernel.of(1, None), link=replace(node.kernel.of(1, None).link, flags=UP))
    with pytest.raises(AttachmentError) as failed:
        await node.call("ADD", **EVERYTHING)
    assert failed.value.__class__.__name__ == "NetlinkError"
    node.kernel.refused = {}
    await node.call("DEL", **EVERYTHING)
    assert node.kernel.vfs == before["functions"]
    assert node.left() == []


async def test_the_pods_name_may_be_one_of_the_hosts(node: Node) -> None:
    await node.call("ADD", ifname="eth2")
    assert node.kernel.of(1, POD).name == "eth2"
    await node.call("DEL", ifname="eth2")
    assert node.kernel.of(1, None).name == "eth1"


async def test_a_name_the_pod_has_already_is_an_error_and_nothing_moves(node: Node) -> None:
    node.kernel.spaces[POD].append(device(3, "net1"))
    before = node.kernel.state()
    with pytest.raises(AttachmentError, match="an interface there has that name"):
        await node.call("ADD", vlan=7)
    assert node.kernel.state() == before


async def test_another_name_like_the_old_one_is_none_of_the_pods(node: Node) -> None:
    home = node.kernel.of(1, None)
    node.kernel.spaces[None] = [*node.kernel.spaces[None][:1], replace(home, alternatives=("eth1", "rail-of-gpu-1"))]
    await node.call("ADD")
    assert node.kernel.of(1, POD).alternatives == ("rail-of-gpu-1",)


async def test_other_names_are_back_after_delete(node: Node) -> None:
    index = node.kernel.of(1, None).link.index
    node.kernel.add_name(None, index, "rail-of-gpu-1")
    await node.call("ADD")
    node.kernel.remove_name(POD, index, "rail-of-gpu-1")
    node.kernel.add_name(POD, index, "eth1")  # as a rename by others may leave it
    await node.call("DEL")
    assert (node.kernel.of(1, None).name, node.kernel.of(1, None).alternatives) == ("eth1", ("rail-of-gpu-1",))


async def test_a_mac_that_needs_three_tries_is_set_and_one_that_never_comes_is_an_error(node: Node) -> None:
    node.kernel.stubborn = 2
    await node.call("ADD", mac=MAC)
    assert node.kernel.vfs[1].mac == MAC
    await node.call("DEL", mac=MAC)
    node.kernel.stubborn, node.kernel.changes = 20, []
    with pytest.raises(AttachmentError, match=r"mac of VF 0000:01:10.1 by pf0 was set 20 times"):
        await node.call("ADD", mac=MAC)
    assert node.left() == []


async def test_a_setting_the_driver_lacks_is_an_error_when_it_is_asked_for(node: Node) -> None:
    node.kernel.vfs[1] = replace(node.kernel.vfs[1], trust=None, spoofchk=None)
    node.kernel.refused = {"set_function trust": errno.EOPNOTSUPP}
    await node.call("ADD", vlan=7)
    await node.call("DEL", vlan=7)
    with pytest.raises(AttachmentError, match="trust"):
        await node.call("ADD", trust="on")
    assert node.kernel.of(1, None).name == "eth1"
    assert node.left() == []


async def test_vfs_of_one_pf_are_taken_and_given_back_side_by_side(node: Node) -> None:
    before = node.kernel.state()
    calls = [{"pod": f"pod{vf}", "ifname": f"net{vf}", "deviceID": address(vf), "vlan": 100 + vf} for vf in range(VFS)]
    await asyncio.gather(*(node.call("ADD", **call) for call in calls))
    assert [vf.vlan for vf in node.kernel.vfs] == [100, 101, 102, 103]
    await asyncio.gather(*(node.call("DEL", **call) for call in calls))
    assert node.kernel.state() == before
    assert node.left() == []


@pytest.mark.parametrize("driver", ["vfio-pci", "uio_pci_generic", "igb_uio"])
async def test_a_vf_of_a_userspace_driver_is_set_and_its_addresses_are_told_only(tmp_path: Path, driver: str) -> None:
    node = Node(tmp_path, driver=driver)
    node.kernel.spaces[None] = node.kernel.spaces[None][:1]
    before = node.kernel.state()
    made = await node.call("ADD", vlan=100, ipam={"type": "static"})
    (interface,) = made.interfaces
    assert (interface.name, interface.mac, interface.pci_id) == ("net1", "", address(1))
    assert [ip.address for ip in made.ips] == ["10.56.0.2/16"]
    assert node.kernel.vfs[1].vlan == 100
    await node.call("CHECK", vlan=100, ipam={"type": "static"}, previous=result.dump(made, "1.1.0"))
    await node.call("DEL", vlan=100, ipam={"type": "static"})
    assert node.kernel.state() == before
    assert node.left() == []
    node.kernel.vfs[1] = replace(node.kernel.vfs[1], mac=MAC)
    assert (await node.call("ADD")).interfaces[0].mac == MAC


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"deviceID": "0000:09:00.0"}, "no PCI function of that address"),
        ({"deviceID": "0000:01:00.0"}, "no virtual function"),
    ],
)
async def test_what_is_no_vf_is_refused(node: Node, settings: dict[str, str], problem: str) -> None:
    with pytest.raises(AttachmentError, match=problem):
        await node.call("ADD", **settings)
    assert node.left() == []


async def test_a_vf_without_pf_without_number_or_without_driver_is_refused(node: Node) -> None:
    functions = node.kernel.vfs
    node.kernel.vfs = []
    with pytest.raises(AttachmentError, match="none of the virtual functions of pf0"):
        await node.call("ADD")
    node.kernel.vfs = functions
    bind(node.root, 1, "")
    node.kernel.spaces[None].remove(node.kernel.of(1, None))
    with pytest.raises(AttachmentError, match="its driver is none"):
        await node.call("ADD")
    node.kernel.spaces[None] = node.kernel.spaces[None][1:]
    with pytest.raises(AttachmentError, match=r"physical function 0000:01:00\.0 has no interface"):
        await node.call("ADD")


async def test_the_pf_is_the_uplink_and_no_representor(node: Node) -> None:
    uplink = node.kernel.spaces[None][0]
    node.kernel.spaces[None][0] = replace(uplink, port="p0")
    node.kernel.spaces[None].append(device(30, "a-representor", "0000:01:00.0", port="pf0vf1"))
    await node.call("ADD", vlan=7)
    assert node.kernel.vfs[1].vlan == 7


async def test_check_says_what_differs(node: Node) -> None:
    settings = {"vlan": 100, "mac": MAC, "trust": "on"}
    made = result.dump(await node.call("ADD", **settings), "1.1.0")
    await node.call("CHECK", **settings, previous=made)
    index = node.kernel.of(1, POD).link.index
    node.kernel.set_up(POD, index, up=False)
    with pytest.raises(AttachmentError, match="is down"):
        await node.call("CHECK", **settings, previous=made)
    node.kernel.set_up(POD, index, up=True)
    node.kernel.set_mac(POD, index, "02:00:00:00:00:99")
    with pytest.raises(AttachmentError, match="has MAC 02:00:00:00:00:99"):
        await node.call("CHECK", **settings, previous=made)
    node.kernel.set_mac(POD, index, MAC)
    node.kernel.vfs[1] = replace(node.kernel.vfs[1], vlan=7)
    with pytest.raises(AttachmentError, match="pf0 has vlan 7 0 33024, the configuration says 100 0 33024"):
        await node.call("CHECK", **settings, previous=made)
    node.kernel.vfs[1] = replace(node.kernel.vfs[1], vlan=100)
    node.kernel.move(POD, index, None, "eth1")
    with pytest.raises(AttachmentError, match="eth1 in the host, expected net1"):
        await node.call("CHECK", **settings, previous=made)
    with pytest.raises(AttachmentError, match="no VF is recorded"):
        await node.call("CHECK", pod="stranger", **settings, previous=made)


async def test_a_second_request_for_a_vf_waits_for_the_first_and_not_for_ever(tmp_path: Path) -> None:
    node = Node(tmp_path, timeout=0.05)
    locks = tmp_path / "var/lib/cni/sriov/pci/vf_lock"
    files.make_folder(locks)
    handle = files.lock(locks / f"{address(1)}.lock")
    assert handle is not None
    with pytest.raises(PlurimusError, match="held by another request") as late:
        await node.call("ADD")
    assert late.value.code == Code.TRY_AGAIN_LATER
    os.close(handle)
    await node.call("ADD")
    assert node.kernel.of(1, POD).name == "net1"
