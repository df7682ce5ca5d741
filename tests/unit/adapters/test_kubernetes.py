"""What is kept of a pod of the API server."""

from __future__ import annotations

from typing import Any

import pytest

from plurimus.adapters.kubernetes import KubernetesCluster

from .api import Reply, client, serving


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param({"priorityClassName": "system-node-critical", "priority": 2_000_001_000},
                     ("system-node-critical", 2_000_001_000), id="critical"),
        pytest.param({"priority": -5}, ("", -5), id="negative"),
        pytest.param({"priority": None}, ("", 0), id="null"),
        pytest.param({}, ("", 0), id="none"),
        pytest.param(None, ("", 0), id="no-specification"),
    ],
)  # fmt: skip
async def test_a_pod_has_the_priority_of_its_specification(spec: Any, expected: tuple[str, int]) -> None:
    body = {"metadata": {"namespace": "ns", "name": "a", "uid": "uid-1"}, "spec": spec}
    async with serving(Reply(body=body)) as server, client(server) as api:
        pod = await KubernetesCluster(api, "node-1").get_pod("ns", "a")
    assert pod is not None
    assert (pod.priority_class, pod.priority) == expected
