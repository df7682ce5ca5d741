"""Of no fault in docs/beside-multus-faults.md anything is left by ours; what Multus leaves stands there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.node.daemon import ROOT

from .faults.faults import FAULTS, Fault, name_of, third_of_four_fails
from .faults.node import OURS, FaultNode, Left
from .faults.storm import Storm

CANDIDATES = ("Multus", "Plurimus")


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultNode]:
    with FaultNode(tmp_path_factory.mktemp("node"), OURS) as node:
        yield node


def test_the_command_writes_the_table_of_both(tmp_path: Path) -> None:
    """A fault and a small storm of `make faults-table`, two tries each."""
    page = tmp_path / "page.md"
    words = ["--only", "third_of_four", "--only", "storm", "--pods", "2", "--tries", "2", "--write", page]
    done = subprocess.run([sys.executable, "-m", "bench.faults", *words], cwd=ROOT, capture_output=True, text=True,
                          timeout=240, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.read_text().splitlines() if "|" in line]
    of_faults = [row for row in rows if len(row) == 6 and "/" in row[1]]
    assert [row[0] for row in of_faults] == [name_of(third_of_four_fails), name_of(Storm(2)), "**all**"]
    assert {tuple(row[1:]) for row in of_faults} == {("0 / 0",) * 5, ("**0 / 0**",) * 5}
    assert [row[:3] for row in rows if "of 2" in row[2]] == [[each, "2", "2 of 2"] for each in CANDIDATES for _ in "12"]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_nothing_is_left_of_a_fault(faulty: FaultNode, fault: Fault) -> None:
    assert faulty.befall(fault) == Left()
