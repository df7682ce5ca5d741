"""RDMA between pods, over devices made of software on their interfaces."""

from __future__ import annotations

import subprocess

from tests.node.runtime import Sandbox
from tests.node.snapshot import run
from tests.patience import SLOWER

from .cards import carries


def inside(pod: Sandbox, *argv: str) -> str:
    """What a program prints in the pod's network namespace; it must succeed."""
    return run("ip", "netns", "exec", pod.name, *argv)


def soften(pod: Sandbox, device: str) -> None:
    """Make an RDMA device on the pod's net1, which goes with it."""
    carries("net1", pod.name)
    inside(pod, "rdma", "link", "add", device, "type", "rxe", "netdev", "net1")


def rdma_ping(client: Sandbox, server: Sandbox) -> list[str]:
    """The data that came back from the server's net1, line by line; three of them."""
    (address,) = [each.partition("/")[0] for each in server.addresses()["net1"]]
    command = ["ip", "netns", "exec", server.name, "rping", "-s", "-a", address, "-C", "3"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as serving:
        try:
            asked = f"timeout {30 * SLOWER:.0f} rping -c -a {address} -C 3 -v"
            told = inside(client, "sh", "-c", f"sleep 3; {asked}")
        finally:
            serving.kill()
    return [line.removeprefix("ping data: ")[:11] for line in told.splitlines() if line.startswith("ping data:")]


PINGED = [f"rdma-ping-{number}" for number in range(3)]
