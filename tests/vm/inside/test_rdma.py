"""RDMA over virtual functions: soft RoCE, which needs no hardware, in two pods."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.node.daemon import Node
from tests.node.runtime import Sandbox
from tests.node.snapshot import run

from .cards import Vf, carries


@pytest.fixture
def pods(node: Node, vfs: list[Vf]) -> Iterator[list[Sandbox]]:
    """Two pods, each with a function as net1 and an RDMA device over it."""
    made = []
    for number, vf in enumerate(vfs):
        ipam = {"type": "static", "addresses": [{"address": f"10.56.2.{number + 1}/24"}]}
        node.network(f"rail{number}", {"cniVersion": "1.0.0", "type": "host-device", "pciBusID": vf.pci, "ipam": ipam})
        pod = node.sandbox(f"rail{number}")
        pod.add()
        made.append(pod)
    for number, pod in enumerate(made):
        carries("net1", pod.name)
        inside(pod, "rdma", "link", "add", f"rxe{number}", "type", "rxe", "netdev", "net1")
    yield made
    for pod in made:
        pod.delete()


def inside(pod: Sandbox, *argv: str) -> str:
    return run("ip", "netns", "exec", pod.name, *argv)


def test_an_rdma_ping_goes_from_pod_to_pod(pods: list[Sandbox]) -> None:
    server, client = pods
    (address,) = [each.partition("/")[0] for each in server.addresses()["net1"]]
    command = ["ip", "netns", "exec", server.name, "rping", "-s", "-a", address, "-C", "3"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as serving:
        try:
            told = inside(client, "sh", "-c", f"sleep 3; timeout 60 rping -c -a {address} -C 3 -v")
        finally:
            serving.kill()
    assert [line[:24] for line in told.splitlines() if line.startswith("ping data:")] == [
        f"ping data: rdma-ping-{number}: " for number in range(3)
    ]
