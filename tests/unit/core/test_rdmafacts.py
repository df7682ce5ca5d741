"""Which device and which GID an interface has, and what NCCL is told of it."""

from __future__ import annotations

import ipaddress
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurimus.cni import conf
from plurimus.core import rdmafacts
from plurimus.core.plan import Attachment, PodReference
from plurimus.model.deviceinfo import DeviceInfo
from plurimus.model.rdma import Function, Gid, Port, RdmaDevice, RdmaInterface, Seen

ADDRESS, MAPPED = "10.56.0.10/24", "0000:0000:0000:0000:0000:ffff:0a38:000a"
LINK_LOCAL = "fe80:0000:0000:0000:e8fd:77ff:fea7:ab35"
SIX = "fd00:0000:0000:0000:0000:0000:0000:0001"
TABLE = (
    Gid(0, LINK_LOCAL, "IB/RoCE v1", "net1"),
    Gid(1, LINK_LOCAL, "RoCE v2", "net1"),
    Gid(2, MAPPED, "IB/RoCE v1", "net1"),
    Gid(3, MAPPED, "RoCE v2", "net1"),
    Gid(5, SIX, "RoCE v2", "net1"),
)
POD = PodReference("train", "worker-0", "uid-1")


def ethernet(*gids: Gid, device: str = "mlx5_2", number: int = 1) -> Port:
    return Port(device, number, "ACTIVE", "Ethernet", gids)


def told(name: str, device: str = "", index: int | None = None, layer: str = "Ethernet") -> RdmaInterface:
    rdma = RdmaDevice(device, 1, layer, gid_index=index) if device else None
    return RdmaInterface(name, "train/rail", rdma=rdma)


def test_the_gid_is_the_roce_v2_entry_for_the_address() -> None:
    found = rdmafacts.device(Seen(ports=(ethernet(*TABLE),)), "net1", [ADDRESS])
    assert found == RdmaDevice("mlx5_2", 1, "Ethernet", "net1", MAPPED, 3, "RoCE v2")


@pytest.mark.parametrize(("addresses", "index"), [(["fd00::1/64"], 5), (["fd00::1/64", ADDRESS], 3), ([], None)])
def test_ipv4_counts_before_ipv6_and_no_address_has_no_entry(addresses: list[str], index: int | None) -> None:
    found = rdmafacts.device(Seen(ports=(ethernet(*TABLE),)), "net1", addresses)
    assert found is not None
    assert found.gid_index == index
    assert (found.gid == "") == (index is None)


@pytest.mark.parametrize(
    "entry",
    [Gid(2, MAPPED, "IB/RoCE v1", "net1"), Gid(3, MAPPED, "RoCE v2", "net2"), Gid(3, LINK_LOCAL, "RoCE v2", "net1")],
)
def test_an_entry_of_another_version_interface_or_address_is_not_told(entry: Gid) -> None:
    seen = Seen(ports=(ethernet(entry),))
    assert rdmafacts.device(seen, "net1", [ADDRESS]) == RdmaDevice("mlx5_2", 1, "Ethernet")
    assert rdmafacts.is_awaited(seen, "net1", [ADDRESS])


def test_of_several_ports_it_is_the_one_with_the_entry_and_else_none() -> None:
    with_entry = ethernet(*TABLE, number=2)
    found = rdmafacts.device(Seen(ports=(ethernet(), with_entry)), "net1", [ADDRESS])
    assert found is not None
    assert (found.port, found.gid_index) == (2, 3)
    assert rdmafacts.device(Seen(ports=(ethernet(), ethernet(number=2))), "net1", [ADDRESS]) is None
    both = (with_entry, ethernet(*TABLE, device="mlx5_3"))
    assert rdmafacts.device(Seen(ports=both), "net1", [ADDRESS]) is None


def test_an_infiniband_port_has_its_first_entry_and_waits_for_none() -> None:
    gid = Gid(0, "fe80:0000:0000:0000:0002:c903:0000:0001", "IB/RoCE v1")
    seen = Seen(ports=(Port("mlx5_0", 1, "ACTIVE", "InfiniBand", (gid,)),))
    found = rdmafacts.device(seen, "net1", [ADDRESS])
    assert found == RdmaDevice("mlx5_0", 1, "InfiniBand", "", gid.gid, 0, "IB/RoCE v1")
    assert not rdmafacts.is_awaited(seen, "net1", [ADDRESS])


def test_nothing_is_awaited_where_there_is_the_entry_or_no_port_or_no_address() -> None:
    assert not rdmafacts.is_awaited(Seen(ports=(ethernet(*TABLE),)), "net1", [ADDRESS])
    assert not rdmafacts.is_awaited(Seen(), "net1", [ADDRESS])
    assert not rdmafacts.is_awaited(Seen(ports=(ethernet(),)), "net1", [])
    assert rdmafacts.is_awaited(Seen(ports=(ethernet(), ethernet(number=2))), "net1", [ADDRESS])


