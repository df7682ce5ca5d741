"""What happens when another program takes the node's CNI configuration away."""

from __future__ import annotations

from pathlib import Path

import pytest

from plurimus.cni.errors import Code
from plurimus.node.cniconfig import OFTEN, WINDOW

from ..core.primaries import CILIUM, FLANNEL
from .cnifolder import OURS, Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.mark.parametrize(
    ("how", "what"),
    [("rename", "renamed to 00-plurimus.conflist.cilium_bak"), ("remove", "removed"), ("change", "changed")],
)
def test_it_is_put_back_when_another_program_takes_it_away(folder: Folder, how: str, what: str) -> None:
    """S3, F70: with the name of the program that seems to be in charge."""
    folder.install(CILIUM)
    folder.look()
    path = folder.path / OURS
    good = path.read_bytes()
    if how == "rename":
        path.rename(f"{path}.cilium_bak")
    elif how == "remove":
        path.unlink()
    else:
        path.write_text("{}")
    logged = folder.look()
    assert what in logged[0]
    assert "Cilium" in logged[0]
    assert path.read_bytes() == good
    assert folder.status() is None


def test_a_quarrel_over_it_is_told_by_status_until_it_is_over(folder: Folder) -> None:
    """S20: code 50 and what to do; it is put back ever more seldom."""
    folder.install(CILIUM)
    folder.look()
    path = folder.path / OURS
    rounds = 0
    while folder.status() is None:
        path.rename(f"{path}.cilium_bak")
        while not path.exists():
            folder.look()
            rounds += 1
    assert rounds > OFTEN
    error = folder.status()
    assert error is not None
    assert error.code == Code.PLUGIN_NOT_AVAILABLE
    assert "taken away again and again, it seems by Cilium in exclusive mode (set `cni.exclusive` to false" in error.msg
    folder.look(WINDOW)
    assert folder.status() is None


def test_a_quarrel_that_goes_on_is_reported_all_along(folder: Folder) -> None:
    """S20: however seldom the file is put back, and it always is in the end."""
    folder.install(CILIUM)
    folder.look()
    told, put_back = [], 0
    for _ in range(600):
        if (folder.path / OURS).exists():
            put_back += 1
            (folder.path / OURS).unlink()
        folder.look()
        told.append(folder.status() is not None)
    assert all(told[10:])
    assert 20 < put_back < 60


def test_a_change_of_the_default_network_is_no_quarrel(folder: Folder) -> None:
    """F70."""
    for number in range(2 * OFTEN):
        folder.install(FLANNEL, plugins=[{"type": "flannel", "capabilities": {f"c{number}": True}}])
        folder.look()
    assert folder.status() is None
