"""The how-to pages that need no cluster, followed literally."""

from __future__ import annotations

import re

import pytest

from tests.pages import follow

pytestmark = pytest.mark.usefixtures("root")


def test_trying_networks_without_a_cluster() -> None:
    printed = follow("how-to/try-without-a-cluster.md")
    assert "pod default/trainer: 2 interfaces" in printed
    assert re.search(r"^eth0 +veth +up .* 10\.244\.0\.2/24$", printed, re.MULTILINE)
    assert re.search(r"^net1 +macvlan +up .* 10\.56\.0\.2/24$", printed, re.MULTILINE)
    assert '"name": "default/data"' in printed
    assert re.search(r"of pod default/trainer deleted", printed)


def test_setting_up_a_node_and_taking_it_off_again() -> None:
    """F65, F71, F81."""
    printed = follow("how-to/set-up-a-node.md")
    assert re.search(r"^installed +/run/node/bin/plurimus", printed, re.MULTILINE)
    assert '"clusterNetwork": "/run/node/net.d/10-pods.conflist"' in printed
    levels = re.findall(r"^(ok|warning|problem) +(.*)$", printed, re.MULTILINE)
    assert len(levels) > 5
    assert {level for level, _ in levels} == {"ok"}
    assert re.search(r"^eth0 +veth +up .* 10\.244\.0\.2/24$", printed, re.MULTILINE)
    assert re.findall(r"^removed +(\S+)", printed, re.MULTILINE)[:2] == [
        "/run/node/net.d/00-plurimus.conflist",
        "/run/node/bin/plurimus",
    ]
    assert printed.splitlines()[-1] == "10-pods.conflist"
