"""The shim's parsers under sanitizers, fed with garbage; and defects planted to show that those would be seen.

PLURIMUS_FUZZ_RUNS and PLURIMUS_FUZZ_SEED make longer and other runs; the same seed gives the same inputs.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from .parts import PURE
from .runtime import ROOT

RUNS = os.environ.get("PLURIMUS_FUZZ_RUNS", "50000")
SEED = os.environ.get("PLURIMUS_FUZZ_SEED", "1")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def compiled(source: Path, folder: Path) -> Path:
    made = folder / f"{source.stem}.o"
    flags = ("-std=gnu11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", *SANITIZERS)
    subprocess.run(["cc", *flags, "-I", ROOT / "shim", "-c", "-o", made, source], check=True)
    return made


def linked(objects: Iterable[Path], folder: Path) -> Path:
    made = folder / "fuzz"
    subprocess.run(["cc", *SANITIZERS, "-o", made, *objects], check=True)
    return made


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The harness and the parsers, by the names of their sources."""
    folder = tmp_path_factory.mktemp("fuzz")
    sources = [ROOT / "tests/shim/fuzz.c", *(ROOT / "shim" / name for name in PURE)]
    return {source.name: compiled(source, folder) for source in sources}


def run(fuzz: Path, runs: str) -> subprocess.CompletedProcess[str]:
    """Leaks are not looked for: the shim lives for a moment.

    Where the kernel spreads addresses over more than 28 bits, the runtime of GCC up to 13 does not always
    find room for its own, so they are not spread there.
    """
    spread = int(Path("/proc/sys/vm/mmap_rnd_bits").read_text()) > 28
    argv = [*(("setarch", "--addr-no-randomize") if spread else ()), fuzz, runs, SEED]
    env = {"PATH": os.environ["PATH"], "ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "print_stacktrace=1"}
    return subprocess.run(argv, env=env, capture_output=True, text=True, check=False)


def test_no_input_breaks_the_parsers(objects: dict[str, Path], tmp_path: Path) -> None:
    """S46, S5: the shim is the place where input is hostile and memory is not safe."""
    done = run(linked(objects.values(), tmp_path), RUNS)
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout.split()[0]) > int(RUNS)


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        pytest.param("text.c", "at < length && strchr", "at <= length && strchr", id="reads-one-byte-beyond"),
        pytest.param("text.c", "|| n > length) return 0", "|| n > length + 1) return 0", id="reads-half-a-character"),
        pytest.param("text.c", "|| n >= room) return -1", "|| n > room + 2) return -1", id="writes-beyond-its-buffer"),
        pytest.param("http.c", " || size > length - from - 2", "", id="believes-the-size-of-a-chunk"),
        pytest.param("http.c", " || (unsigned long long)announced > answer->length", "", id="believes-a-length"),
    ],
)
def test_a_planted_defect_is_found(objects: dict[str, Path], tmp_path: Path, name: str, right: str, wrong: str) -> None:
    """Else the test above would show nothing."""
    source = (ROOT / "shim" / name).read_text()
    assert source.count(right) == 1
    (tmp_path / name).write_text(source.replace(right, wrong))
    defective = objects | {name: compiled(tmp_path / name, tmp_path)}
    done = run(linked(defective.values(), tmp_path), "50000")
    assert done.returncode != 0
    assert "AddressSanitizer" in done.stderr or "Assertion" in done.stderr or "runtime error" in done.stderr
