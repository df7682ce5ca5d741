"""What the machine of tests/vm is started with, and how it tells how it ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.vm import initrd
from tests.vm.machine import MachineError, status


def test_each_module_comes_behind_all_it_needs_and_once(tmp_path: Path) -> None:
    (tmp_path / "modules.dep").write_text(
        "fs/9p.ko.xz: net/9pnet.ko.xz fs/netfs.ko.xz\n"
        "net/9pnet-virtio.ko.xz: net/9pnet.ko.xz fs/netfs.ko.xz\n"
        "net/9pnet.ko.xz: fs/netfs.ko.xz\n"
        "fs/netfs.ko.xz:\n"
        "drivers/other.ko.xz:\n"
    )
    found = initrd.needed(tmp_path, ["built_in", "9pnet_virtio", "9p"])
    names = ["fs/netfs.ko.xz", "net/9pnet.ko.xz", "net/9pnet-virtio.ko.xz", "fs/9p.ko.xz"]
    assert found == [tmp_path / name for name in names]


def test_the_status_is_the_one_the_guest_left(tmp_path: Path) -> None:
    (tmp_path / "status").write_text("5\n")
    assert status(tmp_path, "went off", []) == 5


@pytest.mark.parametrize("left", [None, "", "1", "x\n", "-1\n"])
def test_a_status_that_is_missing_or_not_whole_is_no_success(tmp_path: Path, left: str | None) -> None:
    (tmp_path / "qemu.log").write_text("qemu: no such card\n")
    if left is not None:
        (tmp_path / "status").write_text(left)
    with pytest.raises(MachineError, match=r"went off.*\n.*panic.*\nqemu: no such card"):
        status(tmp_path, "went off", ["", "Kernel panic"])
