"""What is left of a node's memory and of a control group's, of both versions, wherever the group is mounted."""

from __future__ import annotations

from pathlib import Path

import pytest

from plurimus.adapters.freememory import FreeMemory

MIB = 2**20
V1, V2 = "cgroup cgroup rw,memory", "cgroup2 cgroup2 rw"


class Machine:
    """The files of a machine with 4 GiB, of which 3 GiB can be had."""

    def __init__(self, root: Path, group: str, mounted: str, mount: str) -> None:
        self.root = root
        self.write("proc/meminfo", f"MemTotal: {4096 * 1024} kB\nMemAvailable: {3072 * 1024} kB\nHugePages_Total: 0\n")
        self.write("proc/self/cgroup", f"3:cpu:/elsewhere\n{group}\n")
        self.write(
            "proc/self/mountinfo", f"30 25 0:26 / /sys rw - sysfs sysfs rw\n31 30 0:27 {mounted} /cg rw - {mount}\n"
        )

    def write(self, path: str, content: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)

    def group_v1(self, path: str, limit: int, usage: int, files: int) -> None:
        self.write(f"cg/{path}/memory.limit_in_bytes", f"{limit}\n")
        self.write(f"cg/{path}/memory.usage_in_bytes", f"{usage}\n")
        self.write(f"cg/{path}/memory.stat", f"cache 5\ntotal_inactive_file {files}\ntotal_active_file {files}\n")

    def group_v2(self, path: str, limit: str, usage: int, files: int, high: str = "max") -> None:
        for name, content in (("max", limit), ("high", high), ("current", usage)):
            self.write(f"cg/{path}/memory.{name}", f"{content}\n")
        self.write(
            f"cg/{path}/memory.stat", f"anon 5\ninactive_file {files}\nactive_file 0\nslab_reclaimable {files}\n"
        )

    def left(self) -> tuple[float, float]:
        """In MiB."""
        left, limit = FreeMemory(self.root).read()
        return left / MIB, limit / MIB


def test_without_a_limit_it_is_what_the_node_has(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "4:memory:/", "/", V1)
    machine.group_v1("", 2**63 - 4096, 10 * MIB, 0)
    assert machine.left() == (3072 - 256, 4096)


@pytest.mark.parametrize(
    ("group", "mounted", "folder"),
    [
        pytest.param("/pods/one", "/", "pods/one", id="on-the-host"),
        pytest.param("/pods/one", "/pods/one", "", id="mounted-in-its-container"),
        pytest.param("/pods/one", "/pods", "one", id="mounted-from-half-way"),
        pytest.param("/../one", "/", "", id="outside-of-what-is-shown"),
        pytest.param("/", "/", "", id="in-its-own-namespace"),
    ],
)
def test_the_group_is_found_where_it_is_mounted(tmp_path: Path, group: str, mounted: str, folder: str) -> None:
    first = Machine(tmp_path / "v1", f"4:cpu,memory:{group}", mounted, V1)
    first.group_v1(folder, 256 * MIB, 100 * MIB, 10 * MIB)
    assert first.left() == (256 - 16 - 80, 256)
    second = Machine(tmp_path / "v2", f"0::{group}", mounted, V2)
    second.group_v2(folder, str(256 * MIB), 100 * MIB, 10 * MIB)
    assert second.left() == (256 - 16 - 80, 256)


def test_the_tightest_of_all_groups_above_counts(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "0::/pods/one/own", "/", V2)
    machine.group_v2("pods/one/own", str(512 * MIB), 100 * MIB, 0)
    machine.group_v2("pods/one", "max", 100 * MIB, 0)
    machine.group_v2("pods", str(1024 * MIB), 1000 * MIB, 0)
    assert machine.left() == (1024 - 64 - 1000, 1024)


def test_being_slowed_down_counts_as_a_limit(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "0::/", "/", V2)
    machine.group_v2("", str(512 * MIB), 100 * MIB, 0, high=str(128 * MIB))
    assert machine.left() == (128 - 8 - 100, 128)


def test_what_cannot_be_read_limits_nothing(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "4:memory:/a", "/", V1)
    machine.write("cg/a/memory.limit_in_bytes", "much\n")
    assert machine.left() == (3072 - 256, 4096)
    assert FreeMemory(tmp_path / "nothing").read()[0] > 2**50


def test_this_machine_has_some() -> None:
    assert 0 < FreeMemory().read()[0] < 2**50
