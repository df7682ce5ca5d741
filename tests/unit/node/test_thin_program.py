"""The program that calls become on a node without a daemon: its words, and whether it works."""

from __future__ import annotations

from pathlib import Path

import pytest

from plurimus.cni.errors import ConfigError
from plurimus.core import config
from plurimus.node import thin
from plurimus.node.thin import Keeper


def test_the_program_is_this_python_unless_told() -> None:
    """Decision 14: the words that start another one come first, variables before them."""
    words = thin.program()
    assert words[0].startswith("/")
    assert words[-2:] == ["-m", "plurimus.cli.cni"]
    python = (
        "PYTHONHOME=/opt/plurimus /opt/plurimus/lib/ld.so --library-path '/opt/plurimus/li b' /opt/plurimus/bin/python3"
    )
    assert thin.program(python, node="node-1") == [
        "MULTUS_NODE_NAME=node-1",
        "PYTHONHOME=/opt/plurimus",
        "/opt/plurimus/lib/ld.so",
        "--library-path",
        "/opt/plurimus/li b",
        "/opt/plurimus/bin/python3",
        "-m",
        "plurimus.cli.cni",
    ]
    with pytest.raises(ConfigError, match="--python"):
        thin.program("python 'without an end")


@pytest.mark.parametrize("words", [[], ["A=b"], ["python3"], ["/bin/python", "a\nb"], ["/bin/python", ""]])
def test_a_program_the_shim_could_not_read_is_refused(words: list[str]) -> None:
    """Decision 14: it has no PATH, and a word is a line."""
    with pytest.raises(ConfigError, match="the program"):
        Keeper(config.parse(b"{}"), root=Path("/"), program=words, access=None, clock=lambda: 0.0)


async def test_a_program_is_tried_before_a_node_relies_on_it(tmp_path: Path) -> None:
    """Decision 14: this Python has what it takes."""
    await thin.try_program(thin.program(node="node-1"), Path("/"))


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["/nowhere/python"], "does not work on this machine"),
        (["A=b", "/bin/false"], "does not work on this machine"),
        (["/bin/echo", "{}"], "does not answer VERSION"),
    ],
)
async def test_a_program_that_does_not_work_is_refused(words: list[str], text: str) -> None:
    """S16."""
    with pytest.raises(ConfigError, match=text):
        await thin.try_program(words, Path("/"))


async def test_below_another_root_the_program_must_be_there(tmp_path: Path) -> None:
    """Decision 14: it may need a C library this container lacks, so it is not started."""
    with pytest.raises(ConfigError, match=r"the program /opt/python is not on the node, below .*; see --python"):
        await thin.try_program(["A=/b", "/opt/python"], tmp_path)
    (tmp_path / "opt").mkdir()
    (tmp_path / "opt/python").write_text("")
    (tmp_path / "opt/python").chmod(0o755)
    await thin.try_program(["A=/b", "/opt/python"], tmp_path)
