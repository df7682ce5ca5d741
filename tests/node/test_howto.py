"""The how-to pages, followed literally: every indented line is fed to a shell, in order."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

pytestmark = pytest.mark.usefixtures("root")


def follow(page: str) -> str:
    """What the page's commands print; the first that fails ends them."""
    text = (ROOT / "docs/how-to" / page).read_text()
    commands = "\n".join(re.findall(r"^ {7}(.*)$", text, re.MULTILINE))
    done = subprocess.run(
        ["env", "SHELLOPTS=errexit", "bash"], input=commands, cwd=ROOT, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_trying_networks_without_a_cluster() -> None:
    printed = follow("try-without-a-cluster.md")
    assert "pod default/trainer: 2 interfaces" in printed
    assert re.search(r"^eth0 +veth +up .* 10\.244\.0\.2/24$", printed, re.MULTILINE)
    assert re.search(r"^net1 +macvlan +up .* 10\.56\.0\.2/24$", printed, re.MULTILINE)
    assert '"name": "default/data"' in printed
    assert re.search(r"of pod default/trainer deleted", printed)
