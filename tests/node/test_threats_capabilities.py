"""The capabilities of deploy/: with them a daemon and its plugins do all that is asked here, and without any one not.

SYS_MODULE alone is not tried: it is for tools such as iptables, which load modules of a kernel that has them.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from .daemon import PLURIMUS, ROOT, Node
from .scripts import PASS_ON

CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "NET_ADMIN", "NET_RAW", "SYS_ADMIN", "SYS_CHROOT", "SYS_MODULE",
                "SYS_PTRACE")  # fmt: skip
TRIED = tuple(each for each in CAPABILITIES if each != "SYS_MODULE")
SOMEBODY = 1000
PLUGIN = """
import socket
if env["CNI_COMMAND"] == "ADD":
    os.chown({own!r}, 1000, -1)
    os.chmod({theirs!r}, 0o640)
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()
"""
"""What plugins do that keep files of others, and announce addresses by themselves."""

pytestmark = pytest.mark.usefixtures("root")


class Confined(Node):
    """Its daemon has `capabilities`, and runs plugins below a root, which is the machine's own."""

    def __init__(self, folder: Path, capabilities: tuple[str, ...]) -> None:
        super().__init__(folder, chrootDir="/proc/self/root")
        self._capabilities = capabilities

    def spawn(self) -> None:
        path = self.folder / "daemon.json"
        path.write_text(json.dumps(self.config))
        bounds = ",".join(("-all", *(f"+{each.lower()}" for each in self._capabilities)))
        confined = ["setpriv", "--inh-caps=-all", "--ambient-caps=-all", f"--bounding-set={bounds}"]
        with self.log.open("ab") as log:
            self._daemon = subprocess.Popen([*confined, PLURIMUS, "daemon", "--config", path], stderr=log)


def attach(node: Node) -> int:
    """The status of an ADD to a sandbox whose namespace is named by a process, with a store of leases of somebody."""
    own, theirs = node.folder / "own", node.folder / "theirs"
    for file in (own, theirs):
        file.touch()
    os.chown(theirs, SOMEBODY, SOMEBODY)
    node.ipam.chmod(0o700)
    os.chown(node.ipam, SOMEBODY, SOMEBODY)
    node.script("keeper", PLUGIN.format(own=str(own), theirs=str(theirs)) + PASS_ON)
    tuning = {"type": "tuning", "sysctl": {"net.ipv4.conf.IFNAME.arp_filter": "1"}}
    node.network("rail", {"cniVersion": "1.0.0", "plugins": [node.macvlan(), tuning, {"type": "keeper"}]})
    pod = node.sandbox("rail")
    with subprocess.Popen(["ip", "netns", "exec", pod.name, "sleep", "inf"]) as process:
        kept, pod.netns = pod.netns, f"/proc/{process.pid}/ns/net"
        try:
            return pod.call("ADD").status
        finally:
            pod.call("DEL")
            process.kill()
            pod.netns = kept


def test_they_are_those_of_the_manifest() -> None:
    manifest = (ROOT / "deploy/plurimus.yaml").read_text()
    added = [
        re.findall(r"[A-Z_]+", line.replace("\n", " ")) for line in re.findall(r"add:((?:\s+- [A-Z_]+)+)", manifest)
    ]
    assert sorted(CAPABILITIES) in [sorted(each) for each in added]


@pytest.mark.parametrize("without", ["none", *TRIED])
def test_each_is_needed_and_together_they_are_enough(without: str, tmp_path: Path) -> None:
    left = tuple(each for each in CAPABILITIES if each != without)
    with Confined(tmp_path, left) as node:
        try:
            status = attach(node)
        finally:
            os.chown(node.ipam, 0, 0)
            node.reset()
    assert (without, status) == (without, 0 if without == "none" else 1), node.log.read_text()