@given(st.ip_addresses(), st.integers(0, 255))
def test_every_address_has_its_entry_in_the_form_of_the_table(ip: ipaddress.IPv4Address, index: int) -> None:
    text = ipaddress.IPv6Address(f"::ffff:{ip}" if ip.version == 4 else str(ip)).exploded
    found = rdmafacts.device(Seen(ports=(ethernet(Gid(index, text, "RoCE v2", "net1")),)), "net1", [f"{ip}/32"])
    assert found is not None
    assert (found.gid, found.gid_index) == (text, index)


def test_an_interface_is_told_with_the_place_of_its_device() -> None:
    network = conf.parse({"cniVersion": "1.0.0", "name": "rail0", "type": "sriov"})
    attachment = Attachment("net1", network, "train/rail0", device_id="0000:3b:02.3", resource_name="nvidia.com/rail0")
    seen = Seen(Function("0000:3b:02.3", "0000:3b:02.3", "0000:3b:00.0", 1), (ethernet(*TABLE),))
    one = rdmafacts.interface(attachment, seen, [ADDRESS])
    document = json.loads(rdmafacts.document(POD, "cid", [one]))
    assert document == {
        "pod": {"namespace": "train", "name": "worker-0", "uid": "uid-1"},
        "containerID": "cid",
        "interfaces": [
            {
                "interface": "net1",
                "network": "train/rail0",
                "resource": "nvidia.com/rail0",
                "deviceID": "0000:3b:02.3",
                "pci": "0000:3b:02.3",
                "pfPci": "0000:3b:00.0",
                "numaNode": 1,
                "addresses": [ADDRESS],
                "rdma": {
                    "device": "mlx5_2",
                    "port": 1,
                    "linkLayer": "Ethernet",
                    "netdev": "net1",
                    "gid": MAPPED,
                    "gidIndex": 3,
                    "gidType": "RoCE v2",
                },
            }
        ],
    }


def test_device_information_gets_the_block_and_what_the_device_plugin_left_out() -> None:
    one = RdmaInterface(
        "net1", "n", pci="0000:3b:02.3", pf_pci="0000:3b:00.0", rdma=RdmaDevice("mlx5_2", 1, gid_index=0)
    )
    seen = Seen(ports=(ethernet(), ethernet(device="mlx5_1")))
    given_info = DeviceInfo(
        {"type": "pci", "version": "1.0.0", "pci": {"pci-address": "0000:3b:02.3", "vhost-net": "/x"}}
    )
    for info, more in ((given_info, {"vhost-net": "/x"}), (None, {})):
        amended = rdmafacts.amended(info, one, seen)
        assert amended is not None
        pci = {"pci-address": "0000:3b:02.3", "rdma-device": "mlx5_1,mlx5_2", "pf-pci-address": "0000:3b:00.0"}
        assert amended.block("pci") == pci | more
        assert amended.block("rdma") == {"device": "mlx5_2", "port": 1, "gidIndex": 0}


def test_device_information_stays_as_it_is_without_an_rdma_device_or_of_another_type() -> None:
    one = RdmaInterface("net1", "n", pci="0000:3b:02.3", rdma=RdmaDevice("mlx5_2", 1))
    memif = DeviceInfo({"type": "memif", "memif": {"path": "/x"}})
    assert rdmafacts.amended(memif, one, Seen()) is memif
    assert rdmafacts.amended(None, RdmaInterface("net1", "n"), Seen(ports=(ethernet(),))) is None
    amended = rdmafacts.amended(memif, one, Seen(ports=(ethernet(),)))
    assert amended is not None
    assert "pci" not in amended.document
    assert amended.block("rdma") == {"device": "mlx5_2", "port": 1}


@pytest.mark.parametrize(
    ("interfaces", "lines"),
    [
        (
            [told("net1", "mlx5_2", 3), told("net2", "mlx5_5", 3)],
            ["NCCL_IB_HCA==mlx5_2:1,mlx5_5:1", "NCCL_IB_GID_INDEX=3"],
        ),
        ([told("net1", "mlx5_2", 0)], ["NCCL_IB_HCA==mlx5_2:1", "NCCL_IB_GID_INDEX=0"]),
        ([told("net1", "mlx5_2", 3), told("net2", "mlx5_5", 1)], ["NCCL_IB_HCA==mlx5_2:1,mlx5_5:1"]),
        ([told("net1", "mlx5_2", 3), told("net2", "mlx5_5")], ["NCCL_IB_HCA==mlx5_2:1,mlx5_5:1"]),
        ([told("net1", "mlx5_0", 0, "InfiniBand")], ["NCCL_IB_HCA==mlx5_0:1"]),
        ([told("net1"), told("net2", "mlx5_5", 3)], ["NCCL_IB_HCA==mlx5_5:1", "NCCL_IB_GID_INDEX=3"]),
        ([told("net1")], []),
    ],
)
def test_nccl_is_told_only_what_is_certain(interfaces: list[RdmaInterface], lines: list[str]) -> None:
    text = rdmafacts.nccl_conf(POD, interfaces).decode()
    assert [line for line in text.splitlines() if not line.startswith("#")] == lines
    assert text.endswith("\n")


def test_what_nccl_is_not_told_is_said_in_a_remark() -> None:
    several = rdmafacts.nccl_conf(POD, [told("net1", "a", 3), told("net2", "b"), told("net3")]).decode()
    assert "# without an RDMA device: net3" in several
    assert "net1 3, net2 none" in several
