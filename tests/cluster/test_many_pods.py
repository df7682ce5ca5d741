"""A large cluster, seen from one node."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from plurimus.adapters import kubeconfig
from plurimus.adapters.apiserver import ApiServer
from plurimus.model.pod import NETWORKS

from . import deployed, objects
from .client import Client
from .controlplane import ControlPlane
from .programs import ROOT

PODS, OURS = 5000, 110
NODE = "node-of-many"
_AT_ONCE = 32
_PATIENCE = 300.0
_MOST_KIB = 4 * 1024
"""What the copy may cost at its peak, lists in the making included."""


@pytest.fixture
def pods(control_plane: ControlPlane, admin: Client, namespace: str) -> Iterator[str]:
    """The namespace of 5,000 pods, of which 110 are on `NODE`, as kubelet allows by default."""
    deployed.apply(admin)
    asyncio.run(_make(control_plane, namespace))
    yield namespace
    admin.delete(f"/api/v1/namespaces/{namespace}/pods", gracePeriodSeconds="0")


async def _make(control_plane: ControlPlane, namespace: str) -> None:
    api = ApiServer(kubeconfig.load(control_plane.kubeconfig), timeout=60)
    numbers = iter(range(PODS))

    async def worker() -> None:
        for number in numbers:
            node = NODE if number % (PODS // OURS) == 0 and number // (PODS // OURS) < OURS else f"node-{number % 45}"
            await api.post(f"/api/v1/namespaces/{namespace}/pods", _pod(namespace, number, node))

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(worker())
    finally:
        await api.close()


def _pod(namespace: str, number: int, node: str) -> dict[str, Any]:
    written = objects.pod(f"pod-{number}", namespace, nodeName=node)
    written["metadata"]["annotations"] = {NETWORKS: "rail-1,rail-2", "other": "x" * 1000}
    return written


def test_of_five_thousand_pods_the_copy_has_those_of_this_node(
    pods: str, control_plane: ControlPlane, record_property: Callable[[str, object], None]
) -> None:
    """F75: in a process of its own, whose memory is that of the copy and of making it."""
    command = [sys.executable, "-m", "tests.cluster.holding", control_plane.kubeconfig, NODE]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    record_property("memory", found)
    print(found)
    assert found["held"] == OURS
    assert found["after"]["VmHWM"] - found["before"]["VmRSS"] <= _MOST_KIB
