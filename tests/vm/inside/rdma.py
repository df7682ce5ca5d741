"""RDMA devices made of software on the machine's cards, and what the kernel's own tools say of them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from plurimus.adapters import rdma
from plurimus.adapters.rdmadevices import RdmaDevices
from tests.node.daemon import ROOT, Node
from tests.node.snapshot import run

ORIGINAL = ROOT / "build/rdma/rdma"
"""The real rdma-cni."""
SOFT_ROCE = """
if env["CNI_COMMAND"] == "ADD":
    name = "rxe-" + env["CNI_CONTAINERID"] + "-" + env["CNI_IFNAME"]
    enter = ["nsenter", "--net=" + env["CNI_NETNS"]]
    subprocess.run([*enter, "rdma", "link", "add", name, "type", "rxe", "netdev", env["CNI_IFNAME"]], check=True)
    print(json.dumps(conf["prevResult"]))
"""
"""A chained plugin that makes an RDMA device on the interface; it goes with the interface."""


def tool(*argv: str, namespace: str | None = None) -> list[dict[str, Any]]:
    """What iproute2's `rdma` lists."""
    inside = ["ip", "netns", "exec", namespace] if namespace else []
    found: list[dict[str, Any]] = json.loads(run(*inside, "rdma", "-j", *argv) or "[]")
    return found


def names(namespace: str | None = None) -> list[str]:
    """The devices a namespace has, in shared mode those of the machine."""
    return sorted(each["ifname"] for each in tool("dev", namespace=namespace))


@contextmanager
def soft(name: str, netdev: str) -> Iterator[str]:
    """A device on an interface of the host, made and removed as a driver would."""
    with rdma.connect() as netlink:
        rdma.add_link(netlink, name, "rxe", netdev)
        try:
            yield name
        finally:
            device = rdma.find(netlink, name)
            if device is not None:
                rdma.delete_link(netlink, device)


def remove(name: str) -> None:
    """Remove a device of software."""
    run("rdma", "link", "delete", name)


class Soft(RdmaDevices):
    """Devices of software as if functions had them, so that the driver finds them; all else is the kernel's."""

    def __init__(self, functions: dict[str, str]) -> None:
        super().__init__(Path("/"))
        self._functions = functions

    def exists(self, function: str) -> bool:
        return function in self._functions

    def on_host(self, function: str) -> list[str]:
        return [name for name in (self._functions.get(function, ""),) if name in names()]

    def in_pod(self, namespace: str, function: str) -> list[str]:
        inside = names(Path(namespace).name)
        return [name for name in (self._functions.get(function, ""),) if name in inside]


def gids(namespace: str, device: str) -> dict[int, str]:
    """The entries of the first port, as the pod's own sysfs has them."""
    # by one program, since there are a thousand of them and each program takes a quarter of a second to start
    script = f"cd /sys/class/infiniband/{device}/ports/1/gids && exec grep . *"
    lines = run("ip", "netns", "exec", namespace, "sh", "-c", script).splitlines()
    entries = dict(line.split(":", 1) for line in lines)
    return {int(number): gid for number, gid in entries.items() if gid.strip("0:")}


def doctor(node: Node) -> list[dict[str, str]]:
    """What `plurimus doctor` finds about RDMA."""
    command = [ROOT / ".venv/bin/plurimus", "doctor", "--config", node.folder / "daemon.json", "--output", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return [each for each in json.loads(done.stdout) if each["subject"] == "rdma"]
