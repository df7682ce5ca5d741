"""RDMA over virtual functions: soft RoCE, which needs no hardware, in two pods."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.node.daemon import Node
from tests.node.runtime import Sandbox

from .cards import Vf
from .pings import PINGED, rdma_ping, soften


@pytest.fixture
def pods(node: Node, vfs: list[Vf]) -> Iterator[list[Sandbox]]:
    """Two pods, each with a function as net1, moved by a reference plugin, and an RDMA device over it."""
    made = []
    for number, vf in enumerate(vfs):
        ipam = {"type": "static", "addresses": [{"address": f"10.56.2.{number + 1}/24"}]}
        node.network(f"rail{number}", {"cniVersion": "1.0.0", "type": "host-device", "pciBusID": vf.pci, "ipam": ipam})
        pod = node.sandbox(f"rail{number}")
        pod.add()
        made.append(pod)
    for number, pod in enumerate(made):
        soften(pod, f"rxe{number}")
    yield made
    for pod in made:
        pod.delete()


def test_an_rdma_ping_goes_from_pod_to_pod(pods: list[Sandbox]) -> None:
    server, client = pods
    assert rdma_ping(client, server) == PINGED
