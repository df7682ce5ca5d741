"""The driver `rdma`: devices go to pods and come home.  RDMA spec section 2; conformance 23 to 31."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from plurimus.cni.errors import AttachmentError, Code, ConfigError, PlurimusError
from plurimus.drivers import call
from plurimus.drivers.call import Call
from plurimus.drivers.rdma.driver import Rdma
from plurimus.drivers.rdma.state import FOLDER, SavedDevices
from plurimus.wire import rdma as wire

from .rdmanode import HOST, Node, refused

VF, POD = "0000:3b:02.3", "/run/netns/pod"
RESULT = {
    "cniVersion": "1.0.0",
    "interfaces": [{"name": "net1", "mac": "02:00:00:00:00:01", "sandbox": POD}],
    "ips": [{"address": "10.56.0.10/24", "interface": 0}],
}


def request(verb: str, *, netns: str = POD, network: str = "rail0", container: str = "pod", **conf: Any) -> Call:
    document = {"cniVersion": "1.0.0", "name": network, "type": "rdma", "deviceID": VF, "prevResult": RESULT, **conf}
    env = {"CNI_COMMAND": verb, "CNI_CONTAINERID": container, "CNI_NETNS": netns, "CNI_IFNAME": "net1"}
    stdin = json.dumps({key: value for key, value in document.items() if value is not None}).encode()
    return call.read(env, stdin, ())


def node(**more: Any) -> Node:
    return Node(places={VF: {"mlx5_9": HOST}}, **more)


def driver(node: Node, root: Path) -> Rdma:
    return Rdma(node, SavedDevices(root))


def state(root: Path, name: str = "rail0-pod-net1") -> Path:
    return root / FOLDER.lstrip("/") / name


async def test_a_device_goes_to_the_pod_and_comes_home(tmp_path: Path) -> None:
    there = node()
    rdma = driver(there, tmp_path)
    made = await rdma.add(request("ADD"))
    assert made == request("ADD").previous
    assert there.places == {VF: {"mlx5_9": POD}}
    await rdma.check(request("CHECK"))
    await rdma.delete(request("DEL"))
    assert there.places == {VF: {"mlx5_9": HOST}}
    assert not state(tmp_path).exists()
    await rdma.delete(request("DEL"))
    assert there.moves == [("mlx5_9", POD), ("mlx5_9", HOST)]


async def test_what_a_daemon_was_killed_at_writing_goes_with_the_attachment(tmp_path: Path) -> None:
    half = state(tmp_path, ".rail0-pod-net1.tmp")
    half.parent.mkdir(parents=True)
    half.write_text("half of")
    there = node()
    await driver(there, tmp_path).delete(request("DEL"))
    assert (list(half.parent.iterdir()), there.moves) == ([], [])


async def test_the_saved_state_is_what_the_plugin_writes_and_one_key_more(tmp_path: Path) -> None:
    await driver(node(), tmp_path).add(request("ADD"))
    assert json.loads(state(tmp_path).read_bytes()) == {
        "version": "1.0",
        "deviceID": VF,
        "sandboxRdmaDevName": "mlx5_9",
        "containerRdmaDevName": "mlx5_9",
        "netns": POD,
    }
    assert state(tmp_path).stat().st_mode & 0o777 == 0o600
    assert state(tmp_path).parent.stat().st_mode & 0o777 == 0o700


async def test_what_the_plugin_gave_is_taken_home(tmp_path: Path) -> None:
    there = Node(places={VF: {"mlx5_9": POD}})
    state(tmp_path).parent.mkdir(parents=True)
    state(tmp_path).write_text(
        f'{{"version":"1.0","deviceID":"{VF}","sandboxRdmaDevName":"mlx5_9","containerRdmaDevName":"mlx5_9"}}'
    )
    await driver(there, tmp_path).delete(request("DEL"))
    assert there.places == {VF: {"mlx5_9": HOST}}
    assert not state(tmp_path).exists()


async def test_without_a_result_before_it_the_driver_says_that_it_is_chained(tmp_path: Path) -> None:
    with pytest.raises(AttachmentError, match="part of a plugin chain"):
        await driver(node(), tmp_path).add(request("ADD", prevResult=None))


async def test_shared_mode_is_an_error_that_says_how_to_leave_it(tmp_path: Path) -> None:
    there = node(subsystem=wire.SHARED)
    rdma = driver(there, tmp_path)
    with pytest.raises(AttachmentError, match=r"shared mode.*netns_mode=0.*sharedMode") as refused:
        await rdma.add(request("ADD"))
    assert refused.value.code == Code.INTERNAL
    assert not state(tmp_path).exists()
    with pytest.raises(AttachmentError) as status:
        await rdma.status(request("STATUS"))
    assert status.value.code == Code.PLUGIN_NOT_AVAILABLE


async def test_shared_mode_may_be_wanted_and_then_the_device_only_has_to_be_there(tmp_path: Path) -> None:
    there = node(subsystem=wire.SHARED)
    rdma = driver(there, tmp_path)
    await rdma.status(request("STATUS", sharedMode="skip"))
    assert await rdma.add(request("ADD", sharedMode="skip")) == request("ADD").previous
    await rdma.check(request("CHECK", sharedMode="skip"))
    await rdma.delete(request("DEL", sharedMode="skip"))
    assert there.moves == []
    with pytest.raises(AttachmentError, match=r"no PCI or auxiliary function 0000:3b:02\.4"):
        await rdma.add(request("ADD", sharedMode="skip", deviceID="0000:3b:02.4"))
    with pytest.raises(ConfigError, match="'sharedMode' is 'maybe', expected 'error' or 'skip'"):
        await rdma.add(request("ADD", sharedMode="maybe"))


async def test_a_node_without_rdma_is_told_so(tmp_path: Path) -> None:
    rdma = driver(node(subsystem=""), tmp_path)
    with pytest.raises(AttachmentError, match="no RDMA subsystem"):
        await rdma.add(request("ADD"))
    await rdma.delete(request("DEL"))


@pytest.mark.parametrize(
    ("places", "text"),
    [
        ({}, "no RDMA devices found for deviceID 0000:3b:02.3"),
        ({"mlx5_9": HOST, "mlx5_bond_0": HOST}, r"several RDMA devices \(mlx5_9, mlx5_bond_0\), expected one"),
        ({"mlx5_9": "/run/netns/other"}, "another pod has it still"),
    ],
)
async def test_anything_but_one_device_is_an_error(tmp_path: Path, places: dict[str, str], text: str) -> None:
    with pytest.raises(AttachmentError, match=text):
        await driver(Node(places={VF: places}), tmp_path).add(request("ADD"))
    assert not state(tmp_path).exists()


async def test_without_a_device_id_it_is_the_function_of_the_interface(tmp_path: Path) -> None:
    there = node(interfaces={"net1": VF})
    await driver(there, tmp_path).add(request("ADD", deviceID=None))
    assert there.places == {VF: {"mlx5_9": POD}}
    with pytest.raises(AttachmentError, match="interface net1 has no PCI or auxiliary function"):
        await driver(node(), tmp_path).add(request("ADD", deviceID=None))


async def test_a_refused_move_leaves_nothing_behind(tmp_path: Path) -> None:
    there = node(refusal=refused())
    rdma = driver(there, tmp_path)
    with pytest.raises(AttachmentError, match=r"deviceID 0000:3b:02\.3: moving RDMA device mlx5_9: its driver cannot"):
        await rdma.add(request("ADD"))
    assert there.places == {VF: {"mlx5_9": HOST}}
    assert not state(tmp_path).exists()
    await rdma.delete(request("DEL"))


async def test_a_device_that_cannot_be_saved_is_not_moved(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("no folder")
    there = node()
    with pytest.raises(AttachmentError, match="cannot create"):
        await driver(there, tmp_path).add(request("ADD"))
    assert there.moves == []


async def test_an_add_that_is_tried_again_finds_its_device_in_the_pod(tmp_path: Path) -> None:
    there = node()
    rdma = driver(there, tmp_path)
    await rdma.add(request("ADD"))
    await rdma.add(request("ADD"))
    assert there.moves == [("mlx5_9", POD)]


async def test_del_succeeds_once_the_namespace_has_ended(tmp_path: Path) -> None:
    there = node()
    rdma = driver(there, tmp_path)
    await rdma.add(request("ADD"))
    there.end(POD)
    await rdma.delete(request("DEL"))
    assert not state(tmp_path).exists()


async def test_del_without_a_namespace_goes_by_the_one_that_was_saved(tmp_path: Path) -> None:
    there = node()
    rdma = driver(there, tmp_path)
    await rdma.add(request("ADD"))
    await rdma.delete(request("DEL", netns=""))
    assert there.places == {VF: {"mlx5_9": HOST}}


async def test_nobody_knowing_the_namespace_the_state_stays_until_the_device_is_home(tmp_path: Path) -> None:
    there = Node(places={VF: {"mlx5_9": POD}})
    state(tmp_path).parent.mkdir(parents=True)
    state(tmp_path).write_text(f'{{"version":"1.0","deviceID":"{VF}","containerRdmaDevName":"mlx5_9"}}')
    rdma = driver(there, tmp_path)
    await rdma.delete(request("DEL", netns=""))
    assert state(tmp_path).exists()
    there.end(POD)
    await rdma.delete(request("DEL", netns=""))
    assert not state(tmp_path).exists()


async def test_del_succeeds_where_the_device_is_home_already_or_was_destroyed(tmp_path: Path) -> None:
    for places in ({VF: {"mlx5_9": HOST}}, {}):
        there = node()
        rdma = driver(there, tmp_path)
        await rdma.add(request("ADD"))
        there.places = dict(places)
        await rdma.delete(request("DEL"))
        assert not state(tmp_path).exists()


async def test_a_device_comes_home_renamed_and_where_its_name_is_taken(tmp_path: Path) -> None:
    there = node()
    rdma = driver(there, tmp_path)
    await rdma.add(request("ADD"))
    there.places = {VF: {"mine": POD}, "0000:3b:02.4": {"mine": HOST}}
    await rdma.delete(request("DEL"))
    assert there.places == {VF: {"ibdev0": HOST}, "0000:3b:02.4": {"mine": HOST}}


async def test_a_del_that_fails_keeps_what_was_saved(tmp_path: Path) -> None:
    there = node()
    rdma = driver(there, tmp_path)
    await rdma.add(request("ADD"))
    there.refusal = refused()
    with pytest.raises(AttachmentError):
        await rdma.delete(request("DEL"))
    assert state(tmp_path).exists()
    there.refusal = None
    await rdma.delete(request("DEL"))
    assert there.places == {VF: {"mlx5_9": HOST}}


async def test_check_misses_the_device_and_its_link(tmp_path: Path) -> None:
    there = node()
    rdma = driver(there, tmp_path)
    with pytest.raises(AttachmentError, match="nothing is saved of an RDMA device of net1"):
        await rdma.check(request("CHECK"))
    await rdma.add(request("ADD"))
    there.state = "DOWN"
    with pytest.raises(AttachmentError, match="mlx5_9 has no port that is ACTIVE: 1 is DOWN"):
        await rdma.check(request("CHECK"))
    there.places = {VF: {"mlx5_9": HOST}}
    with pytest.raises(AttachmentError, match="no RDMA devices found"):
        await rdma.check(request("CHECK"))


async def test_collecting_takes_home_what_no_living_attachment_has(tmp_path: Path) -> None:
    other = "0000:3b:02.4"
    there = Node(places={VF: {"mlx5_9": HOST}, other: {"mlx5_10": HOST}, "0000:3b:02.5": {"mlx5_11": HOST}})
    rdma = driver(there, tmp_path)
    await rdma.add(request("ADD", container="dead"))
    await rdma.add(request("ADD", container="alive", deviceID=other, netns="/run/netns/alive"))
    await rdma.add(request("ADD", network="rail0-b", container="dead", deviceID="0000:3b:02.5"))
    await rdma.collect(request("GC"))
    assert there.places[VF] == {"mlx5_9": POD}
    valid: dict[str, Any] = {"cni.dev/valid-attachments": [{"containerID": "alive", "ifname": "net1"}]}
    await rdma.collect(request("GC", **valid))
    assert there.places[VF] == {"mlx5_9": HOST}
    assert there.places[other] == {"mlx5_10": "/run/netns/alive"}
    assert there.places["0000:3b:02.5"] == {"mlx5_11": POD}  # of another network
    assert sorted(path.name for path in state(tmp_path).parent.iterdir()) == ["rail0-alive-net1", "rail0-b-dead-net1"]


async def test_under_a_name_that_no_file_can_have_nothing_is_given_and_nothing_owed(tmp_path: Path) -> None:
    own, long = node(), {"network": "n" * 150, "container": "c" * 128}
    with pytest.raises(AttachmentError, match="File name too long"):
        await driver(own, tmp_path).add(request("ADD", **long))
    assert own.moves == []
    await driver(own, tmp_path).delete(request("DEL", **long))


async def test_a_saved_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    state(tmp_path).parent.mkdir(parents=True)
    state(tmp_path).write_text("{")
    with pytest.raises(PlurimusError, match="rail0-pod-net1 cannot be understood"):
        await driver(node(), tmp_path).delete(request("DEL"))
