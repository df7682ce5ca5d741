"""RDMA devices as sysfs shows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from plurimus.adapters import infiniband
from plurimus.model.rdma import Function, Gid, Port

from . import rdmatree

LINK_LOCAL = "fe80:0000:0000:0000:e8fd:77ff:fea7:ab35"
MAPPED = "0000:0000:0000:0000:0000:ffff:0a38:000a"


def test_a_function_of_either_bus_has_its_devices(tmp_path: Path) -> None:
    rdmatree.function(tmp_path, "pci", "0000:3b:02.3", devices=("mlx5_9",))
    rdmatree.function(tmp_path, "auxiliary", "mlx5_core.sf.4", devices=("mlx5_12", "mlx5_11"))
    rdmatree.function(tmp_path, "pci", "0000:3b:02.4")
    assert infiniband.of_function(tmp_path, "0000:3B:02.3") == ["mlx5_9"]
    assert infiniband.of_function(tmp_path, "mlx5_core.sf.4") == ["mlx5_11", "mlx5_12"]
    assert infiniband.of_function(tmp_path, "0000:3b:02.4") == []
    assert infiniband.of_function(tmp_path, "0000:3b:02.5") == []
    assert infiniband.functions(tmp_path, "0000:3b:02.4") != []
    assert infiniband.functions(tmp_path, "0000:3b:02.5") == []


@pytest.mark.parametrize("name", ["", ".", "..", "../devices/0000:3b:02.3"])
def test_a_device_id_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    rdmatree.function(tmp_path, "pci", "0000:3b:02.3", devices=("mlx5_9",))
    assert infiniband.functions(tmp_path, name) == []


def test_an_interface_leads_to_its_function(tmp_path: Path) -> None:
    rdmatree.function(tmp_path, "pci", "0000:3b:02.3", interfaces=("net1",))
    assert infiniband.function_of_interface(tmp_path, "net1") == "0000:3b:02.3"
    assert infiniband.function_of_interface(tmp_path, "net2") == ""


def test_devices_of_software_are_those_without_a_function(tmp_path: Path) -> None:
    assert infiniband.of_software(tmp_path) == []
    rdmatree.function(tmp_path, "pci", "0000:3b:02.3", devices=("mlx5_9",))
    rdmatree.software(tmp_path, "rxe0")
    assert infiniband.of_software(tmp_path) == ["rxe0"]


def test_a_port_has_its_state_and_the_entries_that_are_used(tmp_path: Path) -> None:
    rdmatree.software(tmp_path, "rxe0")
    rdmatree.port(tmp_path, "rxe0", gids={0: (LINK_LOCAL, "RoCE v2", "net1"), 5: (MAPPED, "RoCE v2", "net1")})
    rdmatree.port(tmp_path, "rxe0", 2, state="1: DOWN", layer="InfiniBand")
    assert infiniband.ports(tmp_path, "rxe0") == [
        Port(
            "rxe0",
            1,
            "ACTIVE",
            "Ethernet",
            (Gid(0, LINK_LOCAL, "RoCE v2", "net1"), Gid(5, MAPPED, "RoCE v2", "net1")),
        ),
        Port("rxe0", 2, "DOWN", "InfiniBand"),
    ]
    assert infiniband.ports(tmp_path, "gone") == []


def test_entries_come_in_the_order_of_their_numbers_and_a_malformed_one_not_at_all(tmp_path: Path) -> None:
    rdmatree.software(tmp_path, "rxe0")
    used = {index: (f"fe80::{index + 1}", "RoCE v2", "net1") for index in (2, 10)} | {3: ("no gid", "", "")}
    rdmatree.port(tmp_path, "rxe0", gids=used, size=12)
    (only,) = infiniband.ports(tmp_path, "rxe0")
    assert [gid.index for gid in only.gids] == [2, 10]


def test_a_table_is_read_as_far_as_entries_are_used(tmp_path: Path) -> None:
    rdmatree.software(tmp_path, "rxe0")
    gap = infiniband.LONGEST_GAP
    used = dict.fromkeys((3, 3 + gap, 4 + 2 * gap), ("fe80::1", "RoCE v2", "net1"))
    rdmatree.port(tmp_path, "rxe0", gids=used, size=1024)
    (only,) = infiniband.ports(tmp_path, "rxe0")
    assert [gid.index for gid in only.gids] == [3, 3 + gap]


def test_a_function_says_where_it_is(tmp_path: Path) -> None:
    pf, vf = "0000:3b:00.0", "0000:3b:02.3"
    rdmatree.function(tmp_path, "pci", pf)
    folder = rdmatree.function(tmp_path, "pci", vf)
    (folder / "physfn").symlink_to(f"../{pf}")
    (folder / "numa_node").write_text("1\n")
    assert infiniband.function(tmp_path, vf.upper()) == Function(vf, vf, pf, 1)
    assert infiniband.function(tmp_path, pf) == Function(pf, pf)
    (folder / "numa_node").write_text("-1\n")
    assert infiniband.function(tmp_path, vf) == Function(vf, vf, pf)
    assert infiniband.function(tmp_path, "0000:3b:02.4") is None


def test_an_auxiliary_function_is_where_its_parent_is(tmp_path: Path) -> None:
    parent = rdmatree.function(tmp_path, "pci", "0000:3b:00.0")
    (parent / "numa_node").write_text("0\n")
    rdmatree.function(tmp_path, "auxiliary", "0000:3b:00.0/mlx5_core.sf.4")
    (tmp_path / "bus/auxiliary/devices").mkdir(parents=True, exist_ok=True)
    (tmp_path / "bus/auxiliary/devices/mlx5_core.sf.4").symlink_to(parent / "mlx5_core.sf.4")
    assert infiniband.function(tmp_path, "mlx5_core.sf.4") == Function("mlx5_core.sf.4", "0000:3b:00.0", "", 0)
    rdmatree.function(tmp_path, "auxiliary", "alone.1")
    assert infiniband.function(tmp_path, "alone.1") == Function("alone.1")


def test_a_node_has_rdma_once_a_driver_is_loaded(tmp_path: Path) -> None:
    assert not infiniband.is_loaded(tmp_path)
    (tmp_path / "class/infiniband").mkdir(parents=True)
    assert infiniband.is_loaded(tmp_path)
