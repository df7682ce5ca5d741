"""Dependencies are locked: one version each, by hashes, and nobody installs anything else."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[3]


LISTS = ("requirements.txt", "bench/requirements.txt", "tools/ziglang.txt")


def entries(file: str = "requirements.txt") -> list[list[str]]:
    """The words of each requirement: `name==version`, then its hashes."""
    text = (ROOT / file).read_text().replace("\\\n", " ")
    return [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]


@pytest.mark.parametrize("file", LISTS)
def test_every_requirement_has_one_version_and_its_hashes(file: str) -> None:
    assert entries(file)
    for requirement, *hashes in entries(file):
        assert re.fullmatch(r"[\w.-]+==[\w.]+", requirement)
        assert hashes, requirement
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", each) for each in hashes), requirement


def test_what_set_up_and_image_install_is_held_against_the_hashes() -> None:
    assert "--require-hashes" in (ROOT / "tools/setup.sh").read_text()
    assert "--require-hashes" in (ROOT / "tools/build_image.py").read_text()


def test_nothing_is_installed_but_from_lists_with_hashes() -> None:
    """By `make`, by what it calls, and by CI."""
    places = [ROOT / "Makefile", ROOT / ".ci/run", *(ROOT / "tools").iterdir(), *(ROOT / "bench").iterdir()]
    lines = [line for path in places if path.is_file() for line in path.read_text().splitlines()]
    installing = [line for line in lines if re.search(r"\bpip\S* install\b(?! ziglang)", line)]
    assert len(installing) > 3
    others = [line for line in installing if not re.search("--require-hashes|--no-deps --no-build-isolation -e", line)]
    assert others == ['"$work/venv/bin/pip" install -q --disable-pip-version-check pip-tools==7.6.2'], "that of lock.sh"


def test_lists_agree_about_what_several_have() -> None:
    found: dict[str, set[str]] = {}
    for name, _, version in (entry[0].partition("==") for file in LISTS for entry in entries(file)):
        found.setdefault(name.lower(), set()).add(version)
    assert {name: versions for name, versions in found.items() if len(versions) > 1} == {}


def test_what_the_project_depends_on_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    locked = {entry[0].partition("==")[0].lower().replace("_", "-") for entry in entries()}
    assert {Requirement(each).name.lower().replace("_", "-") for each in wanted} <= locked
