"""The tutorial, followed literally on a node that has no Plurimus."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.controlplane import ControlPlane
from tests.cluster.node import Node
from tests.cluster.programs import FOLDERS
from tests.node.snapshot import ip_json
from tests.pages import follow

from .daemonset import DaemonSet
from .places import STATE, default_places


class Nothing(DaemonSet):
    """A node before the tutorial; what the reader leaves is removed."""

    def _set_up(self) -> None:
        self.state = STATE


@pytest.fixture
def reader(logs: list[Path], control_plane: ControlPlane, node: Node, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of an administrator's shell on the node."""
    logs.append(tmp_path)
    path = ":".join([*map(str, FOLDERS), os.environ["PATH"]])
    with default_places(tmp_path / "places", node), Nothing(tmp_path, node, control_plane):
        yield {
            "PATH": path, "KUBECONFIG": str(control_plane.kubeconfig), "CONTAINERD_ADDRESS": node.containerd.socket
        }  # fmt: skip


def test_the_tutorial_leads_to_a_pod_with_two_interfaces(reader: dict[str, str]) -> None:
    """F1, F2, F27, F40, F83."""
    printed = follow("tutorial/a-pod-with-two-interfaces.md", env=reader, timeout=500)
    levels = re.findall(r"^(ok|warning|problem) +", printed, re.MULTILINE)
    assert len(levels) > 5
    assert set(levels) == {"ok"}
    assert re.search(r"^\d+: eth0", printed, re.MULTILINE)
    assert re.search(r"^\d+: net1", printed, re.MULTILINE)
    assert "inet 10.56.0.2/24" in printed
    (status,) = re.findall(r"^(\[\{.*?\}\])", printed, re.MULTILINE | re.DOTALL)
    assert [each["name"] for each in json.loads(status)][1] == "default/data"
    assert "Add net1 [10.56.0.2/24] from default/data" in printed
    assert "NoNetworkFound" in printed
    assert "(dta) in namespace (default)" in printed
    assert "data0" not in {link["ifname"] for link in ip_json("link")}
