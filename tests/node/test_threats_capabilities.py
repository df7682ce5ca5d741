"""The capabilities of deploy/: with them a daemon and the reference plugins do all that is asked here.

Without any one of them something fails, in words that say at what.  The reference plugins have no more either, where
they run as executables.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from .daemon import PLURIMUS, ROOT, Node
from .process import eventually
from .runtime import Sandbox

NEEDED = {
    "DAC_OVERRIDE": r"cannot keep leases in .*/ipam/pods: Permission denied",
    "NET_ADMIN": r"(making the veth|cannot write /proc/sys/net/).*: Operation not permitted",
    "NET_RAW": r"listening on eth0: Operation not permitted",
    "SYS_ADMIN": r"network namespace /proc/\d+/ns/net cannot be entered: Operation not permitted",
    "SYS_CHROOT": r"chroot: cannot change root directory to .*: Operation not permitted",
    "SYS_PTRACE": r"network namespace /proc/\d+/ns/net cannot be opened: Permission denied",
}
"""What is said without each."""
MODEST = ["DAC_OVERRIDE"]
"""What all other containers have at most."""
MANIFESTS = {
    "plurimus.yaml": list(NEEDED),
    "plurimus-crio.yaml": list(NEEDED),
    "plurimus-thin.yaml": MODEST,
    "uninstall.yaml": list(NEEDED),
}
"""What the container has that stays; that of a node without a daemon writes files and runs no plugin."""
SOMEBODY = 1000
RATES = {"ingressRate": 1_000_000, "ingressBurst": 1_000_000, "egressRate": 1_000_000, "egressBurst": 1_000_000}
PORTS = [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]
TYPES = ["bridge", "macvlan", "ptp", "host-local", "tuning", "sbr", "bandwidth", "firewall", "portmap"]


def bounded(capabilities: Iterable[str]) -> list[str]:
    """A command that takes all other capabilities from the one that follows."""
    left = ",".join(("-all", *(f"+{each.lower()}" for each in capabilities)))
    return ["setpriv", "--inh-caps=-all", "--ambient-caps=-all", f"--bounding-set={left}"]


@contextmanager
def confined(folder: Path, without: str, executables: list[str]) -> Iterator[Node]:
    """A node whose daemon runs plugins below a root, the machine's own; its store of leases is somebody's."""
    node = Node(folder, chrootDir="/proc/self/root", executables=executables)
    node.wrapper = bounded(each for each in NEEDED if each != without)
    with node:
        node.ipam.chmod(0o700)
        os.chown(node.ipam, SOMEBODY, SOMEBODY)
        try:
            yield node
        finally:
            os.chown(node.ipam, 0, 0)
            node.reset()


@contextmanager
def pod(node: Node) -> Iterator[Sandbox]:
    """A pod that uses all of TYPES; its namespace is named by a process."""
    sysctl = {"type": "tuning", "sysctl": {"net.ipv4.conf.IFNAME.arp_filter": "1"}}
    chain = [node.macvlan(), sysctl, {"type": "firewall"}, {"type": "sbr"}]
    node.network("rail", {"cniVersion": "1.0.0", "plugins": chain})
    ptp = {"type": "ptp", "ipMasq": True, "ipam": node.host_local("10.71.0.0/24")}
    portmap = {"type": "portmap", "snat": True, "capabilities": {"portMappings": True}}
    node.network("ports", {"cniVersion": "1.0.0", "plugins": [ptp, {"type": "bandwidth", **RATES}, portmap]})
    made = node.sandbox([{"name": "rail"}, {"name": "ports", "portMappings": PORTS}])
    with subprocess.Popen(["ip", "netns", "exec", made.name, "sleep", "inf"]) as process:
        kept, made.netns = made.netns, f"/proc/{process.pid}/ns/net"
        try:
            eventually(lambda: Path(made.netns).samefile(kept), lambda: "the process is still outside")
            yield made
        finally:
            made.call("DEL")
            process.kill()
            made.netns = kept


def said(node: Node) -> str:
    """What went wrong at an ADD, or else at a look at the pod over with what the daemon may do; empty for nothing."""
    with pod(node) as made:
        answer = made.call("ADD")
        if answer.status != 0:
            return str(answer.document["msg"])
        words = [PLURIMUS, "check", made.pod, "--config", node.folder / "daemon.json", "--wait", "0.1"]
        looked = subprocess.run([*node.wrapper, *words], capture_output=True, text=True, check=False, timeout=120)
        return looked.stderr + looked.stdout if looked.returncode else ""


@pytest.mark.parametrize(("manifest", "capabilities"), MANIFESTS.items())
def test_a_manifest_gives_those_and_no_others(manifest: str, capabilities: list[str]) -> None:
    """The daemon, and what takes its pods' networks back once it is gone; the containers beside them are modest."""
    found = []
    for thing in yaml.safe_load_all((ROOT / "deploy" / manifest).read_text()):
        spec = thing.get("spec", {}).get("template", {}).get("spec", {}) if thing else {}
        found += [each["securityContext"]["capabilities"] for each in spec.get("containers", [])]
        beside = [each["securityContext"]["capabilities"] for each in spec.get("initContainers", [])]
        assert all(each == {"drop": ["ALL"], "add": MODEST} for each in beside)
    assert found == [{"drop": ["ALL"], "add": capabilities}]


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("executables", [[], TYPES], ids=["drivers", "executables"])
def test_together_they_are_enough(executables: list[str], tmp_path: Path) -> None:
    with confined(tmp_path, "", executables) as node:
        assert said(node) == "", node.log.read_text()


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("without", NEEDED)
def test_without_each_something_fails_that_says_so(without: str, tmp_path: Path) -> None:
    with confined(tmp_path, without, []) as node:
        assert re.search(NEEDED[without], words := said(node)), words


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("capabilities", [[], MODEST], ids=["none", "theirs"])
@pytest.mark.parametrize("command", ["install", "thin"])
def test_the_modest_containers_write_into_folders_of_others_by_their_one(
    command: str, capabilities: list[str], tmp_path: Path
) -> None:
    programs, confs = tmp_path / "bin", tmp_path / "net.d"
    for each in (programs, confs):
        each.mkdir(mode=0o755)
        os.chown(each, SOMEBODY, SOMEBODY)
    (confs / "10-pods.conf").write_text('{"cniVersion": "1.0.0", "name": "pods", "type": "bridge"}')
    config = tmp_path / "daemon.json"
    config.write_text(json.dumps({"multusAutoconfigDir": str(confs), "cniConfigDir": str(confs),
                                  "manifests": str(tmp_path)}))  # fmt: skip
    words = {
        "install": [PLURIMUS, "install", "--bin-dir", programs, "--conf-dir", confs],
        "thin": [PLURIMUS, "thin", "--once", "--config", config],
    }[command]
    done = subprocess.run([*bounded(capabilities), *words], capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode == 0) is bool(capabilities), done.stderr
    assert capabilities or f"{programs if command == 'install' else confs}" in done.stderr
    assert capabilities or "Permission denied" in done.stderr
