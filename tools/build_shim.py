"""Build the shim: one static executable, by the C compiler there is, or by ziglang's for another machine.

usage: build_shim.py OUTPUT [--target amd64|arm64]
"""

from __future__ import annotations

import argparse
import importlib.util
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "shim").glob("*.c"))
FLAGS = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-Os", "-static", "-s"]
TARGETS = {"amd64": "x86_64-linux-musl", "arm64": "aarch64-linux-musl"}
MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


def version() -> str:
    """The release, read from the one file that has it."""
    found = re.search(r'VERSION = "([^"]+)"', (ROOT / "src/plurimus/version.py").read_text())
    if found is None:
        raise SystemExit("build_shim: src/plurimus/version.py has no VERSION")
    return found[1]


def compiler(target: str | None) -> list[str]:
    """The command that compiles for `target`; None is this machine."""
    if target is None:
        for name in ("cc", "gcc", "clang"):
            if shutil.which(name):
                return [name]
    if importlib.util.find_spec("ziglang") is None:
        what = f"for {target} " if target else "without a C compiler "
        raise SystemExit(f"build_shim: building {what}needs the Python package ziglang: pip install ziglang")
    # always a named target: ziglang has the C library of this machine only to link dynamically
    machine = target or MACHINES.get(platform.machine())
    if machine is None:
        raise SystemExit(f"build_shim: there is no C compiler, and no target for {platform.machine()}; install gcc")
    return [sys.executable, "-m", "ziglang", "cc", "-target", TARGETS[machine]]


def build(output: Path, target: str | None = None) -> None:
    """Compile to `output`; an existing file is replaced at once, or, if that fails, not at all."""
    output.parent.mkdir(parents=True, exist_ok=True)
    temporary = output.with_name(f".{output.name}.new")
    define = f'-DPLURIMUS_VERSION="{version()}"'
    command = [*compiler(target), *FLAGS, define, "-o", str(temporary), *map(str, SOURCES)]
    if subprocess.run(command, check=False).returncode != 0:
        temporary.unlink(missing_ok=True)
        raise SystemExit("build_shim: the compiler failed, see above; the older shim is as it was")
    temporary.replace(output)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--target", choices=TARGETS)
    arguments = parser.parse_args()
    build(arguments.output, arguments.target)
