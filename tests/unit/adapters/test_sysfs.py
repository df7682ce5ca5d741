"""PCI functions, in a tree of files as the kernel shows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from plurimus.adapters import sysfs
from plurimus.adapters.sysfs import PciFunctions
from plurimus.cni.errors import AttachmentError, Code

PF, VF, OTHER = "0000:01:00.0", "0000:01:10.2", "0000:01:10.4"


@pytest.fixture
def pci(tmp_path: Path) -> PciFunctions:
    devices = tmp_path / "sys/bus/pci/devices"
    for address in (PF, VF, OTHER):
        (devices / address).mkdir(parents=True)
    for number, address in ((0, OTHER), (11, VF)):
        (devices / PF / f"virtfn{number}").symlink_to(f"../{address}")
        (devices / address / "physfn").symlink_to(f"../{PF}")
    (tmp_path / "sys/bus/pci/drivers/igbvf").mkdir(parents=True)
    (devices / VF / "driver").symlink_to("../../drivers/igbvf")
    (devices / VF / "numa_node").write_text("1\n")
    (devices / OTHER / "numa_node").write_text("-1\n")
    (tmp_path / "sys/class/net/eth3").mkdir(parents=True)
    (tmp_path / "sys/class/net/eth3/device").symlink_to(f"../../../bus/pci/devices/{VF}")
    return PciFunctions(tmp_path)


def test_a_virtual_function_knows_its_physical_one_and_its_number(pci: PciFunctions) -> None:
    assert (pci.physical(VF), pci.physical(PF)) == (PF, "")
    assert (pci.index(PF, VF), pci.index(PF, OTHER), pci.index(PF, PF)) == (11, 0, None)
    assert pci.index("0000:09:00.0", VF) is None


def test_drivers_nodes_and_interfaces_are_named_where_there_are_any(pci: PciFunctions) -> None:
    assert (pci.driver(VF), pci.driver(OTHER)) == ("igbvf", "")
    assert (pci.numa_node(VF), pci.numa_node(OTHER), pci.numa_node(PF)) == (1, None, None)
    assert (pci.interface_parent("eth3"), pci.interface_parent("lo")) == (VF, "")
    assert [pci.exists(address) for address in (VF, "0000:09:00.0")] == [True, False]


def test_a_function_is_bound_anew_by_its_own_driver(pci: PciFunctions, tmp_path: Path) -> None:
    pci.bind_anew(VF)
    driver = tmp_path / "sys/bus/pci/drivers/igbvf"
    assert [(driver / action).read_text() for action in ("unbind", "bind")] == [VF, VF]
    with pytest.raises(AttachmentError, match="has no driver"):
        pci.bind_anew(OTHER)
    (driver / "bind").unlink()
    (driver / "bind").mkdir()
    with pytest.raises(AttachmentError, match="cannot write") as refused:
        pci.bind_anew(VF)
    assert refused.value.code == Code.IO_FAILURE


@pytest.mark.parametrize(
    ("text", "expected"),
    [(VF, True), ("10000:01:00.0", True), ("0000:01:10.8", False), ("eth0", False), ("../0000:01:10.2", False)],
)
def test_a_pci_address_has_its_form(text: str, expected: bool) -> None:
    assert sysfs.is_pci_address(text) is expected
