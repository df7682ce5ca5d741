"""Which physical function, NUMA node and RDMA device a device belongs to, by files like those of sysfs."""

from __future__ import annotations

from pathlib import Path

import pytest

from plurimus.adapters.railfacts import RailFacts
from plurimus.core.rails import Function, Physical

from .hardware import Hardware


@pytest.fixture
def facts(tmp_path: Path) -> RailFacts:
    hardware = Hardware(tmp_path)
    hardware.physical(
        *("0000:18:00.0", "0000:18:00.2", "0000:18:00.3"), interface="ens1", numa_node=1, rdma=("mlx5_2", "mlx5_3")
    )
    hardware.physical("0000:19:00.0", interface="ens2")
    hardware.physical("0000:1a:00.0")
    (tmp_path / "sys/bus/pci/devices/0000:00:1f.0").mkdir()
    hardware.auxiliary("0000:19:00.0", "mlx5_core.sf.4", rdma="mlx5_9")
    return RailFacts(tmp_path)


def test_physical_functions_are_those_with_an_interface_or_with_virtual_functions(facts: RailFacts) -> None:
    assert facts.physicals() == [
        Physical("0000:18:00.0", ("ens1",), 2),
        Physical("0000:19:00.0", ("ens2",), 0),
        Physical("0000:1a:00.0", (), 0),
    ]


def test_a_virtual_function_is_told_with_what_it_belongs_to(facts: RailFacts) -> None:
    assert facts.function("0000:18:00.3") == Function("0000:18:00.3", "0000:18:00.0", 1, ("mlx5_3",))
    assert facts.function("0000:19:00.0") == Function("0000:19:00.0", "0000:19:00.0", None, ())
    upper = facts.function("0000:1A:00.0")
    assert upper is not None
    assert (upper.device, upper.physical) == ("0000:1A:00.0", "0000:1a:00.0")


def test_a_device_of_the_auxiliary_bus_is_of_the_function_above_it(facts: RailFacts) -> None:
    assert facts.function("mlx5_core.sf.4") == Function("mlx5_core.sf.4", "0000:19:00.0", None, ("mlx5_9",))


@pytest.mark.parametrize("device", ["0000:18:00.7", "mlx5_core.sf.5", "", "../devices/mlx5_core.sf.4"])
def test_a_device_the_node_does_not_have_is_none(facts: RailFacts, device: str) -> None:
    assert facts.function(device) is None


def test_a_node_without_such_files_has_no_functions(tmp_path: Path) -> None:
    assert RailFacts(tmp_path).physicals() == []
    assert RailFacts(tmp_path).function("0000:18:00.2") is None
