"""Whether the programs and libraries of an image can run: all of one machine, and none missing.

Read by readelf, which knows every machine; nothing is run.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

MACHINES = {"amd64": "Advanced Micro Devices X86-64", "arm64": "AArch64"}
_MAGIC = b"\x7fELF"


def problems(folders: Sequence[Path], architecture: str) -> list[str]:
    """What is wrong in an image of `folders`, a line each: files of another machine, libraries that are missing."""
    if shutil.which("readelf") is None:
        raise SystemExit("elf_check: readelf is missing; apt-get install binutils")
    libraries = {path.name for folder in folders for path in folder.rglob("*.so*")}
    machine = MACHINES[architecture]
    return [
        f"{path.relative_to(folder)} {problem}"
        for folder in folders
        for path in sorted(_programs(folder))
        for problem in _problems(path, machine, libraries)
    ]


def _problems(path: Path, machine: str, libraries: set[str]) -> Iterator[str]:
    command = ["readelf", "--file-header", "--dynamic", "--wide", str(path)]
    environment = os.environ | {"LC_ALL": "C"}
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    if not re.search(rf"^ +Machine: +{re.escape(machine)}$", told, re.MULTILINE):
        yield f"is not for {machine}"
    for needed in re.findall(r"\(NEEDED\) +Shared library: \[(.+)\]", told):
        if needed not in libraries:
            yield f"needs {needed}, which is not there"


def _programs(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                if file.read(len(_MAGIC)) == _MAGIC:
                    yield path
