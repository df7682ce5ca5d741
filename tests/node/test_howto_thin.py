"""The how-to page of a node without a daemon, followed literally."""

from __future__ import annotations

import re

import pytest

from tests.pages import follow

pytestmark = pytest.mark.usefixtures("root")


def test_running_a_node_without_a_daemon() -> None:
    """F79, F71."""
    printed = follow("how-to/do-without-a-daemon.md")
    assert '"program": "/run/node/net.d/plurimus.d/program"' in printed
    assert "\nplurimus.cli.cni\n" in printed
    levels = re.findall(r"^(ok|warning|problem) +(.*)$", printed, re.MULTILINE)
    assert len(levels) > 5
    assert {level for level, _ in levels} == {"ok"}
    assert re.search(r"^eth0 +veth +up .* 10\.244\.0\.2/24$", printed, re.MULTILINE)
    assert '"event": "attached"' in printed
    assert '"event": "detached"' in printed
    assert re.findall(r"^removed +(\S+)", printed, re.MULTILINE)[:3] == [
        "/run/node/net.d/00-plurimus.conflist",
        "/run/node/bin/plurimus",
        "/run/node/net.d/plurimus.d/program",
    ]
    assert printed.splitlines()[-1] == "10-pods.conflist"
