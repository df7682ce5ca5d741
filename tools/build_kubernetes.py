"""Build the parts of Kubernetes that the tests in tests/cluster run, from the Go module k8s.io/kubernetes.

usage: build_kubernetes.py [OUTPUT] [--only PROGRAM ...]

The release, and the content of all it is made of, are in tests/cluster/go.mod and go.sum.  A program that the folder
KUBEBUILDER_ASSETS or PATH has is taken as it is.  Needs Go, whose own caches it uses: with them the second build of the
same release, in another folder, only links.  Does nothing twice.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULE = ROOT / "tests/cluster"
PACKAGE = "k8s.io/kubernetes/cmd"
PROGRAMS = ("kube-apiserver", "kubectl", "kube-controller-manager", "kube-scheduler", "kubelet")
FLAGS = ["-p", "2", "-mod=readonly", "-trimpath", "-buildvcs=false"]
SETTINGS = {"CGO_ENABLED": "0", "GOWORK": "off", "GOTOOLCHAIN": "local"}
VERSION_VARIABLES = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")


def build(output: Path, programs: Iterable[str] = PROGRAMS) -> None:
    """Put `programs` into the folder `output`, except those that are there, built from the same sources."""
    output.mkdir(parents=True, exist_ok=True)
    wanted = _fingerprint()
    for name in programs:
        stamp = output / f".{name}.built-from"
        if found := _find(name, output):
            _take(found, output / name)
            stamp.unlink(missing_ok=True)
        elif not ((output / name).exists() and stamp.exists() and stamp.read_text() == wanted):
            stamp.unlink(missing_ok=True)
            _build(name, output / name)
            stamp.write_text(wanted)


def _find(name: str, output: Path) -> Path | None:
    """A program this machine has already, the one KUBEBUILDER_ASSETS names first."""
    folders = [os.environ.get("KUBEBUILDER_ASSETS", ""), os.environ.get("PATH", "")]
    found = shutil.which(name, path=os.pathsep.join(filter(None, folders)))
    path = Path(found).absolute() if found else None
    return None if path is None or path.parent == output.resolve() else path


def _take(found: Path, link: Path) -> None:
    if link.is_symlink() and link.readlink() == found:
        return
    link.unlink(missing_ok=True)
    link.symlink_to(found)
    _say(f"{link.name} is {found}")


def _build(name: str, output: Path) -> None:
    started = time.monotonic()
    _say(f"building {name} {_release()}; a first build takes minutes")
    temporary = output.with_name(f".{name}.new")
    command = [*_go(), "build", *FLAGS, f"-ldflags={_linker_flags()}", "-o", str(temporary.resolve())]
    _run(["nice", "-n", "15", *command, f"{PACKAGE}/{name}"], os.environ | SETTINGS)
    temporary.replace(output)
    size = output.stat().st_size / 2**20
    _say(f"{name} built in {time.monotonic() - started:.0f} s, {size:.0f} MiB")


def _release() -> str:
    found = re.search(r"^\s*(?:require )?k8s\.io/kubernetes (v\S+)", (MODULE / "go.mod").read_text(), re.MULTILINE)
    if found is None:
        raise SystemExit(f"build_kubernetes: {MODULE / 'go.mod'} requires no release of k8s.io/kubernetes")
    return found[1]


def _linker_flags() -> str:
    """Clients and kubelet compare versions, so a program has to know which release it is."""
    release = _release()
    major, minor = release[1:].split(".")[:2]
    values = {"gitVersion": release, "gitMajor": major, "gitMinor": minor, "gitTreeState": "archive"}
    stated = [f"-X {package}.{name}={value}" for package in VERSION_VARIABLES for name, value in values.items()]
    return " ".join(["-s", "-w", *stated])


def _fingerprint() -> str:
    """Changes with all that goes into a program; not with the texts of this file, for a build costs minutes."""
    made_of = [(MODULE / name).read_text() for name in ("go.mod", "go.sum")]
    return hashlib.sha256("\n".join([*made_of, *FLAGS, str(SETTINGS), _linker_flags()]).encode()).hexdigest()


def _go() -> list[str]:
    for found in (shutil.which("go"), "/usr/local/go/bin/go"):
        if found and Path(found).exists():
            return [found]
    raise SystemExit(
        "build_kubernetes: there is no Go on PATH or in /usr/local/go, and Kubernetes is built with it; install Go, or "
        f"let KUBEBUILDER_ASSETS name a folder that has {', '.join(PROGRAMS)}"
    )


def _run(command: list[str], environment: Mapping[str, str]) -> None:
    """Run a command in the module's folder; what went wrong ends this program."""
    done = subprocess.run(command, cwd=MODULE, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"build_kubernetes: {' '.join(command)} failed:\n{done.stdout}{done.stderr}")


def _say(text: str) -> None:
    print(f"build_kubernetes: {text}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, nargs="?", default=ROOT / "build/kubernetes")
    parser.add_argument("--only", nargs="+", choices=PROGRAMS, default=PROGRAMS, metavar="PROGRAM")
    arguments = parser.parse_args()
    build(arguments.output, arguments.only)
