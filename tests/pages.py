"""Pages of docs/ that are followed literally: every indented line is fed to a shell, in order."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def follow(page: str, *, section: str = "", timeout: float = 120, env: Mapping[str, str] | None = None) -> str:
    """What the commands of a page below docs/, or of its `section`, print; the first that fails ends them."""
    text = (ROOT / "docs" / page).read_text()
    if section:
        (text,) = re.findall(rf"^#+ {re.escape(section)}\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    commands = "\n".join(re.findall(r"^ {7}(.*)$", text, re.MULTILINE))
    done = subprocess.run(
        ["env", "SHELLOPTS=errexit", "bash"], input=commands, cwd=ROOT, capture_output=True, text=True,
        timeout=timeout, check=False, env={**os.environ, **(env or {})},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
