"""A pod's namespace with two veth interfaces, and `ip` inside it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from plurimus.adapters import netns

POD, PEER = "/run/netns/door-pod", "/run/netns/door-peer"


def ip(*argv: str, namespace: str = POD) -> str:
    """Run `ip` in a namespace; its output."""
    done = subprocess.run(
        ["ip", "-n", namespace.rpartition("/")[2], *argv], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"ip {' '.join(argv)}: {done.stderr}"
    return done.stdout


def ip_json(*argv: str) -> list[dict[str, Any]]:
    """What `ip -json` prints, in the pod."""
    found: list[dict[str, Any]] = json.loads(ip("-json", *argv) or "[]")
    return found


@contextmanager
def two_interfaces() -> Iterator[None]:
    """net1 with 10.0.1.2/24 and fd01::2/64, net2 with 10.0.2.2/24 and fd02::2/64, both up."""
    netns.create(POD)
    try:
        netns.create(PEER)
        for number in "12":
            ip("link", "add", f"net{number}", "type", "veth", "peer", "name", f"peer{number}", "netns", "door-peer")
            ip("addr", "add", f"10.0.{number}.2/24", "dev", f"net{number}")
            ip("addr", "add", f"fd0{number}::2/64", "dev", f"net{number}", "nodad")
            ip("link", "set", f"net{number}", "up")
            ip("link", "set", f"peer{number}", "up", namespace=PEER)
        yield
    finally:
        netns.delete(POD)
        netns.delete(PEER)
