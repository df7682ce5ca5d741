"""Files about VFs: those of the plugin are read, and the plugin reads ours."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurimus.drivers.call import Call
from plurimus.drivers.sriov import conf as sriovconf
from plurimus.drivers.sriov.saved import Saved, decode, encode
from plurimus.drivers.sriov.state import FOLDER
from plurimus.wire.rtvfs import VirtualFunction

from .sriovfakes import POD, Node, address

POD_ID = "3f" * 32
PLUGINS = {
    "cniVersion": "0.3.1", "name": "rail", "type": "sriov", "ipam": {"type": "static"}, "dns": {},
    "RawPrevResult": None,
    "OrigVfState": {"HostIFName": "eth1", "SpoofChk": True, "Trust": False, "AdminMAC": "00:00:00:00:00:00",
                    "EffectiveMAC": "0a:00:00:00:00:0b", "Vlan": 0, "VlanQoS": 0, "VlanProto": 33024, "MinTxRate": 0,
                    "MaxTxRate": 0, "LinkState": 0, "MTU": 1500},
    "Master": "pf0", "MAC": "", "MTU": 1500, "vlan": 100, "vlanQoS": 0, "vlanProto": "802.1q",
    "deviceID": "0000:01:10.1", "VFID": 1, "min_tx_rate": None, "max_tx_rate": None, "trust": "on",
    "runtimeConfig": {}, "logLevel": "info",
}  # fmt: skip
"""What the plugin writes for a pod with `vlan` and `trust`."""


def of_the_plugin(node: Node, **more: Any) -> None:
    """The node as the plugin leaves it after an ADD."""
    folder = node.root / FOLDER
    (folder / "pci").mkdir(parents=True)
    (folder / f"{POD_ID}-net1").write_text(json.dumps({**PLUGINS, **more}))
    (folder / "pci" / address(1)).write_text(POD)


async def test_a_pod_of_the_plugin_is_deleted_by_the_driver(tmp_path: Path) -> None:
    made, node = Node(tmp_path / "made"), Node(tmp_path / "node")
    before = node.kernel.state()
    await made.call("ADD", vlan=100, trust="on")
    node.kernel.spaces, node.kernel.vfs = made.kernel.spaces, made.kernel.vfs
    of_the_plugin(node)
    await node.call("DEL", pod=POD_ID, vlan=100, trust="on")
    assert node.kernel.state() == before
    assert node.left() == []


OLD = {
    "cniVersion": "0.3.1", "name": "rail", "type": "sriov", "ipam": {}, "dns": {}, "DPDKMode": False, "Master": "pf0",
    "vlan": 100, "deviceID": "0000:01:10.1", "VFID": 1, "HostIFNames": "eth1", "ContIFNames": "net1",
}  # fmt: skip
"""What release 2.1 of the plugin writes, without a file of the allocation."""


@pytest.mark.parametrize(
    ("asked", "more"),
    [
        ({"vlan": 100}, {}),
        (
            {"trust": "on", "spoofchk": "off", "mac": "02:00:00:00:00:11"},
            {"vlan": 0, "adminMAC": "00:00:00:00:00:00", "effectiveMAC": "0a:00:00:00:00:0b", "trust": "on",
             "spoofchk": "off"},
        ),
    ],
)  # fmt: skip
async def test_a_pod_of_an_old_release_of_the_plugin_is_deleted_by_the_driver(
    tmp_path: Path, asked: dict[str, Any], more: dict[str, Any]
) -> None:
    node = Node(tmp_path)
    before = node.kernel.state()
    await node.call("ADD", pod=POD_ID, **asked)
    shutil.rmtree(node.root / FOLDER)
    (node.root / FOLDER).mkdir(parents=True)
    (node.root / FOLDER / f"{POD_ID}-net1").write_text(json.dumps({**OLD, **more}))
    await node.call("DEL", pod=POD_ID)
    assert node.kernel.state() == before
    assert node.left() == []


async def test_a_pod_of_the_plugin_with_a_userspace_driver_is_deleted_at_once(tmp_path: Path) -> None:
    node = Node(tmp_path, driver="vfio-pci")
    node.kernel.spaces[None] = node.kernel.spaces[None][:1]
    of_the_plugin(node, OrigVfState={**PLUGINS["OrigVfState"], "HostIFName": "", "EffectiveMAC": "", "MTU": 0})
    await node.call("DEL", pod=POD_ID, vlan=100)
    assert node.left() == []
    assert node.kernel.changes == []


@pytest.mark.parametrize("netns", [POD, ""])
async def test_a_vf_the_plugin_gave_to_another_pod_is_not_touched(tmp_path: Path, netns: str) -> None:
    node = Node(tmp_path)
    of_the_plugin(node)
    (node.root / FOLDER / ("4e" * 32 + "-net1")).write_text(json.dumps(PLUGINS))
    (node.root / FOLDER / "pci" / address(1)).write_text("/run/netns/other")
    before = node.kernel.state()
    await node.call("DEL", pod=POD_ID, netns=netns)
    assert node.kernel.state() == before
    assert node.left() == ["4e" * 32 + "-net1", "pci/0000:01:10.1"]


async def test_the_driver_writes_what_the_plugin_does_and_one_key_more(tmp_path: Path) -> None:
    node = Node(tmp_path)
    await node.call("ADD", vlan=100, trust="on", ipam={}, version="0.3.1")
    written = json.loads((node.root / FOLDER / "pod-net1").read_bytes())
    identity = node.kernel.identity(POD)
    assert identity is not None
    assert written.pop("plurimus") == {"containerID": "pod", "ifname": "net1", "netns": POD, "alternatives": [],
                                       "identity": list(identity)}  # fmt: skip
    plugins = {key: value for key, value in PLUGINS.items() if key not in ("dns", "RawPrevResult", "logLevel")}
    of_old = {"DPDKMode": False, "ContIFNames": "net1", "HostIFNames": "eth1", "adminMAC": "00:00:00:00:00:00",
              "effectiveMAC": "0a:00:00:00:00:0b"}  # fmt: skip
    assert written == plugins | {"ipam": {"type": ""}} | of_old
    assert (node.root / FOLDER / "pci" / address(1)).read_text() == POD


@pytest.mark.parametrize("at", ["pod-net1", "pci/0000:01:10.1"])
async def test_what_a_daemon_was_killed_at_writing_goes_with_the_attachment(tmp_path: Path, at: str) -> None:
    """Its name comes last: whatever of the two files has none yet is beside it."""
    node = Node(tmp_path)
    await node.call("ADD")
    folder = node.root / FOLDER
    for name in ("pci/0000:01:10.1", *(["pod-net1"] if at == "pod-net1" else [])):
        (folder / name).unlink()
    (folder / at).with_name(f".{Path(at).name}.tmp").write_text("half of")
    await node.call("DEL")
    assert list(folder.rglob(".*.tmp")) == []
    assert node.left() == []


async def test_files_and_folders_are_for_root_only(tmp_path: Path) -> None:
    node = Node(tmp_path)
    await node.call("ADD")
    folder = node.root / FOLDER
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / "pod-net1", folder / "pci" / address(1))]
    assert modes == [0o700, 0o600, 0o600]


async def test_the_folder_is_found_by_the_hosts_own_links(tmp_path: Path) -> None:
    node = Node(tmp_path)
    (node.root / "data").mkdir()
    (node.root / "var/lib").mkdir(parents=True)
    (node.root / "var/lib/cni").symlink_to("/data/cni")
    before = node.kernel.state()
    await node.call("ADD")
    folder = node.root / "data/cni/sriov"
    assert (folder / "pci" / address(1)).read_text() == POD
    assert (folder / "pod-net1").exists()
    await node.call("DEL")
    assert node.kernel.state() == before
    assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == [f"{address(1)}.lock"]


TEXT = st.text(st.characters(codec="ascii", min_codepoint=48, max_codepoint=122), min_size=1, max_size=12)


@given(
    st.builds(
        VirtualFunction, st.integers(0, 255), mac=st.just("02:00:00:00:00:01"), vlan=st.integers(0, 4094),
        qos=st.integers(0, 7), protocol=st.sampled_from([0x8100, 0x88A8]), spoofchk=st.booleans(), trust=st.booleans(),
        link_state=st.integers(0, 2), min_rate=st.integers(0, 9), max_rate=st.integers(0, 9),
    ),
    st.fixed_dictionaries({}, optional={"vlan": st.integers(0, 4094), "max_tx_rate": st.integers(0, 9),
                                        "trust": st.sampled_from(["on", "off"]), "spoofchk": st.just("off"),
                                        "link_state": st.sampled_from(["auto", "disable"])}),
    TEXT, TEXT, st.lists(TEXT), st.none() | st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1)),
)  # fmt: skip
def test_what_was_saved_is_read_again(
    original: VirtualFunction,
    conf: dict[str, Any],
    home: str,
    netns: str,
    names: list[str],
    identity: tuple[int, int] | None,
) -> None:
    call = Call("ADD", conf={"name": "rail", "deviceID": "0000:01:10.1", **conf})
    settings = sriovconf.read(call)
    saved = Saved("pod-1", "net-1", "0000:01:10.1", "pf0", original, frozenset({*settings.aspects, "mac"}), netns,
                  "rail", home, "02:00:00:00:00:02", 1500, tuple(names), identity)  # fmt: skip
    assert decode(encode(saved, settings, dict(call.conf)), "pod-1-net-1") == saved


@given(st.binary(max_size=60) | st.recursive(st.none() | st.integers(), st.lists).map(lambda x: json.dumps(x).encode()))
def test_what_is_no_such_file_is_a_value_error(content: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever says so
        decode(content, "pod-net1")
