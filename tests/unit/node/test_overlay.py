"""The daemon's file laid over what the runtime sends: for Plurimus itself, never for a delegate (F64, S26)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .world import Node


async def test_the_daemons_keys_win() -> None:
    """F64, F22: whole values, whatever the spelling of the key."""
    node = Node(netconf={"binDir": "/runtime"}, BINDIR="/daemon")
    await node.add()
    assert node.plugins.calls[0].search[0] == "/daemon"


async def test_the_runtimes_keys_count_where_the_daemon_has_none() -> None:
    """F64."""
    node = Node(netconf={"binDir": "/runtime"}, logLevel="debug")
    await node.add()
    assert node.plugins.calls[0].search[0] == "/runtime"


async def test_lists_are_replaced_not_joined() -> None:
    """F64."""
    node = Node(netconf={"defaultNetworks": ["d1"]}, defaultNetworks=["d2"])
    node.network("d2", namespace="kube-system")
    await node.add()
    assert node.plugins.made() == ["ADD bridge eth0", "ADD d2 net1"]


@pytest.mark.parametrize(
    ("keys", "made"),
    [
        pytest.param({"clusterNetwork": "other"}, ["ADD other eth0"], id="F14-clusterNetwork"),
        pytest.param({"multusNamespace": "infra"}, ["ADD infra eth0"], id="F19-multusNamespace"),
        pytest.param(
            {"clusterNetwork": "", "delegates": [{"name": "x", "type": "x"}]}, ["ADD x eth0"], id="F1-delegates"
        ),
    ],
)
async def test_the_daemon_may_choose_the_networks(keys: dict[str, Any], made: list[str]) -> None:
    """F64."""
    node = Node(**keys)
    node.network("other", namespace="kube-system")
    node.network("cbr0", namespace="infra", type="infra")
    await node.add()
    assert node.plugins.made() == made


async def test_the_folder_of_configurations_is_the_daemons(tmp_path: Path) -> None:
    """F15, F64."""
    (tmp_path / "10.conf").write_text(json.dumps({"name": "net", "type": "from-file"}))
    node = Node(netconf={"clusterNetwork": "net"}, confDir=str(tmp_path))
    await node.add()
    assert node.plugins.made() == ["ADD from-file eth0"]


async def test_the_daemons_version_is_not_the_answers() -> None:
    """F64: the runtime gets the version it asked in, and decides with it which verbs there are."""
    node = Node(netconf={"cniVersion": "1.1.0"}, cniVersion="0.3.1")
    assert (await node.call("ADD")).cni_version == "1.1.0"
    await node.call("STATUS")
    assert node.plugins.made("STATUS") == ["STATUS bridge"]


async def test_the_daemons_keys_are_in_no_delegate() -> None:
    """S26."""
    node = Node(cniVersion="0.3.1", logLevel="debug", binDir="/daemon", chrootDir="", multusNamespace="kube-system")
    node.networks("a")
    await node.add()
    await node.delete()
    given = [{k: v for k, v in call.conf.items() if k != "prevResult"} for call in node.plugins.calls]
    bridge, secondary = ({"type": "bridge", "name": "cbr0", "cniVersion": "1.1.0"},
                         {"type": "a", "name": "a", "cniVersion": "1.0.0"})  # fmt: skip
    assert given == [bridge, secondary, secondary, bridge]
