"""Dependencies are locked: one version each, by hashes, and nobody installs anything else."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[3]


def entries() -> list[list[str]]:
    """The words of each requirement: `name==version`, then its hashes."""
    text = (ROOT / "requirements.txt").read_text().replace("\\\n", " ")
    return [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def test_every_requirement_has_one_version_and_its_hashes() -> None:
    assert len(entries()) > 20
    for requirement, *hashes in entries():
        assert re.fullmatch(r"[\w.-]+==[\w.]+", requirement)
        assert hashes, requirement
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", each) for each in hashes), requirement


def test_what_set_up_and_image_install_is_held_against_the_hashes() -> None:
    assert "--require-hashes" in (ROOT / "tools/setup.sh").read_text()
    assert "--require-hashes" in (ROOT / "tools/build_image.py").read_text()


def test_what_the_project_depends_on_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    locked = {entry[0].partition("==")[0].lower().replace("_", "-") for entry in entries()}
    assert {Requirement(each).name.lower().replace("_", "-") for each in wanted} <= locked
