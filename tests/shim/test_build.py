"""How the shim is built: static, strictly, and never in place of one that works."""

from __future__ import annotations

import os
import platform
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from .runtime import ROOT, SHIM, run

PT_DYNAMIC, PT_INTERP = 2, 3
OLD = b"an executable that works"


def build(output: Path, *argv: str, path: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the build with the compilers in `path`, and without any package of the virtual environment."""
    command = [sys.executable, "-I", "-S", ROOT / "tools/build_shim.py", output, *argv]
    return subprocess.run(command, env={"PATH": str(path)}, capture_output=True, text=True, check=False)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Where an older shim lies."""
    path = tmp_path / "out/shim"
    path.parent.mkdir()
    path.write_bytes(OLD)
    return path


def compiler(folder: Path, script: str, name: str = "cc") -> Path:
    """A folder with a compiler that runs `script`; `$out` is where its output goes, `$log` takes its arguments."""
    (folder / "bin").mkdir()
    path = folder / "bin" / name
    find = 'log=${0%/*}/log; printf "%s\\n" "$@" >"$log"; while [ "$1" != -o ]; do shift; done; out=$2'
    path.write_text(f"#!/bin/sh\n{find}\n{script}\n")
    path.chmod(0o755)
    return path.parent


def segments(executable: Path) -> list[int]:
    """The types of the program headers of a 64-bit little-endian ELF file."""
    content = executable.read_bytes()
    assert content[:6] == b"\x7fELF\x02\x01"
    (start,) = struct.unpack_from("<Q", content, 32)
    size, number = struct.unpack_from("<HH", content, 54)
    return [struct.unpack_from("<I", content, start + size * at)[0] for at in range(number)]


def test_the_shim_needs_no_library() -> None:
    """It must start on any node, whatever C library that has."""
    assert {PT_DYNAMIC, PT_INTERP}.isdisjoint(segments(SHIM))


def test_the_build_makes_a_shim_that_runs(output: Path) -> None:
    assert build(output, path=os.environ["PATH"]).returncode == 0
    assert b"supportedVersions" in run(b"", {"CNI_COMMAND": "VERSION"}, shim=output).printed()
    assert {PT_DYNAMIC, PT_INTERP}.isdisjoint(segments(output))


@pytest.mark.parametrize("name", ["cc", "gcc", "clang"])
def test_warnings_are_errors_with_any_compiler(tmp_path: Path, output: Path, name: str) -> None:
    path = compiler(tmp_path, 'printf new >"$out"', name)
    assert build(output, path=path).returncode == 0
    assert output.read_bytes() == b"new"
    arguments = (path / "log").read_text().splitlines()
    assert {"-Wall", "-Wextra", "-Werror", "-static"} <= set(arguments)
    sources = {str(source) for source in (ROOT / "shim").glob("*.c")}
    assert sources == {argument for argument in arguments if argument.endswith(".c")}


def test_the_older_shim_is_replaced_at_once(tmp_path: Path, output: Path) -> None:
    """One that runs keeps its file; nobody ever starts half a shim."""
    keep = f'read -r line <{output}; printf "%s" "$line" >"${{0%/*}}/meanwhile"'
    path = compiler(tmp_path, f'printf half >"$out"; {keep}; printf new >"$out"')
    with output.open("rb") as running:
        assert build(output, path=path).returncode == 0
        assert running.read() == OLD
    assert (path / "meanwhile").read_bytes() == OLD
    assert {entry.name for entry in output.parent.iterdir()} == {"shim"}


def test_a_failed_build_leaves_the_older_shim(tmp_path: Path, output: Path) -> None:
    path = compiler(tmp_path, 'printf half >"$out"; echo "shim.c:1: error: no" >&2; exit 1')
    done = build(output, path=path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "build_shim: the compiler failed, see above; the older shim is as it was"
    assert "shim.c:1: error: no" in done.stderr
    assert "Traceback" not in done.stderr
    assert output.read_bytes() == OLD
    assert {entry.name for entry in output.parent.iterdir()} == {"shim"}


@pytest.mark.parametrize(
    ("argv", "what"),
    [
        pytest.param((), "without a C compiler needs the Python package ziglang", id="this-machine"),
        pytest.param(("--target", "arm64"), "for arm64 needs the Python package ziglang", id="another-machine"),
    ],
)
def test_a_missing_compiler_is_named_with_what_to_install(
    tmp_path: Path, output: Path, argv: tuple[str, ...], what: str
) -> None:
    done = build(output, *argv, path=tmp_path)
    assert done.returncode == 1
    assert done.stderr == f"build_shim: building {what}: pip install ziglang\n"
    assert output.read_bytes() == OLD


def test_a_wheel_carries_the_shim_for_its_machine(tmp_path: Path) -> None:
    """What `plurimus install` installs where there is no checkout."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    machine = platform.machine()
    assert wheel.name.endswith(f"-py3-none-manylinux_2_17_{machine}.musllinux_1_1_{machine}.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extract("plurimus/plurimus-shim", tmp_path)
        assert packed.getinfo("plurimus/plurimus-shim").external_attr >> 16 & 0o111
    shim = tmp_path / "plurimus/plurimus-shim"
    shim.chmod(0o755)
    assert {PT_DYNAMIC, PT_INTERP}.isdisjoint(segments(shim))
    assert b"supportedVersions" in run(b"", {"CNI_COMMAND": "VERSION"}, shim=shim).printed()


def test_a_wheel_for_a_machine_nobody_knows_is_refused(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path]
    environment = os.environ | {"PLURIMUS_TARGET": "vax"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "PLURIMUS_TARGET is 'vax', expected amd64 or arm64" in done.stderr
    assert list(tmp_path.glob("*.whl")) == []
